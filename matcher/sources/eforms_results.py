"""Who won, out of an eForms result: LotResult -> Contract -> Tender -> Tendering party -> Tenderer.

A tender without a settled contract lost. Where a result has no contracts (framework
agreements, direct awards), the tenders its lot result names are the winners.
"""

from __future__ import annotations

from matcher.records import Award
from matcher.sources.ubl import NS, find_text
from matcher.sources.xml import Element, content, country_of, number_of


def read_awards(root: Element) -> tuple[Award, ...]:
    """Return the lots won, one award per lot and winning tenderer."""
    result = root.find(".//efac:NoticeResult", NS)
    if result is None:
        return ()
    organisations = {
        content(company.find("cac:PartyIdentification/cbc:ID", NS)): company
        for company in root.iterfind(".//efac:Organizations/efac:Organization/efac:Company", NS)
    }
    tenders = _by_id(result, "efac:LotTender")
    parties = _by_id(result, "efac:TenderingParty")
    awards = []
    for tender_id in _winning(result):
        tender = tenders.get(tender_id)
        if tender is None:
            continue
        party = parties.get(find_text(tender, "efac:TenderingParty/cbc:ID"))
        amount = tender.find("cac:LegalMonetaryTotal/cbc:PayableAmount", NS)
        tenderers = [] if party is None else party.findall("efac:Tenderer/cbc:ID", NS)
        for tenderer in tenderers:
            company = organisations.get(content(tenderer))
            if company is not None:
                awards.append(
                    Award(
                        name=find_text(company, "cac:PartyName/cbc:Name") or "?",
                        organisation_number=find_text(
                            company, "cac:PartyLegalEntity/cbc:CompanyID"
                        ),
                        country=country_of(
                            find_text(
                                company, "cac:PostalAddress/cac:Country/cbc:IdentificationCode"
                            )
                        ),
                        lot=find_text(tender, "efac:TenderLot/cbc:ID"),
                        value=number_of(content(amount)),
                        currency="" if amount is None else (amount.get("currencyID") or "")[:3],
                    )
                )
    return tuple(awards)


def _by_id(result: Element, path: str) -> dict[str, Element]:
    return {find_text(found, "cbc:ID"): found for found in result.findall(path, NS)}


def _winning(result: Element) -> list[str]:
    """Ids of the tenders that won, in order."""
    settled = result.findall("efac:SettledContract/efac:LotTender/cbc:ID", NS)
    if not settled:
        won = [
            lot
            for lot in result.findall("efac:LotResult", NS)
            if find_text(lot, "cbc:TenderResultCode") in ("", "selec-w")
        ]
        settled = [t for lot in won for t in lot.findall("efac:LotTender/cbc:ID", NS)]
    return list(dict.fromkeys(content(t) for t in settled))
