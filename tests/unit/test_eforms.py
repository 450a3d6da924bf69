import gzip
import io
import tarfile
import time
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from matcher.records import Commitment, Need, Procedure
from matcher.sources.base import Item, Refusal, Remark, SetAside
from matcher.sources.notices import read_notices
from tests.conftest import FIXTURES
from tests.notices import RESULT, eforms, uuid

NOTICE = (FIXTURES / "consultation.xml").read_text(encoding="utf-8")


def read(tmp_path: Path, content: str | bytes) -> Item:
    path = tmp_path / "notice.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (item,) = read_notices([tmp_path])
    return item


def test_a_consultation_becomes_a_need_with_everything_it_says(tmp_path: Path) -> None:
    need = read(tmp_path, NOTICE)
    assert isinstance(need, Need)
    assert need.id == "aaaaaaaa-0000-4000-8000-000000000001"
    assert [(t.lang, t.title) for t in need.texts] == [
        ("nb", "Dialog om utslippsfrie ferger"), ("sv", "Dialog om utsläppsfria färjor")
    ]  # fmt: skip
    assert need.texts[0].body.endswith("uten utslipp.\nDialogmøte i april.")
    assert need.cpv == ("34512100", "31158000")
    assert (need.country, need.region) == ("NO", "NO0A2")
    assert (need.value, need.currency) == (42_000_000, "NOK")
    assert (need.published, need.deadline) == (date(2026, 3, 5), date(2026, 4, 30))
    assert (need.notice_type, need.procedure) == ("pmc", Procedure.OPEN_DIALOGUE)
    assert need.innovation
    assert need.url.endswith("00123456-2026")
    lead, central = need.buyers
    assert (lead.name, lead.country, lead.lead) == ("Fjordvik kommune", "NO", True)
    assert lead.organisation_number == "999 601 391"
    assert lead.contact is not None
    assert lead.contact.email == "kari@fjordvik.example"
    assert (central.name, central.central_purchasing_body) == ("Sydkustens inköpscentral", True)
    assert central.commitment is Commitment.DECLARES_INTENT
    (part,) = need.parts
    assert (part.id, part.texts[0].title, part.cpv) == ("LOT-0001", "Lading ved kai", ("31158000",))


def test_contact_persons_are_not_in_what_is_indexed(tmp_path: Path) -> None:
    need = read(tmp_path, NOTICE)
    assert isinstance(need, Need)
    assert "Kari" not in need.model_dump_json()


@pytest.mark.parametrize(
    ("form", "kind", "reason"),
    [("result", "can-standard", "award notice"), ("dir-awa-pre", "veat", "direct award notice"),
     ("", "can-modif", "contract modification notice"),
     ("bri", "brin-ecs", "business registration")],
)  # fmt: skip
def test_other_notices_are_set_aside(tmp_path: Path, form: str, kind: str, reason: str) -> None:
    item = read(tmp_path, NOTICE.replace('"consultation">pmc', f'"{form}">{kind}'))
    assert isinstance(item, SetAside)
    assert reason in item.reason


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE n [<!ENTITY a "lol">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(20))
    + "]><n>&u;</n>"
)
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE n [<!ENTITY x SYSTEM "file:///etc/passwd">]><n>&x;</n>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "empty"), ("<notice>", "not well-formed"),
     (NOTICE[: len(NOTICE) // 2], "not well-formed"),
     (BOMB, ""), (OUTSIDE, "document type"), ("<testSet/>", "testSet is no notice"),
     (NOTICE.replace('"consultation">pmc', '"">zzz'), "zzz"),
     (b"\xff\xfe\x00\x01", "not well-formed"), ("plain text", "not well-formed")],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_at_once(
    tmp_path: Path, content: str | bytes, reason: str
) -> None:
    started = time.monotonic()
    item = read(tmp_path, content)
    assert isinstance(item, Refusal)
    assert reason in item.reason
    assert "root:" not in str(item)
    assert time.monotonic() - started < 60


def test_a_notice_without_any_text_is_refused(tmp_path: Path) -> None:
    import re

    bare = re.sub(r"<cbc:(Name|Description|Note) languageID[^/]*/cbc:\1>", "", NOTICE)
    item = read(tmp_path, bare)
    assert isinstance(item, Refusal)
    assert item.field == "BT-21"


def needs(tmp_path: Path, **content: object) -> Need:
    found = read(tmp_path, eforms(**content))  # type: ignore[arg-type]
    assert isinstance(found, Need)
    return found


def test_every_buyer_lot_and_language_is_kept(tmp_path: Path) -> None:
    codes = ("NOB", "BUL", "CES", "DAN", "DEU", "ELL", "EST", "FIN", "FRA", "GLE", "HRV", "HUN",
             "ITA", "LIT", "LAV", "MLT", "NLD", "POL", "POR", "RON", "SLK", "SLV", "SPA",
             "SWE")  # fmt: skip
    need = needs(tmp_path, languages=codes, buyers=17, lots=100)
    assert [b.name for b in need.buyers] == [f"Kommune {n}" for n in range(1, 18)]
    assert [b.organisation_number for b in need.buyers][16] == "999000017"
    assert [b.lead for b in need.buyers] == [True] + 16 * [False]
    assert [n for n, b in enumerate(need.buyers) if b.central_purchasing_body] == [1]
    assert {b.country for b in need.buyers} == {"NO"}
    assert [p.id for p in need.parts] == [f"LOT-{n:04d}" for n in range(1, 101)]
    assert (len(need.texts), need.texts[0].lang) == (24, "nb")
    assert all(len(p.texts) == 24 for p in need.parts)
    by_lang = {t.lang: t for t in need.parts[99].texts}
    assert (by_lang["sv"].title, by_lang["sv"].body) == ("Lot 100 SWE", "Del 100 SWE")
    assert need.cpv == ("60600000", "34512100")
    assert need.parts[0].cpv == ("34512100", "50241000")
    assert need.deadline == date(2026, 5, 28)


def test_links_to_earlier_and_changed_notices(tmp_path: Path) -> None:
    need = needs(tmp_path, number=3, earlier=uuid(1), changed=uuid(2))
    assert need.earlier_notices == (uuid(1),)
    assert (need.replaces, need.procedure_id) == (uuid(2), "folder-3")
    cancelled = read(tmp_path, eforms(number=3, changed=uuid(2), reason="cancel"))
    assert isinstance(cancelled, SetAside)
    assert cancelled.removes == uuid(2)


@pytest.mark.parametrize(
    "text",
    ["Invitasjon til markedsdialog", "Innbyding til dialogkonferanse", "Leverantörsträff om färjor",
     "Markedsundersøgelse om færger", "Tietopyyntö lautoista", "Markaðskönnun um ferjur",
     "Market sounding on ferries", "Markterkundung zu Fähren", "RFI: ferries"],
)  # fmt: skip
def test_a_plan_that_invites_to_a_dialogue_is_told_by_its_text(tmp_path: Path, text: str) -> None:
    plan = {"root": "PriorInformationNotice", "form": "planning", "kind": "pin-only"}
    assert needs(tmp_path, title=text, **plan).procedure is Procedure.OPEN_DIALOGUE
    assert needs(tmp_path, title="Ferger", **plan).procedure is Procedure.OTHER
    # A competition that speaks of a dialogue is none.
    assert needs(tmp_path, title=text).procedure is Procedure.OTHER


def test_a_wrong_code_is_left_out_and_remarked_on(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(NOTICE.replace("34512100", "34512100-99"), encoding="utf-8")
    need, remark = read_notices([tmp_path])
    assert isinstance(need, Need)
    assert need.cpv == ("31158000",)
    assert isinstance(remark, Remark)
    assert "34512100-99" in str(remark)
    assert need.id in str(remark)


def test_the_history_is_of_those_who_won(tmp_path: Path) -> None:
    root, form, kind = "ContractAwardNotice", "result", "can-standard"
    item = read(
        tmp_path, eforms(root=root, form=form, kind=kind, buyers=3, result=RESULT, earlier=uuid(1))
    )
    assert isinstance(item, SetAside)
    assert item.history is not None
    (award,) = item.history.awards
    assert (award.name, award.lot, award.value) == ("Kommune 2", "LOT-0001", 1200)
    assert item.history.earlier_notices == (uuid(1),)


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.xml.gz"])
def test_notices_are_read_out_of_archives(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    data = eforms().encode()
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("d/1.xml", data)
            archive.writestr("d/2.xml", b"<broken")
    elif name.endswith(".tar.gz"):
        with tarfile.open(path, "w:gz") as archive:
            for place, content in enumerate((data, b"<broken")):
                info = tarfile.TarInfo(f"d/{place}.xml")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    else:
        path.write_bytes(gzip.compress(data))
    found = list(read_notices([tmp_path]))
    assert isinstance(found[0], Need)
    assert [type(i) for i in found[1:]] == ([] if name == "a.xml.gz" else [Refusal])


def test_bombs_are_refused_at_once(tmp_path: Path) -> None:
    zeros = b"<a>" + b"0" * 60_000_000
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a.xml", zeros)
    (tmp_path / "c.xml.gz").write_bytes(gzip.compress(zeros, compresslevel=1))
    (tmp_path / "d.xml").write_text(BOMB)
    del zeros
    for path in sorted(tmp_path.iterdir()):
        started = time.process_time()
        (item,) = read_notices([path])
        assert isinstance(item, Refusal), path
        assert time.process_time() - started < 30, path


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("cac:TenderSubmissionDeadlinePeriod", 2), ("efac:InterestExpressionReceptionPeriod", 2),
     ("efac:AnswerReceptionPeriod", 2)],
)  # fmt: skip
def test_each_kind_of_deadline_counts(tmp_path: Path, given: str, wanted: int) -> None:
    notice = eforms().replace("cac:TenderSubmissionDeadlinePeriod", given)
    need = read(tmp_path, notice)
    assert isinstance(need, Need)
    assert need.deadline == date(2026, 5, wanted)


def test_a_text_without_a_language_is_in_the_notices_own(tmp_path: Path) -> None:
    need = read(tmp_path, eforms(languages=("SWE",)).replace(' languageID="SWE"', ""))
    assert isinstance(need, Need)
    assert [t.lang for t in (*need.texts, *need.parts[0].texts)] == ["sv", "sv"]


@pytest.mark.parametrize(
    "written",
    [
        lambda xml: b"\n\n " + xml.encode(),
        lambda xml: b"\xef\xbb\xbf" + xml.encode(),
        lambda xml: xml.replace("UTF-8", "UTF-16").encode("utf-16"),
        lambda xml: xml.replace("UTF-8", "ISO-8859-1").encode("latin-1"),
        lambda xml: xml.replace("\n", "\r\n").encode(),
        lambda xml: xml.replace("Ferge NOB", "<![CDATA[Ferge]]> <!-- x -->NOB").encode(),
        lambda xml: xml.replace("cac:", "a:").replace(":cac=", ":a=").encode(),
        lambda xml: xml.replace("cbc:", "q:").replace(":cbc=", ":q=").encode(),
    ],
    ids=["space", "bom", "utf-16", "latin-1", "crlf", "cdata", "prefix", "other prefix"],
)
def test_every_legal_writing_gives_the_same_need(
    tmp_path: Path, written: Callable[[str], bytes]
) -> None:
    xml = eforms(buyers=2, lots=2).lstrip()
    assert read(tmp_path, written(xml)) == read(tmp_path, xml)
