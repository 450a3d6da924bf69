import csv

import pytest

from matcher.embed import StaticEncoder
from matcher.errors import InputError
from matcher.glossary import FOLDER, Glossary
from matcher.languages import LANGUAGES


@pytest.fixture(scope="module")
def glossary() -> Glossary:
    return Glossary.read()


def test_a_term_is_found_in_any_language(glossary: Glossary, encoder: StaticEncoder) -> None:
    for word, lang in (("skytjeneste", "nb"), ("pilvipalvelu", "fi"), ("Cloud-Dienst", "de")):
        (first, *others) = glossary.look_up(word, encoder, lang)
        assert first.similarity == 1
        assert "cloud service" in first.concept.words["en"]
        assert len(others) == 4
        assert all(o.similarity < 1.01 for o in others)


def test_a_word_that_is_not_in_it_finds_its_like(
    glossary: Glossary, encoder: StaticEncoder
) -> None:
    found = glossary.look_up("skytjenesteleverandørene", encoder, "nb")
    assert any("sky" in f.concept.words["nb"][0] for f in found)


def test_nothing_to_look_up_is_an_error(glossary: Glossary, encoder: StaticEncoder) -> None:
    with pytest.raises(InputError):
        glossary.look_up("  ", encoder)


def test_it_is_as_large_as_promised_and_every_cell_is_filled(glossary: Glossary) -> None:
    assert len(glossary.concepts) >= 6000
    assert len({c.words["en"][0].casefold() for c in glossary.concepts}) >= 6000
    sentences = 0
    for path in FOLDER.glob("*.tsv"):
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
        assert rows[0] == list(LANGUAGES), path.name
        assert all(len(row) == 8 and all(c.strip() for c in row) for row in rows), path.name
        sentences += (len(rows) - 1) * path.name.startswith("sentences")
    assert sentences >= 2000
