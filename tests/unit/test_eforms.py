import time
from datetime import date
from pathlib import Path

import pytest

from matcher.records import Commitment, Need, Procedure
from matcher.sources.base import Item, Refusal, SetAside
from matcher.sources.notices import read_notices
from tests.conftest import FIXTURES

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
