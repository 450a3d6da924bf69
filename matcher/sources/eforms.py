"""eForms notices (UBL XML): consultations, plans and competitions become needs.

Fields and paths: EU eForms SDK, https://docs.ted.europa.eu/eforms/. The root element and the
``listName`` of the notice type decide what a notice is, not the subtype's national name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from matcher.codes import check_cpv
from matcher.records import (
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
from matcher.sources.eforms_results import read_awards
from matcher.sources.ubl import NS, by_language, find_text, latest_date
from matcher.sources.xml import (
    Element,
    UnreadableError,
    content,
    country_of,
    date_of,
    language_of,
    number_of,
)

ROOTS = {
    "PriorInformationNotice",
    "ContractNotice",
    "ContractAwardNotice",
    "BusinessRegistrationInformationNotice",
}
_NEEDS = {"consultation", "planning", "competition"}
_SET_ASIDE = {
    "result": "award notice",
    "dir-awa-pre": "direct award notice",
    "cont-modif": "contract modification notice",
    "completion": "contract completion notice",
    "bri": "business registration notice",
}
_AWARDS = {"result", "dir-awa-pre"}
# Where the form type is missing, the beginning of the notice type tells it.
_FORM_OF_TYPE = (
    ("pmc", "consultation"),
    ("pin-cfc", "competition"),
    ("pin", "planning"),
    ("cn", "competition"),
    ("subco", "competition"),
    ("qu-sy", "competition"),
    ("can-modif", "cont-modif"),
    ("can", "result"),
    ("veat", "dir-awa-pre"),
    ("compl", "completion"),
    ("brin", "bri"),
)


def read_eforms_notice(root: Element, file: str) -> Iterator[Item]:
    """Read one notice, given its root element.

    Yields:
        A need per consultation, planning or competition notice, any other kind set aside;
        remarks on codes that are left out.

    Raises:
        UnreadableError: It lacks what it cannot do without.
        pydantic.ValidationError: A field is beyond what a record may hold.
    """
    form = _form(root)
    notice = find_text(root, "cbc:ID[@schemeName='notice-id']") or find_text(root, "cbc:ID")
    if form in _SET_ASIDE:
        reason = _SET_ASIDE[form]
        history = _award_notice(root, notice) if form in _AWARDS and notice else None
        yield SetAside(file, notice, reason, history)
        return
    if form not in _NEEDS:
        raise UnreadableError("BT-02", f"notice type {form!r} is not known")
    if not notice:
        raise UnreadableError("BT-701", "the notice has no id")
    changed = _without_version(find_text(root, ".//efac:Changes/efbc:ChangedNoticeIdentifier"))
    if find_text(root, ".//efac:Changes/efac:ChangeReason/cbc:ReasonCode") == "cancel":
        yield SetAside(file, notice, "cancellation", removes=changed)
        return
    remarks: list[Remark] = []
    yield _need(root, form, notice, changed, file, remarks)
    yield from remarks


def _form(root: Element) -> str:
    code = root.find("cbc:NoticeTypeCode", NS)
    if code is None:
        raise UnreadableError("BT-02", "the notice has no cbc:NoticeTypeCode")
    form = code.get("listName", "")
    if form in _NEEDS or form in _SET_ASIDE:
        return form
    kind = content(code)
    return next((f for prefix, f in _FORM_OF_TYPE if kind.startswith(prefix)), kind)


def _need(
    root: Element, form: str, notice: str, changed: str, file: str, remarks: list[Remark]
) -> Need:
    project = root.find("cac:ProcurementProject", NS)
    first = language_of(find_text(root, "cbc:NoticeLanguageCode"))
    lots = root.findall("cac:ProcurementProjectLot", NS)
    parts = tuple(_part(lot, first, file, notice, remarks) for lot in lots)
    texts = _texts(project, first) or next((part.texts for part in parts if part.texts), ())
    if not any(t.title or t.body for t in texts):
        raise UnreadableError("BT-21", "the notice has neither title nor description")
    buyers = _buyers(root, form, first)
    place = _place(root, lots)
    cpv = _cpv(project, file, notice, remarks)
    value, currency = _value(project, lots)
    published = find_text(root, ".//efac:Publication/efbc:NoticePublicationID")
    return Need(
        id=notice,
        texts=texts,
        country=_country(place) or next((b.country for b in buyers if b.country), ""),
        region=_region(place),
        cpv=cpv or tuple(dict.fromkeys(c for part in parts for c in part.cpv)),
        url=f"https://ted.europa.eu/en/notice/-/detail/{published}" if published else "",
        source="eforms",
        source_id=notice,
        buyers=buyers,
        parts=parts,
        procedure=_procedure(root, form, (*texts, *(t for part in parts for t in part.texts))),
        notice_type=find_text(root, "cbc:NoticeTypeCode"),
        notice_version=find_text(root, "cbc:VersionID"),
        published=date_of(find_text(root, "cbc:IssueDate")),
        deadline=_deadline(root),
        value=value,
        currency=currency,
        innovation=_is_innovation(root),
        procedure_id=find_text(root, "cbc:ContractFolderID"),
        earlier_notices=earlier_notices(root),
        replaces=changed,
    )


def _award_notice(root: Element, notice: str) -> AwardNotice:
    project = root.find("cac:ProcurementProject", NS)
    first = language_of(find_text(root, "cbc:NoticeLanguageCode"))
    texts = _texts(project, first)
    return AwardNotice(
        id=notice,
        source="eforms",
        title=texts[0].title if texts else "",
        version=find_text(root, "cbc:VersionID"),
        procedure_id=find_text(root, "cbc:ContractFolderID"),
        earlier_notices=earlier_notices(root),
        published=date_of(find_text(root, "cbc:IssueDate")),
        buyers=_buyers(root, "result", first),
        cpv=_cpv(project, "", notice, []),
        awards=read_awards(root),
    )


def earlier_notices(root: Element) -> tuple[str, ...]:
    """Return the notices that this one says it follows (BT-125), without their versions."""
    references = root.iterfind(".//cac:TenderingProcess/cac:NoticeDocumentReference/cbc:ID", NS)
    ids = (_without_version(content(reference)) for reference in references)
    return tuple(dict.fromkeys(i for i in ids if i))


def _without_version(notice: str) -> str:
    """Cut the version off a notice's id (``<uuid>-01``); other ids stay as they are."""
    match = re.fullmatch(r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})-\d+", notice)
    return match[1] if match else notice


def _texts(project: Element | None, first: str) -> tuple[Text, ...]:
    """Titles and descriptions by language, the notice's own language first."""
    titles = by_language(project, "cbc:Name", first)
    bodies = by_language(project, "cbc:Description", first)
    notes = by_language(project, "cbc:Note", first)
    languages = sorted(dict.fromkeys([*titles, *bodies, *notes]), key=lambda lang: lang != first)
    return tuple(
        Text(
            lang=lang,
            title=titles.get(lang, ""),
            body="\n".join(filter(None, (bodies.get(lang, ""), notes.get(lang, "")))),
        )
        for lang in languages
    )


def _part(lot: Element, first: str, file: str, notice: str, remarks: list[Remark]) -> Part:
    project = lot.find("cac:ProcurementProject", NS)
    return Part(
        id=find_text(lot, "cbc:ID") or "LOT",
        texts=_texts(project, first),
        cpv=_cpv(project, file, notice, remarks),
    )


def _cpv(project: Element | None, file: str, notice: str, remarks: list[Remark]) -> tuple[str, ...]:
    """Main code first, then the additional ones; what is no CPV code is remarked on."""
    if project is None:
        return ()
    codes = []
    for path, field in (
        ("cac:MainCommodityClassification", "BT-262"),
        ("cac:AdditionalCommodityClassification", "BT-263"),
    ):
        for code in project.findall(f"{path}/cbc:ItemClassificationCode", NS):
            if code.get("listName", "cpv") == "cpv" and content(code):
                plain, remark = check_cpv(content(code))
                if plain:
                    codes.append(plain)
                if remark:
                    remarks.append(Remark(file, notice, field, remark))
    return tuple(dict.fromkeys(codes))


def _buyers(root: Element, form: str, first: str) -> tuple[Buyer, ...]:
    organisations: dict[str, Element] = {}
    for organisation in root.iterfind(".//efac:Organizations/efac:Organization", NS):
        # A buyer may be named by its own id or by one of its contact points.
        for own_id in organisation.iterfind("*/cac:PartyIdentification/cbc:ID", NS):
            organisations[content(own_id)] = organisation
    # A competition binds its buyers; a plan or consultation announces what they intend.
    binding = form in ("competition", "result")
    commitment = Commitment.COMMITS if binding else Commitment.DECLARES_INTENT
    buyers = []
    for party in root.findall("cac:ContractingParty", NS):
        reference = find_text(party, "cac:Party/cac:PartyIdentification/cbc:ID")
        found = organisations.get(reference)
        if found is not None:
            buyers.append(_buyer(found, commitment, first))
        elif name := find_text(party, "cac:Party/cac:PartyName/cbc:Name") or reference:
            buyers.append(Buyer(name=name, commitment=commitment))
    return tuple(buyers)


def _buyer(organisation: Element, commitment: Commitment, first: str) -> Buyer:
    company = organisation.find("efac:Company", NS)
    contact = company.find("cac:Contact", NS) if company is not None else None
    names = {} if company is None else by_language(company, "cac:PartyName/cbc:Name", first)
    return Buyer(
        name=names.get(first) or next(iter(names.values()), "?"),
        organisation_number=find_text(company, "cac:PartyLegalEntity/cbc:CompanyID"),
        country=_country(company.find("cac:PostalAddress", NS) if company is not None else None),
        commitment=commitment,
        lead=find_text(organisation, "efbc:GroupLeadIndicator") == "true",
        central_purchasing_body="true"
        in (
            find_text(organisation, "efbc:AwardingCPBIndicator"),
            find_text(organisation, "efbc:AcquiringCPBIndicator"),
        ),
        contact=None
        if contact is None
        else Contact(
            name=find_text(contact, "cbc:Name"),
            email=find_text(contact, "cbc:ElectronicMail"),
            phone=find_text(contact, "cbc:Telephone"),
        ),
    )


def _place(root: Element, lots: list[Element]) -> Element | None:
    """The first address of the whole that names a country or region, else of a lot."""
    path = "cac:ProcurementProject/cac:RealizedLocation/cac:Address"
    addresses = [*root.findall(path, NS), *(a for lot in lots for a in lot.findall(path, NS))]
    named = (a for a in addresses if _country(a) or _region(a))
    return next(named, None)


def _region(place: Element | None) -> str:
    """NUTS code, else the word for it; "anywhere" is no region."""
    word = find_text(place, "cbc:CountrySubentityCode") or find_text(place, "cbc:Region")
    return "" if word.startswith("anyw") else word


def _country(place: Element | None) -> str:
    return country_of(find_text(place, "cac:Country/cbc:IdentificationCode"))


def _value(project: Element | None, lots: list[Element]) -> tuple[float | None, str]:
    """The estimated value of the whole, else the sum of its lots if in one currency."""
    path = "cac:RequestedTenderTotal/cbc:EstimatedOverallContractAmount"
    amounts = [] if project is None else project.findall(path, NS)
    if not amounts:
        single = [lot for lot in lots if find_text(lot, "cbc:ID[@schemeName='LotsGroup']") == ""]
        amounts = [a for lot in single for a in lot.findall(f"cac:ProcurementProject/{path}", NS)]
    numbers = [number_of(content(a)) for a in amounts]
    known = [n for n in numbers if n is not None]
    currencies = {(a.get("currencyID") or "")[:3] for a in amounts}
    if not known or len(currencies) != 1:
        return None, ""
    return sum(known), currencies.pop()


def _procedure(root: Element, form: str, texts: tuple[Text, ...]) -> Procedure:
    if find_text(root, ".//cac:TenderingProcess/cbc:ProcedureCode") == "innovation":
        return Procedure.INNOVATION_PARTNERSHIP
    if form == "consultation" or (form == "planning" and invites_to_dialogue(texts)):
        return Procedure.OPEN_DIALOGUE
    return Procedure.OTHER


def _is_innovation(root: Element) -> bool:
    codes = root.iterfind(".//cbc:ProcurementTypeCode[@listName='innovative-acquisition']", NS)
    return any(content(code) not in ("", "none") for code in codes)


_DEADLINES = (
    ".//efac:AnswerReceptionPeriod/cbc:EndDate",
    ".//cac:TenderSubmissionDeadlinePeriod/cbc:EndDate",
    ".//cac:ParticipationRequestReceptionPeriod/cbc:EndDate",
    ".//efac:InterestExpressionReceptionPeriod/cbc:EndDate",
)


def _deadline(root: Element) -> date | None:
    """Until when one can answer: of several lots, the last."""
    return next((d for path in _DEADLINES if (d := latest_date(root, path))), None)
