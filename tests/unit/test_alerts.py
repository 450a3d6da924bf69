"""Alerts: only what is new, once, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import func, select

from matcher.records import Need, Text
from matcher.reindex import reindex
from matcher.settings import Settings
from matcher.store import dialogue as tables
from matcher.workflow import alerts, privacy, suppliers
from matcher.workflow.desk import Role
from tests.world import Inbox, Person, World, inbox, text_of, world

ATOM = {"a": "http://www.w3.org/2005/Atom"}
WISH = {"title": "Ladning", "text": "ladestasjoner for elektriske busser", "language": "nb",
        "threshold": 3.0, "rhythm": "every_run"}  # fmt: skip


@pytest.fixture(scope="module")
def post(demo_on_both: Settings) -> Iterator[tuple[Inbox, str]]:
    with inbox() as found:
        yield found


@pytest.fixture(scope="module")
def here(
    demo_on_both: Settings, tmp_path_factory: pytest.TempPathFactory, post: tuple[Inbox, str]
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("alerts") / "data"
    with world(demo_on_both, folder, smtp_url=post[1]) as found:
        yield found


@pytest.fixture(scope="module")
def person(here: World) -> Person:
    return here.person(Role.SUPPLIER, "ola", language="nb")


def _letters(here: World) -> int:
    with here.desk.store.reading() as connection:
        query = select(func.count()).select_from(tables.message)
        return int(connection.execute(query).scalar_one())


def test_only_what_is_new_since_the_last_digest(
    here: World, person: Person, post: tuple[Inbox, str], encoder: Any
) -> None:
    made = person("POST", "/subscriptions", 201, **WISH)
    first = alerts.send_digests(here.desk)
    assert (first.looked, first.letters, first.failed) == (1, 1, [])
    assert first.new > 0
    again = alerts.send_digests(here.desk)
    assert (again.looked, again.new, again.letters) == (1, 0, 0)
    here.send()
    (found,) = post[0].to("ola@example.test")
    assert "Ladning" in str(found["Subject"])
    assert text_of(found).count("http://testserver/needs/") == first.new
    feed = etree.fromstring(here.anybody.get(made["feed"]).content)
    assert len(feed.findall("a:entry", ATOM)) == first.new
    assert len({e.findtext("a:id", namespaces=ATOM) for e in feed.findall("a:entry", ATOM)}) == (
        first.new
    )

    text = Text(
        lang="sv", title="Laddning av elbussar", body="Vi behöver laddstationer för bussar."
    )
    here.desk.store.save([Need(id="ny", texts=(text,))])
    reindex(here.desk.store, here.settings.data_dir, encoder, encoder)
    new = alerts.send_digests(here.desk)
    assert (new.new, new.letters) == (1, 1)
    here.send()
    assert "Laddning av elbussar" in text_of(post[0].to("ola@example.test")[1])
    hits = person.get(f"/subscriptions/{made['subscription']['id']}/hits")
    assert hits[0]["record_id"] == "ny"
    person("DELETE", f"/subscriptions/{made['subscription']['id']}")
    assert here.anybody.get(made["feed"]).status_code == 404


def test_a_crash_between_two_subscriptions_tells_each_once(
    here: World, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [person("POST", "/subscriptions", 201, **WISH)["subscription"]["id"] for _ in range(4)]
    before = _letters(here)
    calls = 0
    real = alerts._write

    def dying(*arguments: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(alerts, "_write", dying)
    with pytest.raises(KeyboardInterrupt):
        alerts.send_digests(here.desk)
    assert _letters(here) == before + 2
    monkeypatch.setattr(alerts, "_write", real)
    assert alerts.send_digests(here.desk).letters == 2
    assert alerts.send_digests(here.desk).letters == 0
    assert _letters(here) == before + 4
    for subscription in made:
        assert person.get(f"/subscriptions/{subscription}/hits")
        person("DELETE", f"/subscriptions/{subscription}")


def test_rhythm_threshold_and_silence(here: World, person: Person) -> None:
    daily = person("POST", "/subscriptions", 201, **{**WISH, "rhythm": "daily"})["subscription"]
    strict = person("POST", "/subscriptions", 201, **{**WISH, "threshold": 99})["subscription"]
    quiet = person("POST", "/subscriptions", 201, **{**WISH, "mail": False})["subscription"]
    before = _letters(here)
    assert alerts.send_digests(here.desk).looked == 3
    assert _letters(here) == before + 1
    assert person.get(f"/subscriptions/{strict['id']}/hits") == []
    assert person.get(f"/subscriptions/{quiet['id']}/hits")
    assert alerts.send_digests(here.desk).looked == 2
    now = here.desk.now()
    tomorrow = replace(here.desk, now=lambda: now + timedelta(hours=23))
    assert alerts.send_digests(tomorrow).looked == 3
    for found in (daily, strict, quiet):
        person("DELETE", f"/subscriptions/{found['id']}")


def test_one_search_that_cannot_be_answered_stops_no_other(here: World, person: Person) -> None:
    wordless = person("POST", "/subscriptions", 201, **{**WISH, "text": "?!"})["subscription"]
    fine = person("POST", "/subscriptions", 201, **WISH)["subscription"]
    found = alerts.send_digests(here.desk)
    assert [i for i, _ in found.failed] == [wordless["id"]]
    assert found.letters == 1
    for each in (wordless, fine):
        person("DELETE", f"/subscriptions/{each['id']}")


def test_an_alert_for_a_profile_is_its_owners(here: World, person: Person) -> None:
    wish = {"title": "Mine", "supplier_id": "move-s11", "rhythm": "weekly"}
    person("POST", "/subscriptions", 403, **wish)
    here.bind(person, "move-s11")
    made = person("POST", "/subscriptions", 201, **wish)["subscription"]
    assert alerts.send_digests(here.desk).new > 0
    person("PUT", f"/subscriptions/{made['id']}", **{**wish, "threshold": 50.0})
    person("PUT", f"/subscriptions/{made['id']}", 400, title="Both", text="x", supplier_id="y")


def test_a_profile_is_warned_of_and_expires(here: World, person: Person) -> None:
    here.bind(person, "move-s9")
    broker = here.person(Role.BROKER, "reviewer")
    texts = [{"lang": "nn", "body": "Vi køyrer varer med elektriske bilar på Jæren."}]
    person("PUT", "/profiles/move-s9", texts=texts, mailbox="post@jaerbod.example")
    person("POST", "/profiles/move-s9/submission")
    assert [p["supplier_id"] for p in broker.get("/reviews")["items"]] == ["move-s9"]
    broker("POST", "/profiles/move-s9/review", 400, publishes=False)
    published = broker("POST", "/profiles/move-s9/review", publishes=True)
    assert published["state"] == "published"
    assert "elektriske bilar" in here.anybody.get("/api/v1/suppliers/move-s9").text
    now = here.desk.now()
    soon = replace(here.desk, now=lambda: now + timedelta(days=340))
    before = _letters(here)
    assert suppliers.expire(soon) == 0
    assert suppliers.expire(soon) == 0
    assert _letters(here) == before + 1
    later = replace(here.desk, now=lambda: now + timedelta(days=366))
    assert suppliers.expire(later) == 1
    assert here.anybody.get("/api/v1/suppliers/move-s9").status_code == 404
    assert person("POST", "/profiles/move-s9/renewal")["state"] == "published"
    assert here.anybody.get("/api/v1/suppliers/move-s9").status_code == 200
    assert privacy.clean(here.desk).accounts == 0
