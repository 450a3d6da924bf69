"""Notices in the XML of TED before eForms: schemas R2.0.9 (forms F01 to F25) and R2.0.8.

Documentation: the Publications Office's "TED XML schemas", forms and their element names. One
document holds one notice in the language it was written in (``CATEGORY="ORIGINAL"``) and maybe
in others. The titles under TRANSLATION_SECTION are no translations: they name the main CPV code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from matcher.codes import check_cpv
from matcher.records import (
    Award,
    AwardNotice,
    Buyer,
    Commitment,
    Contact,
    Need,
    Part,
    Procedure,
    Text,
)
from matcher.sources.base import Item, Remark, SetAside
from matcher.sources.dialogue import invites_to_dialogue
from matcher.sources.xml import (
    Element,
    UnreadableError,
    country_of,
    date_of,
    language_of,
    local_name,
    number_of,
)

# Form -> what it is, where the form alone tells. R2.0.8 numbers them without the F.
_FORMS = {
    "1": "planning", "2": "competition", "3": "result", "4": "planning", "5": "competition",
    "6": "result", "7": "competition", "8": "planning", "9": "competition", "10": "competition",
    "11": "competition", "12": "competition", "13": "result", "14": "corrigendum",
    "15": "direct award", "16": "planning", "17": "competition", "18": "result",
    "19": "competition", "20": "modification", "21": "competition", "22": "competition",
    "23": "competition", "24": "competition", "25": "result", "T01": "planning",
    "T02": "result", "51": "corrigendum",
}  # fmt: skip
# <NOTICE TYPE="...">, in the forms that serve for several stages (F01, F04, F07, F21 to F23).
_STAGES = (
    ("AWARD", "result"),
    ("CALL_COMPETITION", "competition"),
    ("QSU_", "competition"),
    ("CONTRACT", "competition"),
    ("CONCESSION_AWARD", "result"),
    ("PRI", "planning"),
)
# Names of R2.0.8's forms, where they carry no number.
_NAMES = (
    ("CORRIGENDUM", "corrigendum"),
    ("VOLUNTARY_EX_ANTE", "direct award"),
    ("CONTRACT_AWARD", "result"),
    ("RESULT_DESIGN", "result"),
    ("PRIOR_INFORMATION", "planning"),
    ("PERIODIC_INDICATIVE", "planning"),
    ("BUYER_PROFILE", "planning"),
    ("CONTRACT", "competition"),
    ("CONCESSION", "competition"),
    ("DESIGN_CONTEST", "competition"),
    ("QUALIFICATION", "competition"),
)
_SET_ASIDE = {
    "result": "award notice",
    "direct award": "direct award notice",
    "modification": "contract modification notice",
    "corrigendum": "corrigendum",
    "business": "business registration notice",
}
# TD_DOCUMENT_TYPE, where the form says nothing.
_DOCUMENT_TYPES = {
    "0": "planning", "B": "planning", "P": "planning", "Y": "planning", "1": "corrigendum",
    "2": "corrigendum", "K": "modification", "7": "result", "J": "result", "R": "result",
    "V": "direct award", "G": "business", "S": "business", "3": "competition", "4": "competition",
    "5": "competition", "9": "competition", "A": "competition", "C": "competition",
    "D": "competition", "E": "competition", "F": "competition", "M": "competition",
    "O": "competition", "Q": "competition",
}  # fmt: skip
_OBJECTS = (
    "OBJECT_CONTRACT",
    "OBJECT_CONTRACT_INFORMATION",
    "OBJECT_WORKS_SUPPLIES_SERVICES_PRIOR_INFORMATION",
    "OBJECT_CONTRACT_INFORMATION_CONTRACT_AWARD_NOTICE",
    "OBJECT_DESIGN_CONTEST",
    "OBJECT_WORKS_PRIOR_INFORMATION",
    "OBJECT_SUPPLIES_SERVICES_PRIOR_INFORMATION",
)
_TITLES = ("TITLE", "TITLE_CONTRACT", "TITLE_DESIGN_CONTACT_NOTICE", "LOT_TITLE")
_BODIES = (
    "SHORT_DESCR",
    "SHORT_CONTRACT_DESCRIPTION",
    "DESCRIPTION_OF_CONTRACT",
    "LOT_DESCRIPTION",
    "SHORT_DESCRIPTION_CONTRACT_OR_PURCHASE",
    "TOTAL_QUANTITY_OR_SCOPE",
)


def read_ted_notice(root: Element, file: str) -> Iterator[Item]:
    """Read one TED_EXPORT document.

    Yields:
        A need per notice of planning or competition, any other kind set aside; remarks on codes
        that are left out.

    Raises:
        UnreadableError: It lacks what it cannot do without.
        pydantic.ValidationError: A field is beyond what a record may hold.
    """
    # Namespaces differ from release to release and within one document (NUTS).
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = local_name(element)
    number = _value(root, "CODED_DATA_SECTION/NOTICE_DATA/NO_DOC_OJS")
    notice = root.get("DOC_ID", "").strip() or _publication(number) or number
    if not notice:
        raise UnreadableError("DOC_ID", "the notice has no id")
    forms = _forms(root)
    if not forms:
        raise UnreadableError("FORM_SECTION", "the document holds no form")
    stage = _stage(root, forms[0])
    if stage == "":
        form = forms[0].get("FORM") or forms[0].tag
        raise UnreadableError("FORM", f"form {form!r} is not known")
    remarks: list[Remark] = []
    if stage in _SET_ASIDE:
        won = stage in ("result", "direct award")
        history = _award_notice(root, forms[0], notice) if won else None
        yield SetAside(file, notice, _SET_ASIDE[stage], history)
        return
    yield _need(root, forms, stage, notice, file, remarks)
    yield from remarks


def _forms(root: Element) -> list[Element]:
    """The notice's forms, one a language, the original first."""
    section = root.find("FORM_SECTION")
    forms = [] if section is None else [e for e in section if e.tag != "NOTICE_UUID"]
    return sorted(forms, key=lambda form: form.get("CATEGORY") != "ORIGINAL")


def _stage(root: Element, form: Element) -> str:
    notice = form.find("NOTICE")
    kind = "" if notice is None else notice.get("TYPE", "")
    for word, stage in _STAGES:
        if word in kind:
            return stage
    number = (form.get("FORM") or form.tag.partition("_")[0]).upper()
    number = number.removeprefix("F").lstrip("0") or number
    if "EEIG" in form.tag:
        return "business"
    if number in _FORMS:
        return _FORMS[number]
    for word, stage in _NAMES:
        if word in form.tag:
            return stage
    document = root.find(".//TD_DOCUMENT_TYPE")
    return _DOCUMENT_TYPES.get("" if document is None else document.get("CODE", ""), "")


def _need(
    root: Element,
    forms: list[Element],
    stage: str,
    notice: str,
    file: str,
    remarks: list[Remark],
) -> Need:
    texts = tuple(_text(form) for form in forms)
    texts = tuple(t for t in texts if t.title or t.body)
    if not texts:
        raise UnreadableError("TITLE", "the notice has neither title nor description")
    original = forms[0]
    buyers = _buyers(original, stage)
    value, currency = _estimate(original)
    return Need(
        id=notice,
        texts=texts,
        country=next((b.country for b in buyers if b.country), "")
        or country_of(_code(root, ".//ISO_COUNTRY", "VALUE")),
        region=_nuts(original),
        cpv=_cpv(_whole(original), file, notice, remarks),
        url=f"https://ted.europa.eu/en/notice/-/detail/{notice}",
        source="ted-xml",
        source_id=notice,
        buyers=buyers,
        parts=_parts(forms, file, notice),
        procedure=_procedure(original, stage, texts),
        notice_type=(original.get("FORM") or original.tag)[:30],
        published=date_of(_value(root, "DATE_PUB")) or _dispatched(root),
        deadline=_deadline(root, original),
        value=value,
        currency=currency,
        procedure_id=_value(original, "OBJECT_CONTRACT/REFERENCE_NUMBER"),
        earlier_notices=_earlier(root, original, notice),
    )


def _award_notice(root: Element, form: Element, notice: str) -> AwardNotice:
    return AwardNotice(
        id=notice,
        source="ted-xml",
        title=_text(form).title,
        procedure_id=_value(form, "OBJECT_CONTRACT/REFERENCE_NUMBER"),
        earlier_notices=_earlier(root, form, notice),
        published=date_of(_value(root, "DATE_PUB")) or _dispatched(root),
        buyers=_buyers(form, "competition"),
        cpv=_cpv(_whole(form), "", notice, []),
        awards=_awards(form),
    )


# -- texts and lots


def _whole(form: Element) -> list[Element]:
    """The elements that describe what is bought: one, or one a planned contract (F01)."""
    found = [e for e in form.iter() if e.tag in _OBJECTS]
    return found or [form]


def _lots(thing: Element) -> list[Element]:
    """The lots of one object, none if it is not divided."""
    described = thing.findall("OBJECT_DESCR")
    divided = thing.find("LOT_DIVISION") is not None or len(described) > 1
    if described:
        return described if divided else []
    return [e for e in thing.iter() if re.fullmatch(r"(F\d\d_)?ANNEX_B\w*|LOT_PRIOR_\w+", e.tag)]


def _text(form: Element) -> Text:
    """Title and description of the whole in one form's language."""
    things = _whole(form)
    titles = [_first_text(thing, _TITLES) for thing in things]
    bodies = []
    for thing in things:
        lots = _lots(thing)
        bodies += [
            _paragraphs(e)
            for e in thing.iter()
            if e.tag in _BODIES and not any(_inside(e, lot) for lot in lots)
        ]
    return Text(
        lang=language_of(form.get("LG")),
        title=next(filter(None, titles), ""),
        body="\n".join(dict.fromkeys(filter(None, bodies))),
    )


def _inside(element: Element, other: Element) -> bool:
    return any(ancestor is other for ancestor in element.iterancestors())


def _parts(forms: list[Element], file: str, notice: str) -> tuple[Part, ...]:
    """The lots, with their texts in all languages; planned contracts count as lots."""
    by_form = [_numbered(form) for form in forms]
    parts = []
    for place, (number, lot) in enumerate(by_form[0]):
        texts = []
        for form, numbered in zip(forms, by_form, strict=True):
            if place < len(numbered):
                found = numbered[place][1]
                text = Text(
                    lang=language_of(form.get("LG")),
                    title=_first_text(found, _TITLES),
                    body="\n".join(
                        _paragraphs(e) for e in found.iter() if e.tag in _BODIES and len(e)
                    )
                    or _first_text(found, _BODIES),
                )
                texts += [text] if text.title or text.body else []
        parts.append(Part(id=number, texts=tuple(texts), cpv=_cpv([lot], file, notice, [])))
    return tuple(parts)


def _numbered(form: Element) -> list[tuple[str, Element]]:
    """Lots by number; where several contracts are planned, by the contract's number first."""
    things = _whole(form)
    several = len(things) > 1
    found = []
    for place, thing in enumerate(things, start=1):
        item = thing.get("ITEM") or str(place)
        lots = _lots(thing)
        for count, lot in enumerate(lots, start=1):
            number = _value(lot, "LOT_NO") or _value(lot, "LOT_NUMBER") or lot.get("ITEM")
            number = number or str(count)
            found.append((f"{item}-{number}" if several else number, lot))
        if several and not lots:
            found.append((item, thing))
    return found


def _paragraphs(element: Element) -> str:
    """Text of an element, a line a paragraph."""
    paragraphs = element.findall(".//P") or [element]
    lines = (" ".join("".join(map(str, p.itertext())).split()) for p in paragraphs)
    return "\n".join(filter(None, lines))


def _first_text(parent: Element, names: tuple[str, ...]) -> str:
    found = (e for name in names for e in parent.iter(name))
    return next(filter(None, map(_paragraphs, found)), "")


def _value(parent: Element, path: str) -> str:
    found = parent.find(path if "/" in path else f".//{path}")
    return "" if found is None else "".join(map(str, found.itertext())).strip()


def _code(parent: Element, path: str, attribute: str = "CODE") -> str:
    found = parent.find(path)
    return "" if found is None else found.get(attribute, "")


# -- codes, places, amounts and dates


def _cpv(things: list[Element], file: str, notice: str, remarks: list[Remark]) -> tuple[str, ...]:
    """Main codes first, then the additional ones."""
    mains = [c for t in things for c in t.iterfind(".//CPV_MAIN/CPV_CODE")]
    others = [c for t in things for c in t.iter("CPV_CODE") if c not in mains]
    codes = []
    for element in [*mains, *others]:
        plain, remark = check_cpv(element.get("CODE", ""))
        if plain:
            codes.append(plain)
        if remark:
            remarks.append(Remark(file, notice, "CPV_CODE", remark))
    return tuple(dict.fromkeys(codes))


def _nuts(form: Element) -> str:
    """Where it is to be done, else nothing: the buyer's own place is another matter."""
    codes = (n.get("CODE", "") for thing in _whole(form) for n in thing.iter("NUTS"))
    return next(filter(None, codes), "")


def _estimate(form: Element) -> tuple[float | None, str]:
    """Estimated value, the middle of a range where one is given (R2.0.8: the greatest)."""
    for element in form.iter("VAL_ESTIMATED_TOTAL", "VAL_TOTAL", "VAL_OBJECT"):
        if (number := number_of(element.text)) is not None and element.tag != "VAL_OBJECT":
            return number, element.get("CURRENCY", "")[:3]
    objects = [e for e in form.iter("VAL_OBJECT") if number_of(e.text) is not None]
    if objects and len({e.get("CURRENCY") for e in objects}) == 1:
        return sum(number_of(e.text) or 0 for e in objects), objects[0].get("CURRENCY", "")[:3]
    for element in form.iter("COSTS_RANGE_AND_CURRENCY", "COSTS_RANGE_AND_CURRENCY_WITH_VAT_RATE"):
        costs = [number_of(c.get("FMTVAL") or c.text) for c in element.iter() if c is not element]
        known = [c for c in costs if c is not None]
        if known:
            return max(known), element.get("CURRENCY", "")[:3]
    return None, ""


def _parted_date(element: Element | None) -> date | None:
    """Read a date in R2.0.8's parts (DAY, MONTH, YEAR)."""
    if element is None:
        return None
    parts = [_value(element, name) for name in ("YEAR", "MONTH", "DAY")]
    if not all(p.isdigit() for p in parts):
        return None
    return date_of(f"{parts[0]}-{parts[1]:0>2}-{parts[2]:0>2}")


def _dispatched(root: Element) -> date | None:
    return (
        date_of(_value(root, "DATE_DISPATCH_NOTICE"))
        or _parted_date(root.find(".//NOTICE_DISPATCH_DATE"))
        or date_of(_value(root, "DS_DATE_DISPATCH"))
    )


def _deadline(root: Element, form: Element) -> date | None:
    return (
        date_of(_value(form, "DATE_RECEIPT_TENDERS"))
        or _parted_date(form.find(".//RECEIPT_LIMIT_DATE"))
        or date_of(_value(root, "DT_DATE_FOR_SUBMISSION"))
    )


def _earlier(root: Element, form: Element, notice: str) -> tuple[str, ...]:
    """Earlier notices of the procedure (``2018/S 246-564613``) as ids (``564613-2018``)."""
    numbers = [
        "".join(map(str, e.itertext())).strip()
        for path in (".//REF_NOTICE/NO_DOC_OJS", ".//NOTICE_NUMBER_OJ")
        for parent in (root, form)
        for e in parent.iterfind(path)
    ]
    ids = map(_publication, numbers)
    return tuple(i for i in dict.fromkeys(ids) if i and i != notice)


def _publication(number: str) -> str:
    """Turn a number in the Official Journal (``2018/S 246-564613``) into the notice's id."""
    match = re.fullmatch(r"(\d{4})/S \d{3}-(\d+)", number)
    return f"{match[2]}-{match[1]}" if match else ""


def _procedure(form: Element, stage: str, texts: tuple[Text, ...]) -> Procedure:
    if form.find(".//PT_INNOVATION_PARTNERSHIP") is not None:
        return Procedure.INNOVATION_PARTNERSHIP
    if stage == "planning" and invites_to_dialogue(texts):
        return Procedure.OPEN_DIALOGUE
    return Procedure.OTHER


# -- who buys and who won

_BUYERS = (
    "ADDRESS_CONTRACTING_BODY",
    "ADDRESS_CONTRACTING_BODY_ADDITIONAL",
    "CA_CE_CONCESSIONAIRE_PROFILE",
    "CONTACT_DATA_OTHER_BEHALF_CONTRACTING_AUTORITHY",
)


def _buyers(form: Element, stage: str) -> tuple[Buyer, ...]:
    """All buyers in order. The first of several leads; it buys for others if it says so."""
    addresses = [e for e in form.iter() if e.tag in _BUYERS]
    joint = len(addresses) > 1
    central = form.find(".//CENTRAL_PURCHASING") is not None
    commitment = Commitment.COMMITS if stage == "competition" else Commitment.DECLARES_INTENT
    return tuple(
        Buyer(
            name=_value(address, "OFFICIALNAME") or _value(address, "ORGANISATION") or "?",
            organisation_number=_value(address, "NATIONALID"),
            country=country_of(_code(address, ".//COUNTRY", "VALUE")),
            commitment=commitment,
            lead=joint and place == 0,
            central_purchasing_body=central and place == 0,
            contact=_contact(address),
        )
        for place, address in enumerate(addresses)
    )


def _contact(address: Element) -> Contact | None:
    contact = Contact(
        name=_value(address, "CONTACT_POINT") or _value(address, "ATTENTION"),
        email=_value(address, "E_MAIL"),
        phone=_value(address, "PHONE"),
    )
    return contact if contact != Contact() else None


def _awards(form: Element) -> tuple[Award, ...]:
    """Winners by lot, a contract with several of them giving an award each."""
    found = []
    for contract in form.iter("AWARD_CONTRACT", "AWARD_OF_CONTRACT", "AWARD_OF_CONTRACT_DEFENCE",
                              "RESULTS"):  # fmt: skip
        lot = _value(contract, "LOT_NO") or _value(contract, "LOT_NUMBER")
        amount = next(contract.iter("VAL_TOTAL"), None)
        winners = contract.iter(
            "ADDRESS_CONTRACTOR", "ADDRESS_WINNER", "ECONOMIC_OPERATOR_NAME_ADDRESS"
        )
        found += [
            Award(
                name=_value(winner, "OFFICIALNAME") or _value(winner, "ORGANISATION") or "?",
                organisation_number=_value(winner, "NATIONALID"),
                country=country_of(_code(winner, ".//COUNTRY", "VALUE")),
                lot=lot,
                value=None if amount is None else number_of(amount.text),
                currency="" if amount is None else amount.get("CURRENCY", "")[:3],
            )
            for winner in winners
        ]
    return tuple(found)
