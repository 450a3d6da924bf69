from pathlib import Path

import pytest

from matcher.errors import InputError
from matcher.sources.cpv import import_cpv
from matcher.store import Store
from matcher.store.names import cpv_names

pytestmark = pytest.mark.both_databases


def labels(lang: str, **names: str) -> str:
    """Make a label file as the eForms SDK has them."""
    entries = "".join(
        f'<entry key="code|name|cpv.{code[1:]}">{name} {lang}</entry>\n'
        for code, name in names.items()
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE properties SYSTEM "http://java.sun.com/dtd/properties.dtd">
<properties><comment>code. File generated from metadata database.</comment>
<entry key="code|name|accelerated-procedure.false">nei</entry>
{entries}</properties>"""


def test_names_are_read_in_every_language_and_shown_in_the_readers(
    store: Store, tmp_path: Path
) -> None:
    for lang in ("nb", "sv", "da", "el"):
        text = labels(lang, c34512100="Ferger", c34500000="Skip")
        (tmp_path / f"code_{lang}.xml").write_text(text, encoding="utf-8")
    (tmp_path / "notice_nb.xml").write_text("<properties/>")
    (tmp_path / "code_fi.xml").write_text("<broken")
    (tmp_path / "codes.xml").write_text(labels("xx", c34512100="Ferger"))
    done = import_cpv(store, [tmp_path])
    assert done.names == {"nb": 2, "sv": 2, "da": 2, "el": 2}
    assert len(done.refused) == 2
    codes = ["34512100", "34512900", "72000000", "99000000"]
    assert cpv_names(store, codes, "sv") == {
        "34512100": "Ferger sv", "34512900": "Skip sv", "72000000": "It-tjänster", "99000000": ""
    }  # fmt: skip
    # Nynorsk has no list of its own; Icelandic has none at all.
    assert cpv_names(store, codes[:1], "nn") == {"34512100": "Ferger nb"}
    assert cpv_names(store, codes[:1], "is") == {"34512100": "Ökutæki og flutningabúnaður"}
    (tmp_path / "code_nb.xml").write_text(labels("ny", c34512100="Ferger"))
    import_cpv(store, [tmp_path / "code_nb.xml"])
    assert cpv_names(store, codes[:2], "nb")["34512100"] == "Ferger ny"


def test_checking_writes_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "code_nb.xml").write_text(labels("nb", c34512100="Ferger"))
    assert import_cpv(store, [tmp_path], check=True).names == {"nb": 1}
    assert cpv_names(store, ["34512100"], "nb") == {"34512100": "Kjøretøy og transportutstyr"}


def test_entities_are_refused_and_a_missing_path_is_said(store: Store, tmp_path: Path) -> None:
    bomb = labels("nb", c34512100="&x;").replace(
        'SYSTEM "http://java.sun.com/dtd/properties.dtd"', '[<!ENTITY x "lol">]'
    )
    (tmp_path / "code_nb.xml").write_text(bomb)
    (refusal,) = import_cpv(store, [tmp_path]).refused
    assert "entity" in refusal.reason
    with pytest.raises(InputError):
        import_cpv(store, [tmp_path / "nowhere"])
