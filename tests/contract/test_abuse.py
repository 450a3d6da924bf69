"""Ways around the guards: odd headers, haste, letters and links that outlive their reason."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy

from api import limits
from matcher.errors import ConflictError, UnauthenticatedError
from matcher.records import Kind
from matcher.settings import Settings
from matcher.store import dialogue as tables
from matcher.store import people
from matcher.workflow import accounts, invitations, shortlist, suppliers
from matcher.workflow.desk import Role
from tests.world import ADMIN, PASSWORD, Person, World, inbox, logged, world

TEXTS = [{"lang": "en", "title": "Ferries", "body": "Electric ferries for the fjord"}]
CALL = "https://notices.example/1"


@pytest.fixture(scope="module")
def here(demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(demo_settings, tmp_path_factory.mktemp("abuse") / "data") as found:
        yield found


@pytest.fixture(scope="module")
def broker(here: World) -> Person:
    return here.person(Role.BROKER, "broker")


def _dialogue(broker: Person, *supplier_ids: str) -> str:
    need = broker("POST", "/needs", 201, texts=TEXTS)["need_id"]
    broker("POST", f"/needs/{need}/state", to="published", reason="ready")
    plan = {"title": "Ferries", "need_ids": [need], "open_call": CALL}
    dialogue = str(broker("POST", "/dialogues", 201, **plan)["id"])
    chosen = [{"supplier_id": s, "shortlisted": True, "reason": "fits"} for s in supplier_ids]
    broker("POST", f"/dialogues/{dialogue}/shortlist", choices=chosen)
    broker("POST", f"/dialogues/{dialogue}/state", to="open", reason="the call is out")
    return dialogue


def _place(here: World, dialogue: str, supplier_id: str) -> shortlist.Place:
    with here.desk.store.reading() as connection:
        found = shortlist.find(connection, dialogue, supplier_id)
    assert found is not None
    return found


# -- headers


@pytest.mark.parametrize("kind", ["application/JSON", "APPLICATION/Json; charset=utf-8", None])
def test_a_body_is_looked_at_however_its_type_is_written(broker: Person, kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}
    for body in (b'{"texts": [{"body": "a\\u0000b"}]}', b'{"texts": [{"body": "a\\ud800b"}]}',
                 b"[" * 100_000 + b"]" * 100_000):  # fmt: skip
        request = broker.client.build_request(
            "POST", "/api/v1/needs", content=body, headers=headers
        )
        if kind is None:
            request.headers.pop("content-type", None)
        assert broker.client.send(request).status_code == 400


def test_an_origin_that_is_no_address_is_foreign(broker: Person) -> None:
    for origin in ("http://[", "x", "http://"):
        answer = broker.client.post(
            "/api/v1/buyers", json={"name": "Evil"}, headers={"origin": origin}
        )
        assert answer.status_code == 403, origin


def test_a_client_cannot_put_its_own_hop_before_the_proxys() -> None:
    scope = {
        "type": "http", "client": ("10.0.0.2", 1),
        "headers": [(b"x-forwarded-for", b"198.51.100.7"), (b"x-forwarded-for", b"203.0.113.9")],
    }  # fmt: skip
    assert limits.client_address(scope, {"10.0.0.2"}) == "203.0.113.9"


def test_ipv4_clients_of_an_ipv6_socket_are_counted_apart() -> None:
    assert limits.network_key("::ffff:203.0.113.9") == "203.0.113.9"


def test_personal_pages_stay_in_no_cache(here: World) -> None:
    for path in ("/stop/x", "/password/x", "/claim/x"):
        assert here.anybody.get(path).headers["cache-control"] == "no-store"


# -- logs


def test_a_fault_logs_neither_personal_link_nor_values(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"a": "Kari"}

    def broken(desk: Any, token: str) -> None:
        with here.desk.store.reading() as connection:
            connection.execute(sqlalchemy.text("SELECT nowhere FROM x WHERE a = :a"), values)

    monkeypatch.setattr(invitations, "by_token", broken)
    with logged() as stream:
        assert here.anybody.get("/answer/a-secret-link").status_code == 500
    written = stream.getvalue()
    assert "/answer/{token}" in written
    assert "a-secret-link" not in written
    assert "Kari" not in written


# -- haste


def test_guessing_all_at_once_locks_like_guessing_one_by_one(here: World) -> None:
    account = here.person(Role.BROKER, "in-haste").account

    def guess(n: int) -> None:
        with suppress(UnauthenticatedError):
            accounts.login(here.desk, account.email, f"wrong password {n}")

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(guess, range(10)))
    with here.desk.store.reading() as connection:
        row = accounts._by_email(connection, account.email)
    assert row is not None
    assert row.failed_logins == 10
    assert row.locked_until is not None


def test_a_login_that_was_under_way_when_the_account_was_shut_is_none(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = here.person(Role.BROKER, "shut-meanwhile").account
    matches = accounts._matches

    def slow(stored: str, password: str) -> bool:
        found = matches(stored, password)
        accounts.change(here.desk, ADMIN, account.id, active=False)
        return found

    monkeypatch.setattr(accounts, "_matches", slow)
    with pytest.raises(UnauthenticatedError):
        accounts.login(here.desk, account.email, PASSWORD)


def test_nobody_is_invited_twice_however_many_invite(here: World, broker: Person) -> None:
    listed = [f"move-s{n}" for n in range(1, 6)]
    dialogue = _dialogue(broker, *listed)

    def invite(_: int) -> list[str]:
        try:
            done = invitations.invite(here.desk, broker.account.actor, dialogue)
        except ConflictError:
            return []
        return [*done.sent, *(u.supplier_id for u in done.without_mail)]

    with ThreadPoolExecutor(6) as pool:
        invited = [s for done in pool.map(invite, range(6)) for s in done]
    assert sorted(invited) == listed


def test_what_was_read_before_somebody_elses_change_changes_nothing(
    here: World, broker: Person
) -> None:
    """What a database without a single writer would let happen."""
    dialogue = _dialogue(broker, "move-s1")
    stale = _place(here, dialogue, "move-s1")
    broker("POST", f"/dialogues/{dialogue}/invitations")
    with pytest.raises(ConflictError), here.desk.store.writing() as connection:
        invitations._set(connection, here.desk, [stale], state=shortlist.State.INVITED)


def test_a_ranking_of_a_dialogue_that_ended_meanwhile_suggests_nobody(
    here: World, broker: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialogue = _dialogue(broker, "move-s1")
    need = broker.get(f"/dialogues/{dialogue}")["plan"]["need_ids"][0]
    run = shortlist.rankings.run

    def slow(*arguments: Any) -> Any:
        found = run(*arguments)
        broker("POST", f"/dialogues/{dialogue}/state", to="cancelled", reason="no money")
        return found

    monkeypatch.setattr(shortlist.rankings, "run", slow)
    broker("POST", f"/dialogues/{dialogue}/rankings", 409, need_id=need, k=5)
    assert len(broker.get(f"/dialogues/{dialogue}/shortlist")) == 1


# -- letters and links that outlive their reason


def test_one_password_letter_for_many_requests(here: World) -> None:
    email = here.person(Role.BROKER, "flooded").account.email
    for _ in range(5):
        asked = here.anybody.post("/api/v1/auth/password/forgotten", json={"email": email})
        assert asked.status_code == 202
    with here.desk.store.reading() as connection:
        count = connection.execute(
            sqlalchemy.select(sqlalchemy.func.count())
            .select_from(people.one_time)
            .where(people.one_time.c.purpose == "password")
        ).scalar_one()
    assert count == 1


def test_who_is_protected_after_the_letter_was_written_does_not_get_it(
    here: World, broker: Person
) -> None:
    dialogue = _dialogue(broker, "move-s4", "move-s6")
    with here.desk.store.writing() as connection:
        for supplier_id in ("move-s4", "move-s6"):
            suppliers._set_mailbox(connection, supplier_id, f"{supplier_id}@example.test")
    broker("POST", f"/dialogues/{dialogue}/invitations")
    broker("PUT", "/profiles/move-s4/protection", protected=True)
    with inbox() as (box, url):
        settings = here.settings.model_copy(update={"smtp_url": url})
        sending = replace(here, desk=replace(here.desk, settings=settings))
        sending.send()
        assert not box.to("move-s4@example.test")
        assert len(box.to("move-s6@example.test")) == 1
    with here.desk.store.reading() as connection:
        table = tables.message
        row = connection.execute(
            sqlalchemy.select(table).where(
                table.c.owner == "supplier:move-s4", table.c.dialogue_id == dialogue
            )
        ).one()
    assert (row.state, row.address, row.text) == ("failed", "", "")


def test_an_invitation_that_is_over_hands_over_no_profile(here: World, broker: Person) -> None:
    dialogue = _dialogue(broker, "move-s7")
    broker("POST", f"/dialogues/{dialogue}/invitations")
    token = invitations.answer_token(here.desk, _place(here, dialogue, "move-s7"))
    broker("POST", f"/dialogues/{dialogue}/state", to="cancelled", reason="no money")
    late = here.person(Role.SUPPLIER, "late")
    late("POST", "/claims/by-invitation", 409, token=token)


def test_the_feed_of_a_shut_account_is_shut(here: World) -> None:
    reader = here.person(Role.BUYER, "reader", buyer_id=here.buyer("Cisternes"))
    wish = {"title": "Ferries", "text": "ferries", "kind": "need"}
    link = reader("POST", "/subscriptions", 201, **wish)["feed"]
    assert here.anybody.get(link).status_code == 200
    accounts.change(here.desk, ADMIN, reader.account.id, active=False)
    assert here.anybody.get(link).status_code == 404


# -- who decides


def test_a_buyer_that_only_takes_part_decides_nothing(here: World) -> None:
    lead, guest = here.buyer("Askvik kommune"), here.buyer("Bratland kommune")
    leader = here.person(Role.BUYER, "leader", buyer_id=lead)
    other = here.person(Role.BUYER, "guest", buyer_id=guest)
    buyers = [{"name": "Askvik kommune", "country": "NO"},
              {"name": "Bratland kommune", "country": "NO"}]  # fmt: skip
    for leads in (False, True):
        buyers[0]["lead"] = leads  # type: ignore[assignment]
        need = leader("POST", "/needs", 201, texts=TEXTS, buyers=buyers)["need_id"]
        assert other.get(f"/needs/{need}/case")
        other("POST", f"/needs/{need}/state", 403, to="withdrawn", reason="mine now")
        other("PUT", f"/needs/{need}/case", 403, texts=TEXTS, buyers=buyers)
        other("PUT", f"/needs/{need}/buyers/{guest}/commitment", commitment="commits")
        leader("POST", f"/needs/{need}/state", to="published", reason="ready")


# -- a record that went


def test_a_profile_whose_record_went_stops_no_nightly_job(here: World, broker: Person) -> None:
    for number, name in ((8, "gone"), (10, "leaves")):
        owner = here.person(Role.SUPPLIER, name)
        here.bind(owner, f"move-s{number}")
        owner("PUT", f"/profiles/move-s{number}", texts=TEXTS[:1])
        owner("POST", f"/profiles/move-s{number}/submission")
        broker("POST", f"/profiles/move-s{number}/review", publishes=True)
    with here.desk.store.writing() as connection:
        here.desk.store.delete_in(connection, Kind.SUPPLIER, "move-s8")
    later = here.desk.now() + timedelta(days=here.settings.profile_days + 1)
    assert suppliers.expire(replace(here.desk, now=lambda: later)) == 2
    # Who has run out can leave all the same.
    owner("DELETE", "/profiles/move-s10")
    owner("GET", "/profiles/move-s10", 404)
