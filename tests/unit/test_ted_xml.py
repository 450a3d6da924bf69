from datetime import date
from pathlib import Path

import pytest

from matcher.records import Need, Procedure
from matcher.sources.base import Item, Refusal, Remark, SetAside
from matcher.sources.notices import read_notices
from tests.notices import ted


def read(tmp_path: Path, content: str) -> Item:
    (tmp_path / "notice.xml").write_text(content, encoding="utf-8")
    (item,) = read_notices([tmp_path])
    return item


def test_a_contract_notice_becomes_a_need_with_everything_it_says(tmp_path: Path) -> None:
    need = read(tmp_path, ted(languages=("SV", "FI"), buyers=17, lots=3, central=True))
    assert isinstance(need, Need)
    assert (need.id, need.country, need.region) == ("000123-2020", "SE", "SE110")
    # The original first; the titles of the translation section are names of CPV codes.
    assert [(t.lang, t.title, t.body) for t in need.texts] == [
        ("sv", "Färja SV", "Rena färjor SV"), ("fi", "Färja FI", "Rena färjor FI")
    ]  # fmt: skip
    assert [b.name for b in need.buyers] == [f"Stad {n}" for n in range(1, 18)]
    assert [b.lead for b in need.buyers] == [True] + 16 * [False]
    assert [b.central_purchasing_body for b in need.buyers] == [True] + 16 * [False]
    assert need.buyers[0].contact is not None
    assert "Anna" not in need.model_dump_json()
    assert need.cpv == ("34512100", "50240001", "50240002", "50240003")
    assert [p.id for p in need.parts] == ["1", "2", "3"]
    assert [p.cpv for p in need.parts][1] == ("50240002",)
    assert [(t.lang, t.title, t.body) for t in need.parts[2].texts] == [
        ("sv", "Del 3 SV", "Text 3 SV\nRad två"), ("fi", "Del 3 FI", "Text 3 FI\nRad två")
    ]  # fmt: skip
    assert (need.published, need.deadline) == (date(2020, 5, 2), date(2020, 6, 30))
    assert (need.value, need.currency) == (1000.5, "SEK")


def test_without_lots_the_description_is_the_needs_own(tmp_path: Path) -> None:
    need = read(tmp_path, ted())
    assert isinstance(need, Need)
    assert need.parts == ()
    assert need.texts[0].body == "Rena färjor SV\nText 1 SV\nRad två"
    assert need.cpv == ("34512100", "50240001")
    assert not need.buyers[0].lead


@pytest.mark.parametrize(
    ("form", "notice", "wanted"),
    [("F01", "PRI_ONLY", Need), ("F01", "PRI_CALL_COMPETITION", Need), ("F21", "CONTRACT", Need),
     ("F21", "AWARD_CONTRACT", "award notice"), ("F03", "", "award notice"), ("F12", "", Need),
     ("F22", "QSU_ONLY", Need), ("F23", "CONCESSION_AWARD_CONTRACT", "award notice"),
     ("F14", "", "corrigendum"), ("F15", "", "direct award notice"), ("F24", "", Need),
     ("F20", "", "contract modification notice"), ("F08", "", Need), ("F25", "", "award notice")],
)  # fmt: skip
def test_the_form_tells_what_a_notice_is(
    tmp_path: Path, form: str, notice: str, wanted: object
) -> None:
    item = read(tmp_path, ted(form, notice=notice))
    if wanted is Need:
        assert isinstance(item, Need)
        assert item.notice_type == form
    else:
        assert isinstance(item, SetAside)
        assert item.reason == wanted


def test_a_prior_information_notice_may_invite_to_a_dialogue(tmp_path: Path) -> None:
    item = read(tmp_path, ted("F01", notice="PRI_ONLY", body="Vi bjuder in till leverantörsdialog"))
    assert isinstance(item, Need)
    assert item.procedure is Procedure.OPEN_DIALOGUE


def test_winners_feed_the_history(tmp_path: Path) -> None:
    won = """<AWARD_CONTRACT ITEM="1"><LOT_NO>2</LOT_NO><AWARDED_CONTRACT><CONTRACTORS>
    <CONTRACTOR><ADDRESS_CONTRACTOR><OFFICIALNAME>Båt AB</OFFICIALNAME>
    <NATIONALID>556016-0680</NATIONALID><COUNTRY VALUE="SE"/></ADDRESS_CONTRACTOR></CONTRACTOR>
    <CONTRACTOR><ADDRESS_CONTRACTOR><OFFICIALNAME>Lautta Oy</OFFICIALNAME><COUNTRY VALUE="FI"/>
    </ADDRESS_CONTRACTOR></CONTRACTOR></CONTRACTORS><VALUES><VAL_TOTAL CURRENCY="SEK">7</VAL_TOTAL>
    </VALUES></AWARDED_CONTRACT></AWARD_CONTRACT>"""
    coded = "<REF_NOTICE><NO_DOC_OJS>2019/S 246-564613</NO_DOC_OJS></REF_NOTICE>"
    item = read(tmp_path, ted("F03", extra=won, coded=coded))
    assert isinstance(item, SetAside)
    assert item.history is not None
    assert [(a.name, a.country, a.lot, a.value) for a in item.history.awards] == [
        ("Båt AB", "SE", "2", 7), ("Lautta Oy", "FI", "2", 7)
    ]  # fmt: skip
    assert item.history.earlier_notices == ("564613-2019",)


OLDER = """<?xml version="1.0"?><TED_EXPORT xmlns="http://publications.europa.eu/TED_schema/Export">
<CODED_DATA_SECTION><NOTICE_DATA><NO_DOC_OJS>2013/S 105-327209</NO_DOC_OJS></NOTICE_DATA>
</CODED_DATA_SECTION><FORM_SECTION><CONTRACT CATEGORY="ORIGINAL" LG="DA"><FD_CONTRACT>
<CONTRACTING_AUTHORITY_INFORMATION><NAME_ADDRESSES_CONTACT_CONTRACT><CA_CE_CONCESSIONAIRE_PROFILE>
<ORGANISATION><OFFICIALNAME>Aarhus Kommune</OFFICIALNAME><NATIONALID>55133018</NATIONALID>
</ORGANISATION><COUNTRY VALUE="DK"/><E_MAILS><E_MAIL>x@aarhus.example</E_MAIL></E_MAILS>
</CA_CE_CONCESSIONAIRE_PROFILE></NAME_ADDRESSES_CONTACT_CONTRACT>
</CONTRACTING_AUTHORITY_INFORMATION>
<OBJECT_CONTRACT_INFORMATION><DESCRIPTION_CONTRACT_INFORMATION>
<TITLE_CONTRACT><P>Færger</P></TITLE_CONTRACT>
<SHORT_CONTRACT_DESCRIPTION><P>Rene færger</P></SHORT_CONTRACT_DESCRIPTION>
<CPV><CPV_MAIN><CPV_CODE CODE="34512100"/></CPV_MAIN></CPV>
<F02_DIVISION_INTO_LOTS><F02_DIV_INTO_LOT_YES><F02_ANNEX_B><LOT_NUMBER>1</LOT_NUMBER>
<LOT_TITLE>Skrog</LOT_TITLE><LOT_DESCRIPTION><P>Et skrog</P></LOT_DESCRIPTION>
<CPV><CPV_MAIN><CPV_CODE CODE="50241000"/></CPV_MAIN></CPV></F02_ANNEX_B></F02_DIV_INTO_LOT_YES>
</F02_DIVISION_INTO_LOTS></DESCRIPTION_CONTRACT_INFORMATION>
<QUANTITY_SCOPE><NATURE_QUANTITY_SCOPE><COSTS_RANGE_AND_CURRENCY CURRENCY="DKK">
<VALUE_COST FMTVAL="160000">160 000</VALUE_COST></COSTS_RANGE_AND_CURRENCY></NATURE_QUANTITY_SCOPE>
</QUANTITY_SCOPE></OBJECT_CONTRACT_INFORMATION>
<RECEIPT_LIMIT_DATE><DAY>3</DAY><MONTH>7</MONTH><YEAR>2013</YEAR></RECEIPT_LIMIT_DATE>
</FD_CONTRACT></CONTRACT></FORM_SECTION></TED_EXPORT>"""


def test_the_older_schema_is_read_too(tmp_path: Path) -> None:
    need = read(tmp_path, OLDER)
    assert isinstance(need, Need)
    assert need.id == "327209-2013"
    assert [(t.lang, t.title, t.body) for t in need.texts] == [("da", "Færger", "Rene færger")]
    assert [(b.name, b.organisation_number) for b in need.buyers] == [
        ("Aarhus Kommune", "55133018")
    ]
    (part,) = need.parts
    assert (part.id, part.texts[0].title, part.texts[0].body) == ("1", "Skrog", "Et skrog")
    assert (part.cpv, need.cpv) == (("50241000",), ("34512100", "50241000"))
    assert (need.value, need.currency, need.deadline) == (160_000, "DKK", date(2013, 7, 3))


def test_codes_of_dissolved_divisions_are_carried_over_and_remarked_on(tmp_path: Path) -> None:
    content = ted().replace("50240001", "74112000")
    (tmp_path / "a.xml").write_text(content, encoding="utf-8")
    need, remark = read_notices([tmp_path])
    assert isinstance(need, Need)
    assert need.cpv == ("34512100", "79000000")
    assert isinstance(remark, Remark)
    assert "2003" in remark.reason


@pytest.mark.parametrize(
    ("content", "field"),
    [(ted().replace("F02", "F99"), "FORM"), ("<TED_EXPORT/>", "DOC_ID"),
     (ted()[:200] + ">", ""), ('<TED_EXPORT DOC_ID="1-2020"/>', "FORM_SECTION")],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_whole_and_can_be_mended(
    tmp_path: Path, content: str, field: str
) -> None:
    item = read(tmp_path, content)
    assert isinstance(item, Refusal)
    assert item.field == field
    assert item.content == {"xml": content}
