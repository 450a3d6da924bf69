"""Invented notices of every format, built as large as a test wants them."""

from __future__ import annotations

from typing import Any

_UBL = (
    'xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2" '
    'xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2" '
    'xmlns:ext="urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2" '
    'xmlns:efext="http://data.europa.eu/p27/eforms-ubl-extensions/1" '
    'xmlns:efac="http://data.europa.eu/p27/eforms-ubl-extension-aggregate-components/1" '
    'xmlns:efbc="http://data.europa.eu/p27/eforms-ubl-extension-basic-components/1"'
)


def uuid(number: int) -> str:
    return f"aaaaaaaa-0000-4000-8000-{number:012d}"


def _organisation(number: int, name: str, company: str, lead: bool, central: bool) -> str:
    return f"""<efac:Organization>
      <efbc:GroupLeadIndicator>{str(lead).lower()}</efbc:GroupLeadIndicator>
      <efbc:AwardingCPBIndicator>{str(central).lower()}</efbc:AwardingCPBIndicator>
      <efac:Company>
        <cac:PartyIdentification><cbc:ID schemeName="organization">ORG-{number:04d}</cbc:ID>
        </cac:PartyIdentification>
        <cac:PartyName><cbc:Name languageID="NOB">{name}</cbc:Name></cac:PartyName>
        <cac:PostalAddress><cac:Country><cbc:IdentificationCode>NOR</cbc:IdentificationCode>
        </cac:Country></cac:PostalAddress>
        <cac:PartyLegalEntity><cbc:CompanyID>{company}</cbc:CompanyID></cac:PartyLegalEntity>
      </efac:Company>
      <efac:TouchPoint><cac:PartyIdentification>
        <cbc:ID schemeName="touchpoint">TPO-{number:04d}</cbc:ID></cac:PartyIdentification>
      </efac:TouchPoint>
    </efac:Organization>"""


def _named(title: str, body: str, languages: tuple[str, ...]) -> str:
    return "".join(
        f'<cbc:Name languageID="{lang}">{title} {lang}</cbc:Name>' for lang in languages
    ) + "".join(
        f'<cbc:Description languageID="{lang}">{body} {lang}</cbc:Description>'
        for lang in languages
    )


def _cpv(main: str, *more: str) -> str:
    code = "<cbc:ItemClassificationCode listName='cpv'>{}</cbc:ItemClassificationCode>"
    return (
        f"<cac:MainCommodityClassification>{code.format(main)}</cac:MainCommodityClassification>"
        + "".join(
            f"<cac:AdditionalCommodityClassification>{code.format(c)}"
            "</cac:AdditionalCommodityClassification>"
            for c in more
        )
    )


def eforms(
    number: int = 1,
    *,
    root: str = "ContractNotice",
    form: str = "competition",
    kind: str = "cn-standard",
    version: str = "01",
    languages: tuple[str, ...] = ("NOB",),
    buyers: int = 1,
    lots: int = 1,
    title: str = "Ferge",
    body: str = "Utslippsfri ferge",
    earlier: str = "",
    changed: str = "",
    reason: str = "update-add",
    result: str = "",
) -> str:
    """Make a notice. ``changed`` is the id it changes, ``earlier`` the one it follows."""
    organisations = "".join(
        _organisation(n, f"Kommune {n}", f"99900{n:04d}", n == 1, n == 2)
        for n in range(1, buyers + 1)
    )
    change = changed and (
        f"<efac:Changes><efbc:ChangedNoticeIdentifier>{changed}-01</efbc:ChangedNoticeIdentifier>"
        f"<efac:ChangeReason><cbc:ReasonCode>{reason}</cbc:ReasonCode></efac:ChangeReason>"
        "</efac:Changes>"
    )
    reference = earlier and (
        "<cac:NoticeDocumentReference><cbc:ID schemeName='notice-id-ref'>"
        f"{earlier}-01</cbc:ID></cac:NoticeDocumentReference>"
    )
    parties = "".join(
        # Every other buyer is named by its contact point.
        f"<cac:ContractingParty><cac:Party><cac:PartyIdentification>"
        f"<cbc:ID>{'TPO' if n % 2 else 'ORG'}-{n:04d}</cbc:ID>"
        "</cac:PartyIdentification></cac:Party></cac:ContractingParty>"
        for n in range(1, buyers + 1)
    )
    divided = "".join(
        f"""<cac:ProcurementProjectLot><cbc:ID schemeName="Lot">LOT-{n:04d}</cbc:ID>
        <cac:TenderingProcess>{reference}<cac:TenderSubmissionDeadlinePeriod>
        <cbc:EndDate>2026-05-{1 + n % 28:02d}+02:00</cbc:EndDate>
        </cac:TenderSubmissionDeadlinePeriod></cac:TenderingProcess>
        <cac:ProcurementProject>{_named(f"Lot {n}", f"Del {n}", languages)}
        {_cpv("34512100", "50241000")}</cac:ProcurementProject></cac:ProcurementProjectLot>"""
        for n in range(1, lots + 1)
    )
    more = "".join(
        f"<cac:AdditionalNoticeLanguage><cbc:ID>{lang}</cbc:ID></cac:AdditionalNoticeLanguage>"
        for lang in languages[1:]
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
    <{root} xmlns="urn:oasis:names:specification:ubl:schema:xsd:{root}-2" {_UBL}>
    <ext:UBLExtensions><ext:UBLExtension><ext:ExtensionContent><efext:EformsExtension>
    {change}{result}<efac:Organizations>{organisations}</efac:Organizations>
    </efext:EformsExtension></ext:ExtensionContent></ext:UBLExtension></ext:UBLExtensions>
    <cbc:ID schemeName="notice-id">{uuid(number)}</cbc:ID>
    <cbc:ContractFolderID>folder-{number}</cbc:ContractFolderID>
    <cbc:IssueDate>2026-03-05+01:00</cbc:IssueDate><cbc:VersionID>{version}</cbc:VersionID>
    <cbc:NoticeTypeCode listName="{form}">{kind}</cbc:NoticeTypeCode>
    <cbc:NoticeLanguageCode>{languages[0]}</cbc:NoticeLanguageCode>{more}{parties}
    <cac:ProcurementProject>{_named(title, body, languages)}{_cpv("60600000", "34512100")}
    </cac:ProcurementProject>{divided}</{root}>"""


RESULT = """<efac:NoticeResult>
<efac:LotResult><cbc:TenderResultCode>selec-w</cbc:TenderResultCode></efac:LotResult>
<efac:LotTender><cbc:ID>TEN-0001</cbc:ID><cac:LegalMonetaryTotal>
<cbc:PayableAmount currencyID="NOK">1200</cbc:PayableAmount></cac:LegalMonetaryTotal>
<efac:TenderingParty><cbc:ID>TPA-0001</cbc:ID></efac:TenderingParty>
<efac:TenderLot><cbc:ID>LOT-0001</cbc:ID></efac:TenderLot></efac:LotTender>
<efac:LotTender><cbc:ID>TEN-0002</cbc:ID>
<efac:TenderingParty><cbc:ID>TPA-0002</cbc:ID></efac:TenderingParty></efac:LotTender>
<efac:SettledContract><efac:LotTender><cbc:ID>TEN-0001</cbc:ID></efac:LotTender>
</efac:SettledContract>
<efac:TenderingParty><cbc:ID>TPA-0001</cbc:ID><efac:Tenderer><cbc:ID>ORG-0002</cbc:ID>
</efac:Tenderer></efac:TenderingParty>
<efac:TenderingParty><cbc:ID>TPA-0002</cbc:ID><efac:Tenderer><cbc:ID>ORG-0003</cbc:ID>
</efac:Tenderer></efac:TenderingParty></efac:NoticeResult>"""
"""A result with one winner, the second organisation, and one that lost, the third."""


def ted(
    form: str = "F02",
    *,
    notice: str = "",
    languages: tuple[str, ...] = ("SV",),
    buyers: int = 1,
    lots: int = 0,
    central: bool = False,
    body: str = "Rena färjor",
    doc: str = "000123-2020",
    extra: str = "",
    coded: str = "",
) -> str:
    """Make a notice in R2.0.9."""
    addresses = "".join(
        f"""<ADDRESS_CONTRACTING_BODY{"" if n == 1 else "_ADDITIONAL"}>
        <OFFICIALNAME>Stad {n}</OFFICIALNAME><NATIONALID>55667{n:05d}</NATIONALID>
        <COUNTRY VALUE="SE"/><CONTACT_POINT>Anna {n}</CONTACT_POINT>
        <E_MAIL>anna{n}@stad.example</E_MAIL>
        </ADDRESS_CONTRACTING_BODY{"" if n == 1 else "_ADDITIONAL"}>"""
        for n in range(1, buyers + 1)
    )

    def described(number: int, lang: str) -> str:
        head = f"<TITLE><P>Del {number} {lang}</P></TITLE><LOT_NO>{number}</LOT_NO>" if lots else ""
        return f"""<OBJECT_DESCR ITEM="{number}">{head}<CPV_ADDITIONAL>
        <CPV_CODE CODE="5024{number:04d}"/></CPV_ADDITIONAL>
        <n2016:NUTS xmlns:n2016="urn:nuts" CODE="SE110"/>
        <SHORT_DESCR><P>Text {number} {lang}</P><P>Rad två</P></SHORT_DESCR></OBJECT_DESCR>"""

    forms = "".join(
        f"""<{form}_2014 CATEGORY="{"ORIGINAL" if n == 0 else "TRANSLATION"}" FORM="{form}"
        LG="{lang}">{notice and f'<NOTICE TYPE="{notice}"/>'}
        <CONTRACTING_BODY>{addresses}{"<CENTRAL_PURCHASING/>" if central else ""}</CONTRACTING_BODY>
        <OBJECT_CONTRACT><TITLE><P>Färja {lang}</P></TITLE>
        <CPV_MAIN><CPV_CODE CODE="34512100"/></CPV_MAIN>
        <SHORT_DESCR><P>{body} {lang}</P></SHORT_DESCR>
        <VAL_ESTIMATED_TOTAL CURRENCY="SEK">1000.50</VAL_ESTIMATED_TOTAL>
        {"<LOT_DIVISION/>" if lots else "<NO_LOT_DIVISION/>"}
        {"".join(described(i, lang) for i in range(1, max(lots, 1) + 1))}</OBJECT_CONTRACT>{extra}
        <PROCEDURE><DATE_RECEIPT_TENDERS>2020-06-30</DATE_RECEIPT_TENDERS></PROCEDURE>
        </{form}_2014>"""
        for n, lang in reversed(list(enumerate(languages)))
    )
    return f"""<?xml version="1.0"?><TED_EXPORT DOC_ID="{doc}"
    xmlns="http://publications.europa.eu/resource/schema/ted/R2.0.9/publication">
    <CODED_DATA_SECTION><REF_OJS><DATE_PUB>20200502</DATE_PUB></REF_OJS>
    <NOTICE_DATA><NO_DOC_OJS>2020/S 001-000123</NO_DOC_OJS><ISO_COUNTRY VALUE="SE"/>{coded}
    </NOTICE_DATA></CODED_DATA_SECTION>
    <TRANSLATION_SECTION><ML_TITLES><ML_TI_DOC LG="DE"><TI_TEXT><P>Fähren</P></TI_TEXT>
    </ML_TI_DOC></ML_TITLES></TRANSLATION_SECTION><FORM_SECTION>{forms}</FORM_SECTION>
    </TED_EXPORT>"""


def release(**more: Any) -> dict[str, Any]:
    """Make an OCDS release of a tender."""
    return {
        "ocid": "ocds-x-1",
        "id": "r1",
        "date": "2026-02-01T00:00:00Z",
        "language": "en",
        "tag": ["tender"],
        "parties": [
            {"id": "B1", "name": "Fjord Council", "roles": ["buyer"],
             "identifier": {"scheme": "GB-LAC", "id": "E1"},
             "address": {"countryName": "United Kingdom", "region": "Kent"},
             "contactPoint": {"name": "Ann", "email": "ann@fjord.example"}},
            {"id": "B2", "name": "Moor Council", "roles": ["buyer"]},
            {"id": "C1", "name": "Buying Agency", "roles": ["procuringEntity"]},
        ],
        "buyer": {"id": "B1", "name": "Fjord Council"},
        "tender": {
            "title": "Electric ferry", "title_fr": "Bac électrique", "description": "A ferry",
            "value": {"amount": "1000", "currency": "GBP"},
            "tenderPeriod": {"endDate": "2026-03-01T12:00:00Z"},
            "classification": {"scheme": "CPV", "id": "34512100"},
            "items": [{"id": "1", "relatedLot": "L1",
                       "additionalClassifications": [{"scheme": "CPV", "id": "50241000-6"}]}],
            "lots": [{"id": "L1", "title": "Hull"}, {"id": "L2", "description": "Engine"}],
        },
        **more,
    }  # fmt: skip


def ted_hit(**more: Any) -> dict[str, Any]:
    """Make a notice as TED's search API gives it."""
    return {
        "publication-number": "123456-2026",
        "publication-date": "2026-04-01+02:00",
        "notice-type": "pmc",
        "form-type": "consultation",
        "notice-title": {"nob": "Norge – Ferger – Utslippsfri ferge",
                         "eng": "Norway – Ferries – Zero-emission ferry"},
        "description-proc": {"nob": ["Vi trenger en ferge"]},
        "buyer-name": {"nob": ["Fjordvik kommune", "Sund kommune"]},
        "organisation-identifier-buyer": ["999601391", "981604032"],
        "buyer-country": ["NOR", "NOR"],
        "classification-cpv": ["34512100", "34512100", "50241000"],
        "identifier-lot": ["LOT-0001", "LOT-0002"],
        "title-lot": {"nob": ["Skrog", "Motor"]},
        "deadline-receipt-tender-date-lot": ["2026-05-01+02:00", "2026-05-03+02:00"],
        "links": {"xml": {"MUL": "https://ted.europa.eu/en/notice/123456-2026/xml"}},
        **more,
    }  # fmt: skip


def doffin_hit(number: int = 1, **more: Any) -> dict[str, Any]:
    """Make a hit as Doffin gives it."""
    return {
        "id": f"2026-{number:06d}",
        "buyer": [{"id": "x", "organizationId": "NO 999 601 391 MVA", "name": "Fjordvik kommune"}],
        "heading": "Dialogkonferanse om ferger",
        "description": "Vi inviterer til dialog.",
        "locationId": ["NO0A2"],
        "estimatedValue": {"currencyCode": "NOK", "amount": 1000},
        "type": "PLANNING",
        "status": "ACTIVE",
        "issueDate": "2026-04-01T10:00:00Z",
        "deadline": "2026-05-01T10:00:00Z",
        "publicationDate": "2026-04-02",
        "cpvCodes": ["34512100"],
        "lots": [{"heading": "Skrog", "description": "Et skrog"}],
        **more,
    }
