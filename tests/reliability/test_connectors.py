"""Connectors against a server that answers as the feeds do, faults included."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from matcher.errors import InputError, UnavailableError
from matcher.records import Kind
from matcher.settings import Settings
from matcher.sources.base import Report
from matcher.sources.connect import FEEDS, sync
from matcher.sources.connect.client import Client
from matcher.store import Store
from matcher.store.cursors import read_cursor
from tests.notices import doffin_hit, release, ted_hit
from tests.replay import Answer, Asked, Reply, serve

DAY = date(2026, 4, 1)


class Feed:
    """Syncs from a server and notes how long it was asked to wait."""

    def __init__(self, store: Store, tmp_path: Path) -> None:
        self.store, self.tmp_path, self.waits = store, tmp_path, []  # type: ignore[var-annotated]
        self.asked: list[Asked] = []

    def __call__(
        self, name: str, reply: Reply, faults: tuple[Answer, ...] = (), **how: Any
    ) -> Report:
        with serve(reply, faults) as server, closing(Client(sleep=self.waits.append)) as client:
            self.asked = server.asked
            settings = Settings(
                data_dir=self.tmp_path, doffin_key="secret-key", _env_file=None,  # type: ignore[call-arg]
                **{f"{feed}_url": server.url for feed in FEEDS},
            )  # fmt: skip
            how.setdefault("since", None if read_cursor(self.store, name) else DAY)
            return sync(self.store, name, settings, client, **how)


@pytest.fixture
def feed(store: Store, tmp_path: Path) -> Iterator[Feed]:
    return Feed(store, tmp_path)  # type: ignore[return-value]


def hits(*numbers: int) -> list[dict[str, Any]]:
    return [
        ted_hit(**{"publication-number": f"{n}-2026", "publication-date": f"2026-04-{n:02d}+02:00"})
        for n in numbers
    ]


def ted_pages(asked: Asked) -> Answer:
    """Two pages and an end; the second repeats a notice of the first."""
    token = asked.body.get("iterationNextToken")
    pages = {None: ([1, 2], "t1"), "t1": ([2, 3], "t2"), "t2": ([], None)}
    if token not in pages:
        return Answer({"message": "token expired"}, status=400)
    numbers, following = pages[token]
    return Answer({"notices": hits(*numbers), "iterationNextToken": following, "timedOut": False})


def test_ted_is_paged_and_goes_on_from_the_last_day(feed: Feed) -> None:
    report = feed("ted", ted_pages)
    assert (report.read, report.new, report.unchanged) == (4, 3, 1)
    assert "publication-date>=20260401" in feed.asked[0].body["query"]
    assert feed.asked[0].body["paginationMode"] == "ITERATION"
    again = feed("ted", ted_pages)
    assert "publication-date>=20260403" in feed.asked[0].body["query"]
    assert (again.new, again.unchanged) == (0, 4)


def test_a_killed_run_goes_on_where_it_was(feed: Feed) -> None:
    assert feed("ted", ted_pages, pages=1).new == 2
    report = feed("ted", ted_pages)
    assert feed.asked[0].body["iterationNextToken"] == "t1"
    assert (report.new, report.unchanged) == (1, 1)
    # A token that ran out in the meantime costs reading again, nothing else.
    feed("ted", ted_pages, pages=1)
    report = feed("ted", lambda a: ted_pages(a) if a.body.get("iterationNextToken") != "t1"
                  or len(feed.asked) > 2 else Answer({}, status=400))  # fmt: skip
    assert feed.store.count(Kind.NEED) == 3
    assert report.unchanged >= 2


BROKEN = json.dumps({"notices": hits(1)}).encode()
FAULTS = {
    "500": Answer({}, status=500),
    "503 with a wait": Answer({}, status=503, headers={"retry-after": "7"}),
    "429 with a date": Answer(
        {}, status=429, headers={"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}
    ),
    "truncated connection": Answer(raw=BROKEN, cut=True),
    "truncated body": Answer(raw=BROKEN[:-20]),
    "html instead of json": Answer(raw=b"<html>busy</html>"),
    "empty": Answer(raw=b""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_waited_out(feed: Feed, fault: str) -> None:
    assert feed("ted", ted_pages, (FAULTS[fault],) * 2).new == 3
    assert len(feed.waits) == 2
    if fault == "503 with a wait":
        assert feed.waits == [7, 7]
    if fault == "429 with a date":
        assert feed.waits == [0, 0]


def test_a_feed_that_stays_down_fails_and_keeps_what_came(feed: Feed) -> None:
    def breaks(asked: Asked) -> Answer:
        return ted_pages(asked) if len(feed.asked) == 1 else Answer({}, status=502)

    with pytest.raises(UnavailableError, match="answers 502, 6 times"):
        feed("ted", breaks)
    assert feed.waits == sorted(feed.waits)
    assert feed.store.count(Kind.NEED) == 2
    assert feed("ted", ted_pages).new == 1
    assert feed.asked[0].body["iterationNextToken"] == "t1"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(Answer({"results": []}), "format has changed"), (Answer([1]), "new format"),
     (Answer({"notices": "none"}), "format has changed"), (Answer({}, status=403), "403"),
     (Answer({"notices": [], "timedOut": True}), "timed out"),
     (Answer({}, status=429, headers={"retry-after": "86400"}), "86400 seconds")],
)  # fmt: skip
def test_a_changed_format_or_a_refusal_is_said_at_once(
    feed: Feed, answer: Answer, reason: str
) -> None:
    with pytest.raises(UnavailableError, match=reason):
        feed("ted", lambda asked: answer)
    assert read_cursor(feed.store, "ted") == {}
    assert len(feed.asked) == 1


def test_a_dry_run_writes_nothing(feed: Feed) -> None:
    report = feed("ted", ted_pages, dry_run=True)
    assert (report.new, report.unchanged, report.checked_only) == (3, 1, True)
    assert feed.store.count(Kind.NEED) == 0
    assert read_cursor(feed.store, "ted") == {}


def test_doffin_beyond_its_cap_is_asked_in_smaller_windows(feed: Feed) -> None:
    start = date.today() - timedelta(days=3)
    per_day = 600

    def reply(asked: Asked) -> Answer:
        assert asked.headers["Ocp-Apim-Subscription-Key"] == "secret-key"
        low, high = (date.fromisoformat(asked.query[f"issueDate{w}"]) for w in ("From", "To"))
        total = per_day * ((high - low).days + 1)
        page = int(asked.query["page"])
        numbers = range((page - 1) * 100, min(page * 100, total, 1000))
        offset = (low - start).days * per_day
        found = [doffin_hit(offset + n, description="a\x01b") for n in numbers]
        # Control characters as they come: raw inside strings.
        raw = json.dumps({"numHitsTotal": total, "numHitsAccessible": min(total, 1000),
                          "hits": found}).replace("\\u0001", "\x01")  # fmt: skip
        return Answer(raw=raw.encode())

    report = feed("doffin", reply, since=start)
    assert (report.new, report.refused_count) == (4 * per_day, 0)
    assert read_cursor(feed.store, "doffin")["from"] == (start + timedelta(days=3)).isoformat()
    per_day = 1200
    report = feed("doffin", reply, since=start + timedelta(days=3))
    assert "200 of 1200 hits" in report.refused[0].reason


def test_doffin_needs_its_key(store: Store, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, _env_file=None)  # type: ignore[call-arg]
    with closing(Client()) as client, pytest.raises(InputError, match="SAMSPILL_DOFFIN_KEY"):
        sync(store, "doffin", settings, client)


def test_brreg_follows_its_updates(feed: Feed) -> None:
    updates = [
        {"oppdateringsid": place, "organisasjonsnummer": number, "endringstype": kind}
        for place, number, kind in (
            (5, "974760673", "Ny"), (6, "981604032", "Ny"), (9, "981604032", "Sletting"),
        )
    ]  # fmt: skip

    def reply(asked: Asked) -> Answer:
        if asked.path == "/enheter":
            wanted = asked.query["organisasjonsnummer"].split(",")
            found = [{"organisasjonsnummer": n, "navn": f"Firma {n}"} for n in wanted]
            return Answer({"_embedded": {"enheter": found}, "page": {}})
        first = int(asked.query.get("oppdateringsid", 0))
        held = [u for u in updates if u["oppdateringsid"] >= first]  # type: ignore[operator]
        return Answer({"_embedded": {"oppdaterteEnheter": held}, "page": {}} if held
                      else {"page": {"totalElements": 0}})  # fmt: skip

    report = feed("brreg", reply)
    assert (report.new, report.set_aside) == (1, {"deleted from the register": 1})
    assert feed.asked[0].query["dato"].startswith("2026-04-01")
    updates.append(
        {"oppdateringsid": 12, "organisasjonsnummer": "974760673", "endringstype": "Fjernet"}
    )
    report = feed("brreg", reply)
    assert feed.asked[0].query["oppdateringsid"] == "10"
    assert report.removed == 1
    assert feed.store.count(Kind.SUPPLIER) == 0


def test_cvr_and_prh_and_ocds_are_paged(feed: Feed) -> None:
    numbers = ["10150817", "25313763"]

    def cvr(asked: Asked) -> Answer:
        place = asked.body.get("search_after", [0])[0]
        found = [
            {"_source": {"Vrvirksomhed": {"cvrNummer": n, "navne": [{"navn": "A"}]}},
             "sort": [place + 1]} for n in numbers[place : place + 1]
        ]  # fmt: skip
        return Answer({"hits": {"total": 2, "hits": found}})

    assert feed("cvr", cvr).new == 2
    assert read_cursor(feed.store, "cvr") == {"after": [2]}
    assert feed("cvr", cvr).read == 0

    def prh(asked: Asked) -> Answer:
        page = int(asked.query["page"])
        found = [{"businessId": {"value": "0112038-9"}, "names": [{"name": "Oy"}]}]
        return Answer({"totalResults": 1, "companies": found if page == 1 else []})

    assert feed("prh", prh).new == 1

    def ocds(asked: Asked) -> Answer:
        if asked.path == "/2":
            return Answer({"releases": [release(ocid="b")]})
        following = f"http://{asked.headers['Host']}/2"
        return Answer({"releases": [release(ocid="a")], "links": {"next": following}})

    assert feed("ocds", ocds).new == 2
    elsewhere = {"releases": [release(ocid="c")], "links": {"next": "http://169.254.169.254/"}}
    with pytest.raises(UnavailableError, match="another host"):
        feed("ocds", lambda asked: Answer(elsewhere))


def test_an_odd_hit_is_refused_and_the_others_go_in(feed: Feed) -> None:
    odd: list[Any] = [None, 7, "x", {}, {"publication-number": ["1-2026"]}, *hits(4)]
    report = feed("ted", lambda asked: Answer({"notices": odd}))
    assert (report.new, report.refused_count) == (1, 5)
