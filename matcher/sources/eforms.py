"""eForms notices (UBL XML): consultations, plans and competitions become needs.

Fields and paths: EU eForms SDK, https://docs.ted.europa.eu/eforms/. The root element and the
``listName`` of the notice type decide what a notice is, not the subtype's national name.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from lxml import etree
from pydantic import ValidationError

from matcher.codes import normalise_country, normalise_cpv
from matcher.languages import normalise_language
from matcher.records import Buyer, Commitment, Contact, Need, Part, Procedure, Text
from matcher.sources.base import Item, Refusal, SetAside, find_files

SUFFIXES = (".xml",)
MAX_BYTES = 100_000_000

_NS = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
    "efac": "http://data.europa.eu/p27/eforms-ubl-extension-aggregate-components/1",
    "efbc": "http://data.europa.eu/p27/eforms-ubl-extension-basic-components/1",
}
_ROOTS = {
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


def read_eforms(paths: list[Path]) -> Iterator[Item]:
    """Read notices, one XML file each.

    Yields:
        A need per consultation, planning or competition notice; award and other notices set
        aside; a refusal for whatever cannot be used.
    """
    for path in find_files(paths, SUFFIXES):
        yield read_notice(path)


def read_notice(path: Path) -> Item:
    """Read one notice."""
    name = str(path)
    try:
        root = _parse(path)
        local = etree.QName(root).localname
        if local not in _ROOTS:
            return Refusal(name, "", "", f"root element {local} is no eForms notice")
        form = _form(root)
        notice = _text(root, "cbc:ID[@schemeName='notice-id']") or _text(root, "cbc:ID")
        if form in _SET_ASIDE:
            return SetAside(name, notice, _SET_ASIDE[form])
        if form not in _NEEDS:
            return Refusal(name, notice, "BT-02", f"notice type {form!r} is not known")
        return _need(root, form, notice)
    except etree.XMLSyntaxError as error:
        return Refusal(name, "", "", f"not well-formed XML: {error.msg}")
    except ValidationError as error:
        first = error.errors()[0]
        return Refusal(name, "", ".".join(map(str, first["loc"])), first["msg"])
    except (_FieldError, OSError) as error:
        field, reason = error.args if isinstance(error, _FieldError) else ("", str(error))
        return Refusal(name, "", field, reason)


class _FieldError(Exception):
    """A field that cannot be used: (field, reason)."""


def _parse(path: Path) -> etree._Element:
    size = path.stat().st_size
    if size == 0:
        raise _FieldError("", "the file is empty")
    if size > MAX_BYTES:
        raise _FieldError("", f"{size} bytes: larger than the {MAX_BYTES} a notice may have")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True
    )
    tree = etree.parse(str(path), parser)
    if tree.docinfo.internalDTD is not None or tree.docinfo.externalDTD is not None:
        raise _FieldError("", "a document type declaration is not accepted")
    return tree.getroot()


def _form(root: etree._Element) -> str:
    code = root.find("cbc:NoticeTypeCode", _NS)
    if code is None:
        raise _FieldError("BT-02", "the notice has no cbc:NoticeTypeCode")
    form = code.get("listName", "")
    if form in _NEEDS or form in _SET_ASIDE:
        return form
    kind = (code.text or "").strip()
    return next((f for prefix, f in _FORM_OF_TYPE if kind.startswith(prefix)), kind)


def _need(root: etree._Element, form: str, notice: str) -> Need:
    if not notice:
        raise _FieldError("BT-701", "the notice has no id")
    project = root.find("cac:ProcurementProject", _NS)
    first = _language(_text(root, "cbc:NoticeLanguageCode"))
    lots = [_part(lot, first) for lot in root.findall("cac:ProcurementProjectLot", _NS)]
    texts = _texts(project, first) or next((part.texts for part in lots if part.texts), ())
    if not any(t.title.strip() or t.body.strip() for t in texts):
        raise _FieldError("BT-21", "the notice has neither title nor description")
    buyers = _buyers(root, form)
    place = root.find("cac:ProcurementProject/cac:RealizedLocation/cac:Address", _NS)
    if place is None:
        place = root.find(".//cac:ProcurementProject/cac:RealizedLocation/cac:Address", _NS)
    country = _country(place)
    cpv = _cpv(project)
    amount = root.find(".//cbc:EstimatedOverallContractAmount", _NS)
    published = _text(root, ".//efac:Publication/efbc:NoticePublicationID")
    return Need(
        id=notice,
        texts=texts,
        country=country or next((b.country for b in buyers if b.country), ""),
        region=_text(place, "cbc:CountrySubentityCode") or _text(place, "cbc:Region"),
        cpv=cpv or tuple(dict.fromkeys(c for part in lots for c in part.cpv)),
        url=f"https://ted.europa.eu/en/notice/-/detail/{published}" if published else "",
        source="eforms",
        source_id=notice,
        buyers=buyers,
        parts=tuple(lots),
        procedure=_procedure(root, form),
        notice_type=_text(root, "cbc:NoticeTypeCode"),
        notice_version=_text(root, "cbc:VersionID"),
        published=_date(_text(root, "cbc:IssueDate")),
        deadline=_deadline(root),
        value=_number(amount.text if amount is not None else None),
        currency=(amount.get("currencyID") or "")[:3] if amount is not None else "",
        innovation=_is_innovation(root),
    )


def _texts(project: etree._Element | None, first: str) -> tuple[Text, ...]:
    """Titles and descriptions by language, the notice's own language first."""
    titles = _by_language(project, "cbc:Name")
    bodies = _by_language(project, "cbc:Description")
    notes = _by_language(project, "cbc:Note")
    languages = sorted(dict.fromkeys([*titles, *bodies]), key=lambda lang: lang != first)
    return tuple(
        Text(
            lang=lang,
            title=titles.get(lang, ""),
            body="\n".join(filter(None, (bodies.get(lang, ""), notes.get(lang, "")))),
        )
        for lang in languages
    )


def _by_language(parent: etree._Element | None, tag: str) -> dict[str, str]:
    found: dict[str, str] = {}
    if parent is None:
        return found
    for element in parent.findall(tag, _NS):
        text = (element.text or "").strip()
        if text:
            lang = _language(element.get("languageID"))
            found[lang] = f"{found[lang]}\n{text}" if lang in found else text
    return found


def _language(code: str | None) -> str:
    try:
        return normalise_language(code)
    except ValueError:
        return "und"


def _part(lot: etree._Element, first: str) -> Part:
    project = lot.find("cac:ProcurementProject", _NS)
    return Part(id=_text(lot, "cbc:ID") or "LOT", texts=_texts(project, first), cpv=_cpv(project))


def _cpv(project: etree._Element | None) -> tuple[str, ...]:
    if project is None:
        return ()
    codes = []
    for path in ("cac:MainCommodityClassification", "cac:AdditionalCommodityClassification"):
        for code in project.findall(f"{path}/cbc:ItemClassificationCode", _NS):
            if code.get("listName", "cpv") == "cpv" and code.text:
                try:
                    codes.append(normalise_cpv(code.text))
                except ValueError as error:
                    raise _FieldError("BT-262", str(error)) from error
    return tuple(dict.fromkeys(codes))


def _buyers(root: etree._Element, form: str) -> tuple[Buyer, ...]:
    organisations: dict[str, etree._Element] = {}
    for organisation in root.iterfind(".//efac:Organizations/efac:Organization", _NS):
        # A buyer may be named by its own id or by one of its contact points.
        for reference in organisation.iterfind(".//cac:PartyIdentification/cbc:ID", _NS):
            organisations[(reference.text or "").strip()] = organisation
    # A competition binds its buyers; a plan or consultation announces what they intend.
    commitment = Commitment.COMMITS if form == "competition" else Commitment.DECLARES_INTENT
    buyers = []
    for party in root.findall("cac:ContractingParty", _NS):
        found = organisations.get(_text(party, "cac:Party/cac:PartyIdentification/cbc:ID"))
        if found is not None:
            buyers.append(_buyer(found, commitment))
    return tuple(buyers)


def _buyer(organisation: etree._Element, commitment: Commitment) -> Buyer:
    company = organisation.find("efac:Company", _NS)
    contact = company.find("cac:Contact", _NS) if company is not None else None
    return Buyer(
        name=_text(company, "cac:PartyName/cbc:Name") or "?",
        organisation_number=_text(company, "cac:PartyLegalEntity/cbc:CompanyID"),
        country=_country(company.find("cac:PostalAddress", _NS) if company is not None else None),
        commitment=commitment,
        lead=_text(organisation, "efbc:GroupLeadIndicator") == "true",
        central_purchasing_body="true"
        in (
            _text(organisation, "efbc:AwardingCPBIndicator"),
            _text(organisation, "efbc:AcquiringCPBIndicator"),
        ),
        contact=None
        if contact is None
        else Contact(
            name=_text(contact, "cbc:Name"),
            email=_text(contact, "cbc:ElectronicMail"),
            phone=_text(contact, "cbc:Telephone"),
        ),
    )


def _country(place: etree._Element | None) -> str:
    try:
        return normalise_country(_text(place, "cac:Country/cbc:IdentificationCode"))
    except ValueError:
        return ""


def _procedure(root: etree._Element, form: str) -> Procedure:
    if _text(root, ".//cac:TenderingProcess/cbc:ProcedureCode") == "innovation":
        return Procedure.INNOVATION_PARTNERSHIP
    return Procedure.OPEN_DIALOGUE if form == "consultation" else Procedure.OTHER


def _is_innovation(root: etree._Element) -> bool:
    codes = root.iterfind(".//cbc:ProcurementTypeCode[@listName='innovative-acquisition']", _NS)
    return any((code.text or "").strip() not in ("", "none") for code in codes)


def _deadline(root: etree._Element) -> date | None:
    for path in (
        ".//efac:AnswerReceptionPeriod/cbc:EndDate",
        ".//cac:TenderSubmissionDeadlinePeriod/cbc:EndDate",
        ".//cac:ParticipationRequestReceptionPeriod/cbc:EndDate",
    ):
        if found := _date(_text(root, path)):
            return found
    return None


def _date(text: str) -> date | None:
    """Read an XML date, which carries a zone (``2024-12-05+01:00``); None if it is none."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _text(parent: etree._Element | None, path: str) -> str:
    element = None if parent is None else parent.find(path, _NS)
    return "" if element is None else (element.text or "").strip()
