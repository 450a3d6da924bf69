"""The record: unbroken, or shown to be broken."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.web.i18n import translate
from matcher.settings import Settings
from matcher.store import Store
from matcher.workflow import log
from matcher.workflow.desk import SYSTEM, Desk
from matcher.workflow.signing import Signer

pytestmark = pytest.mark.both_databases

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    settings = Settings(_env_file=None, data_dir=tmp_path, secret_key=KEY)
    return Desk(settings, store, Signer(settings.secret_keys), translate)


def _write(desk: Desk, *reasons: str) -> None:
    for reason in reasons:
        with desk.store.writing() as connection:
            log.append(connection, desk, SYSTEM, "choice", "dialogue:1", {"reason": reason})


def _tamper(desk: Desk, *statements: str) -> None:
    """Do as somebody with the database in hand: without the triggers that forbid it."""
    with desk.store.writing() as connection:
        if connection.dialect.name == "sqlite":
            for name in ("log_entry_no_update", "log_entry_no_delete"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
        else:
            connection.execute(text("ALTER TABLE log_entry DISABLE TRIGGER USER"))
        for statement in statements:
            connection.execute(text(statement))


def test_an_unbroken_log_verifies(desk: Desk) -> None:
    assert log.verify(desk).ok
    _write(desk, "a", "b", "ø")
    verdict = log.verify(desk)
    assert (verdict.ok, verdict.entries, verdict.problems) == (True, 3, [])
    with desk.store.reading() as connection:
        assert [e.payload for e in log.entries(connection, kind="choice")] == [
            {"reason": "a"}, {"reason": "b"}, {"reason": "ø"}]  # fmt: skip
    assert log.verify(desk, (3, verdict.head)).ok


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE log_entry SET payload = '{}' WHERE number = 2", "content was changed"),
        ("UPDATE log_entry SET kind = 'other' WHERE number = 2", "its hash differs"),
        ("UPDATE log_entry SET at = '2020' WHERE number = 2", "its hash differs"),
        ("UPDATE log_entry SET actor = 'me' WHERE number = 3", "its hash differs"),
        ("UPDATE log_entry SET payload = NULL, salt = NULL WHERE number = 2", "missing"),
        ("DELETE FROM log_entry WHERE number = 2", "entry 2 is missing"),
        ("DELETE FROM log_entry WHERE number = 3", "the head names entry 3"),
        ("DELETE FROM log_entry", "the head names entry 3"),
        ("UPDATE log_head SET seal = 'x'", "seal"),
    ],
)
def test_whatever_is_changed_is_found(desk: Desk, statement: str, says: str) -> None:
    _write(desk, "a", "b", "c")
    _tamper(desk, statement)
    verdict = log.verify(desk)
    assert not verdict.ok
    assert any(says in p for p in verdict.problems), verdict.problems


def test_cutting_the_end_off_with_its_head_needs_the_secret(desk: Desk) -> None:
    _write(desk, "a", "b", "c")
    with desk.store.reading() as connection:
        second = log.entry(connection, 2)
    _tamper(desk, "DELETE FROM log_entry WHERE number = 3",
            f"UPDATE log_head SET number = 2, hash = '{second.hash}'")  # fmt: skip
    assert any("seal" in p for p in log.verify(desk).problems)


def test_rewriting_the_whole_chain_needs_the_secret(desk: Desk, tmp_path: Path) -> None:
    _write(desk, "a", "b")
    thief = Desk(desk.settings, desk.store, Signer(("another secret of some length",)), translate)
    _tamper(desk, "DELETE FROM log_entry", "UPDATE log_head SET number = 0, hash = ''")
    _write(thief, "a", "something nicer")
    verdict = log.verify(desk)
    assert verdict.problems == ["the seal of the head was not made with this SAMSPILL_SECRET_KEY"]


def test_a_head_noted_elsewhere_shows_a_database_put_back(desk: Desk) -> None:
    _write(desk, "a", "b")
    noted = (2, log.verify(desk).head)
    _tamper(desk, "DELETE FROM log_entry", "UPDATE log_head SET number = 0, hash = ''")
    _write(desk, "a", "something nicer")
    assert log.verify(desk).ok
    assert not log.verify(desk, noted).ok


def test_an_old_secret_still_opens_and_proves(desk: Desk) -> None:
    _write(desk, "a")
    rotated = Signer(("the new secret, the one that signs now", KEY))
    assert log.verify(Desk(desk.settings, desk.store, rotated, translate)).ok
    assert rotated.read("answer", desk.signer.make("answer", "1")) == "1"


def test_the_database_itself_refuses_changes(desk: Desk) -> None:
    _write(desk, "a", "b")
    for statement in (
        "UPDATE log_entry SET payload = '{}' WHERE number = 1",
        "UPDATE log_entry SET kind = 'x' WHERE number = 1",
        "DELETE FROM log_entry WHERE number = 2",
    ):
        with (
            pytest.raises(DBAPIError, match="append-only"),
            desk.store.writing() as connection,
        ):
            connection.execute(text(statement))
    assert log.verify(desk).ok


def test_an_erased_entry_keeps_its_proof(desk: Desk) -> None:
    _write(desk, "a", "Kari Nordmann rang", "c")
    with desk.store.writing() as connection:
        log.erase_payload(connection, desk, SYSTEM, 2, "asked for")
        log.erase_payload(connection, desk, SYSTEM, 2, "once is enough")
    verdict = log.verify(desk)
    assert (verdict.ok, verdict.entries, verdict.erased) == (True, 4, 1)
    with desk.store.reading() as connection:
        assert log.entry(connection, 2).payload is None
        rows = connection.execute(text("SELECT payload, salt FROM log_entry")).all()
    assert "Kari" not in json.dumps([list(r) for r in rows])


def test_what_failed_leaves_no_entry(desk: Desk) -> None:
    with suppress(ZeroDivisionError), desk.store.writing() as connection:
        log.append(connection, desk, SYSTEM, "choice", "x", {})
        raise ZeroDivisionError
    _write(desk, "a")
    assert log.verify(desk).entries == 1


def test_writers_at_once_make_one_chain(desk: Desk) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: _write(desk, str(n)), range(60)))
    verdict = log.verify(desk)
    assert (verdict.ok, verdict.entries) == (True, 60)


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "A", lambda t: "A" + t,
                                    lambda t: t.replace(".", ""), lambda t: t + "=",
                                    lambda t: "", lambda t: ".", lambda t: "å.å"])  # fmt: skip
def test_a_personal_link_cannot_be_guessed_from_another(change: object) -> None:
    signer = Signer((KEY,))
    token = signer.make("answer", "7")
    assert signer.read("answer", token) == "7"
    assert signer.read("stop", token) is None
    assert signer.read("answer", change(token)) is None  # type: ignore[operator]
    other = Signer(("f" * 32,))
    assert other.read("answer", token) is None
