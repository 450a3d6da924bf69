"""OCDS 1.1: releases, release packages, records and record packages.

Standard: https://standard.open-contracting.org/1.1/. A contracting process (``ocid``) publishes
many releases. What it plans and what it tenders for are two needs, each kept in its newest
release, so that a tender can be followed back to the engagement it grew out of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from matcher.languages import UNKNOWN
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
from matcher.sources.base import Item, Refusal, Remark, SetAside
from matcher.sources.dialogue import invites_to_dialogue
from matcher.sources.jsonfiles import read_json
from matcher.sources.values import (
    as_dict,
    as_list,
    at,
    country_at,
    cpv_of,
    dicts,
    languages_of,
    make_texts,
    number_at,
    text_at,
    text_of,
)
from matcher.sources.xml import date_of, language_of

ARRAYS = ("releases", "records", "notices")
_AWARD_TAGS = {"award", "awardUpdate", "contract", "contractUpdate", "contractAmendment",
               "implementation", "implementationUpdate"}  # fmt: skip
_PRIOR = {"prior", "planning", "planningProcess"}
_CANCELLED = {"tenderCancellation", "awardCancellation", "contractTermination"}


def read_ocds(paths: list[Path]) -> Iterator[Item]:
    """Read releases and records.

    Yields:
        A need per release of planning or tender; awards and what follows set aside; refusals
        for what cannot be used; remarks on codes that are left out.
    """
    for found in read_json(paths, ARRAYS):
        if isinstance(found, Refusal):
            yield found
        else:
            yield from read_ocds_value(found.value, found.file, found.place)


def read_ocds_value(value: Any, file: str, place: str) -> Iterator[Item]:
    """Read one release or record."""
    if not isinstance(value, dict):
        yield Refusal(file, place, "", "not a JSON object", {"value": value})
        return
    release = _release_of(value)
    if release is None:
        where = text_of(value.get("ocid")) or place
        if "ocid" in value and "releases" in value:
            yield SetAside(file, where, "record whose releases stand elsewhere")
        else:
            yield Refusal(file, where, "ocid", "neither an OCDS release nor a record", value)
        return
    try:
        yield from list(_read_release(release, file, place))
    except ValidationError as error:
        first = error.errors()[0]
        yield Refusal(file, place, ".".join(map(str, first["loc"])), first["msg"], value)


def _release_of(value: dict[str, Any]) -> dict[str, Any] | None:
    """A release as it is; of a record its compiled, versioned or merged releases."""
    if isinstance(value.get("compiledRelease"), dict):
        return dict(value["compiledRelease"])
    if isinstance(value.get("versionedRelease"), dict):
        return as_dict(_newest(value["versionedRelease"]))
    if "releases" in value:
        held = [r for r in dicts(value["releases"]) if "url" not in r]
        held.sort(key=lambda r: text_of(r.get("date")))
        return reduce(_merged, held, {"ocid": value.get("ocid")}) if held else None
    return value if text_of(value.get("ocid")) and ("tag" in value or "tender" in value) else None


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """A release with what a later one says: of the standard's merging what is needed here.

    A later release may tell only what changed, such as an award without its tender.
    """
    merged = {**old, **new}
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            merged[key] = _merged(old[key], value)
    return merged


def _newest(value: Any) -> Any:
    """Turn a versioned release into the newest one: of each field's versions, the last."""
    if isinstance(value, dict):
        return {key: _newest(held) for key, held in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(v, dict) and "releaseDate" in v for v in value):
            return max(value, key=lambda v: text_of(v["releaseDate"])).get("value")
        return [_newest(v) for v in value]
    return value


def _read_release(release: dict[str, Any], file: str, place: str) -> Iterator[Item]:
    ocid = text_of(release.get("ocid"))
    where = text_of(release.get("id")) or ocid or place
    tags = {text_of(t) for t in as_list(release.get("tag"))}
    if not ocid:
        yield Refusal(file, where, "ocid", "the release has no ocid", release)
        return
    tender = as_dict(release.get("tender"))
    if tags & _CANCELLED or text_at(tender, "status") in ("cancelled", "withdrawn"):
        gone = f"{ocid}-tender" if "awardCancellation" not in tags else ""
        version = text_of(release.get("date"))
        yield SetAside(file, where, "cancellation", removes=gone, version=version)
        return
    awarded = bool(dicts(release.get("awards")) or dicts(release.get("contracts")))
    if tags & _AWARD_TAGS or ("compiled" in tags and awarded):
        yield SetAside(file, where, "award notice", _award_notice(release, ocid))
        return
    stage = "planning" if _is_planning(release, tags, tender) else "tender"
    remarks: list[Remark] = []
    texts = _texts(release, tender, stage)
    if not texts:
        yield Refusal(file, where, "tender.title", "neither title nor description", release)
        return
    yield _need(release, tender, ocid, stage, texts, file, remarks)
    yield from remarks


def _is_planning(release: dict[str, Any], tags: set[str], tender: dict[str, Any]) -> bool:
    if {"tender", "tenderUpdate", "tenderAmendment"} & tags:
        return False
    if {"planning", "planningUpdate"} & tags:
        return True
    return text_at(tender, "status") in ("planning", "planned") or not tender


def _need(
    release: dict[str, Any],
    tender: dict[str, Any],
    ocid: str,
    stage: str,
    texts: tuple[Text, ...],
    file: str,
    remarks: list[Remark],
) -> Need:
    where = text_of(release.get("id")) or ocid
    buyers = _buyers(release, stage)
    items = dicts(tender.get("items"))
    places = [at(i, "deliveryAddress") or at(i, "deliveryAddresses") for i in items]
    addresses = [as_dict(p) for p in places] + _addresses(release)
    amount = as_dict(tender.get("value")) or as_dict(at(release, "planning", "budget", "amount"))
    date_text = text_of(release.get("date"))
    return Need(
        id=f"{ocid}-{stage}",
        texts=texts,
        country=next(filter(None, map(_country, addresses)), ""),
        region=next(filter(None, (text_of(a.get("region")) for a in addresses)), ""),
        cpv=cpv_of(_codes(tender, items), file, where, "tender.items", remarks),
        url=_url(release, tender),
        source="ocds",
        source_id=where[:200],
        buyers=buyers,
        parts=_parts(release, tender, items, file, where, remarks),
        procedure=_procedure(release, tender, stage, texts),
        notice_type=(text_of(as_list(release.get("tag"))) or stage)[:30],
        notice_version=date_text[:30],
        published=date_of(date_text),
        deadline=_deadline(release, tender, stage),
        value=number_at(amount, "amount"),
        currency=text_at(amount, "currency")[:3],
        innovation="innovation" in text_at(tender, "procurementMethodDetails").casefold(),
        procedure_id=ocid[:200],
        earlier_notices=_earlier(release, ocid, stage),
    )


# -- texts, codes and lots


def _language(release: dict[str, Any]) -> str:
    return language_of(text_of(release.get("language"))) if release.get("language") else UNKNOWN


def _multilingual(parent: dict[str, Any], name: str, default: str) -> dict[str, str]:
    """A field and its translations (``title``, ``title_fr``)."""
    found = languages_of(parent.get(name), default)
    for key, value in parent.items():
        if key.startswith(f"{name}_") and isinstance(value, str) and value.strip():
            found.setdefault(language_of(key[len(name) + 1 :]), text_of(value))
    return found


def _texts(release: dict[str, Any], tender: dict[str, Any], stage: str) -> tuple[Text, ...]:
    lang = _language(release)
    planning = as_dict(release.get("planning"))
    titles = _multilingual(tender, "title", lang)
    if not titles:
        titles = languages_of(at(planning, "budget", "project") or planning.get("project"), lang)
    bodies = _multilingual(tender, "description", lang)
    if stage == "planning":
        reasons = languages_of(planning.get("rationale"), lang)
        for key, reason in reasons.items():
            bodies[key] = "\n".join(filter(None, (bodies.get(key, ""), reason)))
    if not bodies:
        bodies = languages_of(release.get("description"), lang)
    return make_texts(titles, bodies, lang)


def _codes(*parents: Any) -> list[Any]:
    """CPV codes of things and their items: main classification first, then the additional."""
    found = []
    for thing in (t for parent in parents for t in dicts(parent)):
        main = dicts(thing.get("classification"))
        more = dicts(thing.get("additionalClassifications"))
        found += [c.get("id") for c in (*main, *more) if text_of(c.get("scheme")).upper() == "CPV"]
    return found


def _parts(
    release: dict[str, Any],
    tender: dict[str, Any],
    items: list[dict[str, Any]],
    file: str,
    where: str,
    remarks: list[Remark],
) -> tuple[Part, ...]:
    lang = _language(release)
    parts = []
    for number, lot in enumerate(dicts(tender.get("lots")), start=1):
        lot_id = text_of(lot.get("id")) or str(number)
        own = [
            i
            for i in items
            if lot_id in map(text_of, [i.get("relatedLot"), *as_list(i.get("relatedLots"))])
        ]
        titles = _multilingual(lot, "title", lang)
        bodies = _multilingual(lot, "description", lang)
        codes = cpv_of(_codes(lot, own), file, where, "tender.lots", remarks)
        parts.append(Part(id=lot_id, texts=make_texts(titles, bodies, lang), cpv=codes))
    return tuple(parts)


# -- parties, places and dates


def _parties(release: dict[str, Any], *roles: str) -> list[dict[str, Any]]:
    return [
        p
        for p in dicts(release.get("parties"))
        if set(roles) & set(map(text_of, as_list(p.get("roles"))))
    ]


def _buyers(release: dict[str, Any], stage: str) -> tuple[Buyer, ...]:
    """Parties that buy, and the one that buys on their behalf."""
    named = as_dict(release.get("buyer"))
    buying = _parties(release, "buyer")
    by_id = {text_of(p.get("id")): p for p in dicts(release.get("parties"))}
    if not buying and named:
        buying = [by_id.get(text_of(named.get("id")), named)]
    ids = {text_of(p.get("id")) for p in buying}
    procuring = [
        p
        for p in _parties(release, "procuringEntity", "centralPurchasingBody")
        if text_of(p.get("id")) not in ids
    ]
    if (
        not buying
        and not procuring
        and (entity := as_dict(at(release, "tender", "procuringEntity")))
    ):
        buying = [by_id.get(text_of(entity.get("id")), entity)]
    joint = len(buying) > 1
    commits = Commitment.COMMITS if stage == "tender" else Commitment.DECLARES_INTENT
    lead = text_of(named.get("id"))
    return tuple(
        Buyer(
            name=text_of(p.get("name")) or text_at(p, "identifier", "legalName") or "?",
            organisation_number=_number(p),
            country=_country(as_dict(p.get("address"))),
            commitment=commits,
            lead=joint and not central and text_of(p.get("id")) == lead,
            central_purchasing_body=central or "centralPurchasingBody" in as_list(p.get("roles")),
            contact=_contact(p),
        )
        for central, parties in ((False, buying), (bool(buying), procuring))
        for p in parties
    )


def _number(party: dict[str, Any]) -> str:
    number = text_at(party, "identifier", "id") or text_at(party, "additionalIdentifiers", "id")
    # Files that went through a spreadsheet hold numbers as decimals.
    return re.sub(r"(?<=\d)\.0$", "", number)


def _contact(party: dict[str, Any]) -> Contact | None:
    point = as_dict(party.get("contactPoint"))
    contact = Contact(
        name=text_of(point.get("name")),
        email=text_of(point.get("email")),
        phone=text_of(point.get("telephone")),
    )
    return contact if contact != Contact() else None


def _country(address: dict[str, Any]) -> str:
    return country_at(address, "country") or country_at(address, "countryName")


def _addresses(release: dict[str, Any]) -> list[dict[str, Any]]:
    return [as_dict(p.get("address")) for p in _parties(release, "buyer", "procuringEntity")]


def _url(release: dict[str, Any], tender: dict[str, Any]) -> str:
    """The notice's own page, else nothing."""
    notices = ("tenderNotice", "plannedProcurementNotice", "marketEngagementNotice")
    held = [*dicts(tender.get("documents")), *dicts(at(release, "planning", "documents"))]
    urls = (text_of(d.get("url")) for d in held if text_of(d.get("documentType")) in notices)
    return next((u for u in urls if u.startswith("http")), "")


def _engagement(release: dict[str, Any]) -> list[dict[str, Any]]:
    milestones = dicts(at(release, "planning", "milestones"))
    return [m for m in milestones if text_of(m.get("type")) == "engagement"]


def _deadline(release: dict[str, Any], tender: dict[str, Any], stage: str) -> date | None:
    if stage == "planning":
        dates = [date_of(text_of(m.get("dueDate"))) for m in _engagement(release)]
        return max((d for d in dates if d), default=None)
    return date_of(text_at(tender, "tenderPeriod", "endDate")) or date_of(
        text_at(tender, "expressionOfInterestDeadline")
    )


def _procedure(
    release: dict[str, Any], tender: dict[str, Any], stage: str, texts: tuple[Text, ...]
) -> Procedure:
    if "innovation partnership" in text_at(tender, "procurementMethodDetails").casefold():
        return Procedure.INNOVATION_PARTNERSHIP
    documents = dicts(at(release, "planning", "documents"))
    announced = any(text_of(d.get("documentType")) == "marketEngagementNotice" for d in documents)
    if stage == "planning" and (_engagement(release) or announced or invites_to_dialogue(texts)):
        return Procedure.OPEN_DIALOGUE
    return Procedure.OTHER


def _earlier(release: dict[str, Any], ocid: str, stage: str) -> tuple[str, ...]:
    """The same process's planning, and processes it names as prior."""
    prior = [
        f"{text_of(p.get('identifier'))}-planning"
        for p in dicts(release.get("relatedProcesses"))
        if _PRIOR & set(map(text_of, as_list(p.get("relationship"))))
    ]
    own = [f"{ocid}-planning"] if stage == "tender" else []
    return tuple(dict.fromkeys([*own, *prior]))


def _award_notice(release: dict[str, Any], ocid: str) -> AwardNotice:
    tender = as_dict(release.get("tender"))
    parties = {text_of(p.get("id")): p for p in dicts(release.get("parties"))}
    awards = []
    for award in dicts(release.get("awards")):
        if text_of(award.get("status")) in ("cancelled", "unsuccessful"):
            continue
        for supplier in dicts(award.get("suppliers")):
            party = parties.get(text_of(supplier.get("id")), supplier)
            awards.append(
                Award(
                    name=text_of(party.get("name")) or text_of(supplier.get("name")) or "?",
                    organisation_number=_number(party),
                    country=_country(as_dict(party.get("address"))),
                    lot=text_of(as_list(award.get("relatedLots"))),
                    value=number_at(award, "value", "amount"),
                    currency=text_at(award, "value", "currency")[:3],
                )
            )
    codes = _codes(
        tender,
        dicts(tender.get("items")),
        *(dicts(a.get("items")) for a in dicts(release.get("awards"))),
    )
    return AwardNotice(
        id=f"{ocid}-award"[:200],
        source="ocds",
        title=next(iter(_multilingual(tender, "title", UNKNOWN).values()), "")
        or text_at(release, "awards", "title"),
        version=text_of(release.get("date"))[:30],
        procedure_id=ocid[:200],
        earlier_notices=(f"{ocid}-tender",),
        published=date_of(text_of(release.get("date"))),
        buyers=_buyers(release, "tender"),
        cpv=cpv_of(codes, "", ocid, "", []),
        awards=tuple(awards),
    )
