"""The feeds: how each is paged, and how what is new since last time is asked for.

A feed yields pages: items, and the cursor to go on from once they are stored. A cursor holds
only what JSON can, so that it can be kept and read again after a kill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from matcher.errors import InputError, UnavailableError
from matcher.settings import Settings
from matcher.sources.base import Item, Refusal, SetAside
from matcher.sources.brreg import read_entity
from matcher.sources.connect.client import Client
from matcher.sources.cvr import read_company as read_cvr_company
from matcher.sources.doffin import read_doffin_hit
from matcher.sources.ocds import read_ocds_value
from matcher.sources.prh import read_company as read_prh_company
from matcher.sources.register import read_one
from matcher.sources.ted_api import FIELDS, read_ted_hit
from matcher.sources.values import as_dict, as_list, at, dicts, text_of

Cursor = dict[str, Any]
_TED_PAGE = 250
_DOFFIN_PAGE = 100
_DOFFIN_CAP = 1000
_BRREG_PAGE = 1000
_BRREG_NUMBERS = 100
_CVR_PAGE = 1000


@dataclass
class Page:
    """Items of one answer, and the cursor that stands for having stored them."""

    items: list[Item]
    cursor: Cursor = field(default_factory=dict)


Feed = Callable[[Client, Settings, Cursor, date], Iterator[Page]]


def _list(answer: dict[str, Any], key: str, url: str) -> list[Any]:
    """The list under a key; a feed that has it no more has changed its format."""
    if key not in answer or not isinstance(answer[key], list | dict):
        raise UnavailableError(
            f"{url} answers without {key!r} (it has {', '.join(sorted(answer)[:8])}): "
            "its format has changed"
        )
    return as_list(answer[key])


def ted(client: Client, settings: Settings, cursor: Cursor, since: date) -> Iterator[Page]:
    """TED's search API: iteration by token; the days already seen are not asked for again."""
    start = text_of(cursor.get("since")) or f"{since:%Y%m%d}"
    token, newest = cursor.get("token"), text_of(cursor.get("newest")) or start
    narrowed = f"({settings.ted_query}) AND " if settings.ted_query else ""
    body = {
        "query": f"{narrowed}publication-date>={start} SORT BY publication-number ASC",
        "fields": list(FIELDS),
        "limit": _TED_PAGE,
        "paginationMode": "ITERATION",
    }
    for number in count(1):
        try:
            answer = client.post(settings.ted_url, {**body, **_token(token)})
        except UnavailableError:
            if number > 1 or not token:
                raise
            token = None  # A token of an earlier run has run out: from the beginning then.
            answer = client.post(settings.ted_url, body)
        if answer.get("timedOut"):
            raise UnavailableError(f"{settings.ted_url} timed out: sync again later")
        hits = _list(answer, "notices", settings.ted_url)
        items = [i for n, hit in enumerate(hits, 1) for i in read_ted_hit(hit, "ted", f"hit {n}")]
        days = (text_of(as_list(as_dict(h).get("publication-date"))[:1])[:10] for h in hits)
        newest = max([newest, *(d.replace("-", "") for d in days if d)])
        before, token = token, text_of(answer.get("iterationNextToken"))
        if not hits or not token or token == before:
            yield Page(items, {"since": newest})
            return
        yield Page(items, {"since": start, "token": token, "newest": newest})


def _token(token: Any) -> Cursor:
    return {"iterationNextToken": token} if token else {}


def doffin(client: Client, settings: Settings, cursor: Cursor, since: date) -> Iterator[Page]:
    """Doffin: at most 1,000 hits a query, so days are asked for in windows that fit.

    What even one day's window does not give is reported as refused, never dropped in silence.
    """
    key = settings.doffin_key.get_secret_value()
    if not key:
        raise InputError("Doffin needs a key: set SAMSPILL_DOFFIN_KEY")
    first = date.fromisoformat(cursor["from"]) if cursor.get("from") else since
    today = datetime.now(UTC).date()
    windows = [(first, today)]
    while windows:
        low, high = windows.pop(0)
        hits: list[Any] = []
        for page in count(1):
            answer = client.get(
                settings.doffin_url,
                {"Ocp-Apim-Subscription-Key": key},
                numHitsPerPage=_DOFFIN_PAGE,
                page=page,
                issueDateFrom=low.isoformat(),
                issueDateTo=high.isoformat(),
            )
            found = _list(answer, "hits", settings.doffin_url)
            total = int(answer.get("numHitsTotal") or 0)
            cap = min(int(answer.get("numHitsAccessible") or _DOFFIN_CAP), _DOFFIN_CAP)
            if total > cap and low < high:
                break
            hits += found
            if not found or page * _DOFFIN_PAGE >= min(total, cap):
                break
        if total > cap and low < high:
            middle = low + (high - low) // 2
            windows[:0] = [(low, middle), (middle + timedelta(days=1), high)]
            continue
        items = [i for n, h in enumerate(hits, 1) for i in read_doffin_hit(h, "doffin", f"hit {n}")]
        if total > cap:
            reason = f"{total - cap} of {total} hits of {low} are beyond what Doffin gives out"
            items.append(Refusal("doffin", low.isoformat(), "", reason))
        # The last day is asked for again next time: it was not over.
        yield Page(items, {"from": min(high + timedelta(days=1), today).isoformat()})


def brreg(client: Client, settings: Settings, cursor: Cursor, since: date) -> Iterator[Page]:
    """Enhetsregisteret's feed of updates, by update id; the entities are fetched by number."""
    url = f"{settings.brreg_url}/oppdateringer/enheter"
    place = cursor.get("id")
    while True:
        query: dict[str, Any] = (
            {"oppdateringsid": place} if place else {"dato": f"{since}T00:00:00.000Z"}
        )
        answer = client.get(url, size=_BRREG_PAGE, **query)
        if "_embedded" not in answer and "page" not in answer:
            _list(answer, "_embedded", url)
        updates = dicts(at(answer, "_embedded", "oppdaterteEnheter"))
        if not updates:
            return
        # The last update of an entity tells what became of it.
        kinds = {
            text_of(u.get("organisasjonsnummer")): text_of(u.get("endringstype")) for u in updates
        }
        place = max(int(text_of(u.get("oppdateringsid")) or 0) for u in updates) + 1
        gone = [n for n, kind in kinds.items() if kind in ("Sletting", "Fjernet")]
        wanted = [n for n in kinds if n and n not in gone]
        items: list[Item] = [
            SetAside("brreg", n, "deleted from the register", removes=f"NO-{n}") for n in gone
        ]
        for start in range(0, len(wanted), _BRREG_NUMBERS):
            items += _brreg_entities(client, settings, wanted[start : start + _BRREG_NUMBERS])
        yield Page(items, {"id": place})


def _brreg_entities(client: Client, settings: Settings, numbers: list[str]) -> list[Item]:
    answer = client.get(
        f"{settings.brreg_url}/enheter", organisasjonsnummer=",".join(numbers), size=len(numbers)
    )
    entities = dicts(at(answer, "_embedded", "enheter"))
    items = [i for n, e in enumerate(entities, 1) for i in read_entity(e, "brreg", n)]
    missing = set(numbers) - {text_of(e.get("organisasjonsnummer")) for e in entities}
    reason = "in the feed of updates, but not in the register"
    items += [SetAside("brreg", n, reason) for n in sorted(missing)]
    return items


def cvr(client: Client, settings: Settings, cursor: Cursor, since: date) -> Iterator[Page]:
    """CVR's index in the order of its updates, from the last one seen."""
    after = cursor.get("after")
    while True:
        body: dict[str, Any] = {
            "size": _CVR_PAGE,
            "query": {"range": {"Vrvirksomhed.sidstOpdateret": {"gte": since.isoformat()}}},
            "sort": [{"Vrvirksomhed.sidstOpdateret": "asc"}, {"Vrvirksomhed.cvrNummer": "asc"}],
        }
        if after:
            body["search_after"] = after
            body["query"] = {"match_all": {}}
        answer = client.post(settings.cvr_url, body)
        hits = _list(as_dict(_list(answer, "hits", settings.cvr_url)), "hits", settings.cvr_url)
        if not hits:
            return
        items = [
            i
            for n, hit in enumerate(hits, 1)
            for i in read_one(hit, "cvr", f"hit {n}", read_cvr_company)
        ]
        before, after = after, as_dict(hits[-1]).get("sort")
        yield Page(items, {"after": after} if after else dict(cursor))
        if not after or after == before:
            return


def prh(client: Client, settings: Settings, cursor: Cursor, since: date) -> Iterator[Page]:
    """PRH by date of registration and page."""
    start = text_of(cursor.get("from")) or since.isoformat()
    today = datetime.now(UTC).date().isoformat()
    for page in count(int(cursor.get("page") or 1)):
        answer = client.get(settings.prh_url, registrationDateStart=start, page=page)
        companies = _list(answer, "companies", settings.prh_url)
        items = [
            i
            for n, company in enumerate(companies, 1)
            for i in read_one(company, "prh", f"company {n}", read_prh_company)
        ]
        if not companies:
            yield Page(items, {"from": today})
            return
        yield Page(items, {"from": start, "page": page + 1})


def ocds(client: Client, settings: Settings, cursor: Cursor, since: date) -> Iterator[Page]:
    """Release packages linked by ``links.next``, on the same host only."""
    started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    following = text_of(cursor.get("next"))
    start = text_of(cursor.get("since")) or f"{since}T00:00:00"
    started = text_of(cursor.get("started")) or started
    while True:
        if following:
            answer = client.get(following)
        else:
            answer = client.get(settings.ocds_url, updatedFrom=start, limit=100)
        releases = _list(answer, "releases", settings.ocds_url)
        items = [
            i for n, r in enumerate(releases, 1) for i in read_ocds_value(r, "ocds", f"release {n}")
        ]
        before, following = following, text_of(at(answer, "links", "next"))
        if following and urlsplit(following).netloc != urlsplit(settings.ocds_url).netloc:
            raise UnavailableError(f"{settings.ocds_url} links to another host: not followed")
        if not following or following == before or not releases:
            yield Page(items, {"since": started})
            return
        yield Page(items, {"since": start, "next": following, "started": started})


FEEDS: dict[str, Feed] = {
    "ted": ted, "doffin": doffin, "brreg": brreg, "cvr": cvr, "prh": prh, "ocds": ocds,
}  # fmt: skip
