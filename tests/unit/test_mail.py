"""Mail: nothing twice, nothing forgotten, whatever the server does and whoever is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from api.web.i18n import translate
from matcher.errors import SettingsError
from matcher.languages import LANGUAGES
from matcher.records import Contact, Supplier, Text
from matcher.settings import Settings
from matcher.store import Store
from matcher.store import dialogue as tables
from matcher.workflow import letters, log, mail
from matcher.workflow.desk import Desk
from matcher.workflow.letters import Letter, Occasion
from matcher.workflow.signing import Signer
from tests.world import Inbox, inbox, text_of

pytestmark = pytest.mark.both_databases

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def post() -> Iterator[tuple[Inbox, str]]:
    with inbox() as found:
        yield found


@pytest.fixture
def desk(store: Store, tmp_path: Path, post: tuple[Inbox, str]) -> Desk:
    settings = Settings(
        _env_file=None, data_dir=tmp_path, smtp_url=post[1], public_url="https://samspill.example"
    )
    return Desk(settings, store, Signer(("k" * 32,)), translate, now=lambda: NOW)


def _supplier(store: Store, number: int, email: str = "") -> Supplier:
    found = Supplier(
        id=f"s{number}", name=f"Båtbygg {number} AS", texts=(Text(lang="nb", body="Vi bygger."),),
        contact=Contact(name="Kari Li", email=email or f"post@s{number}.example"),
    )  # fmt: skip
    store.save([found])
    return found


def _write(desk: Desk, count: int, key: str = "invitation") -> None:
    letter = Letter("nb", "Hei", ("Velkommen",), "https://samspill.example/answer/x", "Svar")
    for number in range(count):
        supplier = _supplier(desk.store, number)
        with desk.store.writing() as connection:
            mail.to_supplier(connection, desk, supplier, f"{key}:{number}", letter, "d1")


def test_a_letter_arrives_whole_and_its_address_is_forgotten(
    desk: Desk, post: tuple[Inbox, str]
) -> None:
    _write(desk, 1)
    assert asyncio.run(mail.send(desk)).sent == 1
    ((to, found),) = post[0].mails
    assert to == found["To"] == "post@s0.example"
    assert found["Subject"] == "Hei"
    assert "Velkommen" in text_of(found)
    html = found.get_body(("html",))
    assert html is not None
    assert '<html lang="nb">' in html.get_content()
    assert found["List-Unsubscribe"].strip().startswith("<https://samspill.example/stop/")
    with desk.store.reading() as connection:
        row = connection.execute(select(tables.message)).one()
        entries = log.entries(connection)
    assert (row.state, row.address, row.text, row.html, row.stop_link) == ("sent", "", "", "", "")
    assert "post@" not in str(entries)
    assert "answer/x" not in str(entries)
    assert "Velkommen" in str(entries)


def test_writing_a_letter_again_writes_nothing(desk: Desk, post: tuple[Inbox, str]) -> None:
    _write(desk, 3)
    _write(desk, 3)
    assert asyncio.run(mail.send(desk)).sent == 3
    _write(desk, 3)
    assert asyncio.run(mail.send(desk)).sent == 0
    assert len(post[0].mails) == 3


def test_what_the_server_refuses_stops_nobody_else(desk: Desk, post: tuple[Inbox, str]) -> None:
    post[0].refuse = "s1."
    _write(desk, 3)
    found = asyncio.run(mail.send(desk))
    assert (found.sent, found.failed) == (2, 1)
    with desk.store.reading() as connection:
        row = connection.execute(
            select(tables.message).where(tables.message.c.state == "failed")
        ).one()
    assert "550" in row.error
    assert "@" not in row.error + row.address
    assert asyncio.run(mail.send(desk)).sent == 0


def test_mail_waits_for_a_server_that_is_away(desk: Desk, post: tuple[Inbox, str]) -> None:
    _write(desk, 2)
    away = replace(desk, settings=desk.settings.model_copy(update={"smtp_url": "smtp://[::1]:9"}))
    assert asyncio.run(mail.send(away)).waiting == 2
    none = replace(desk, settings=desk.settings.model_copy(update={"smtp_url": ""}))
    assert asyncio.run(mail.send(none)).waiting == 2
    assert asyncio.run(mail.send(desk)).sent == 2
    wrong = replace(desk, settings=desk.settings.model_copy(update={"smtp_url": "http://x"}))
    _write(desk, 1, "other")
    with pytest.raises(SettingsError, match="SMTP_URL"):
        asyncio.run(mail.send(wrong))


def test_two_senders_at_once_send_everything_once(desk: Desk, post: tuple[Inbox, str]) -> None:
    _write(desk, 12)

    async def both() -> list[mail.Sent]:
        return await asyncio.gather(mail.send(desk), mail.send(desk))

    first, second = asyncio.run(both())
    assert first.sent + second.sent == 12
    assert sorted(to for to, _ in post[0].mails) == sorted(f"post@s{n}.example" for n in range(12))


_SENDER = """
import asyncio, sys
from pathlib import Path
from api.web.i18n import translate
from matcher.settings import Settings
from matcher.store import Store
from matcher.workflow import mail
from matcher.workflow.desk import Desk
from matcher.workflow.signing import Signer
settings = Settings(_env_file=None, smtp_url=sys.argv[2], public_url="https://samspill.example")
desk = Desk(settings, Store.open(sys.argv[1]), Signer(("k" * 32,)), translate)
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(mail.send(desk))
"""


@pytest.mark.parametrize("after", [0.02, 0.06, 0.12])
def test_killed_in_the_middle_nothing_goes_twice_or_is_forgotten(
    desk: Desk, post: tuple[Inbox, str], store_url: str, after: float
) -> None:
    count = 30
    _write(desk, count)
    sender = subprocess.Popen(
        [sys.executable, "-c", _SENDER, store_url, post[1]],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    with sender:
        assert sender.stdout is not None
        assert sender.stdin is not None
        assert sender.stdout.readline() == "ready\n"
        sender.stdin.write("go\n")
        sender.stdin.flush()
        while len(post[0].mails) < count * after * 5 and sender.poll() is None:
            time.sleep(0.001)
        sender.send_signal(signal.SIGKILL)
    found = asyncio.run(mail.send(desk))
    addresses = [to for to, _ in post[0].mails]
    assert len(addresses) == len(set(addresses))
    with desk.store.reading() as connection:
        unknown = connection.execute(
            select(tables.message.c.address).where(tables.message.c.state == "sending")
        ).scalars()
        left = set(unknown)
    assert len(left) <= 1
    assert found.uncertain == len(left)
    # Each has gone, or is the one that is named as uncertain.
    assert set(addresses) | left == {f"post@s{n}.example" for n in range(count)}
    assert asyncio.run(mail.send(desk, again=True)).sent == len(left)


@pytest.mark.parametrize(
    "evil",
    ["a\r\nBcc: victim@example.com", "a\nSubject: other", "a\r\n\r\nbody", "a\x00b", "a\u2028b",
     "=?utf-8?b?DQpCY2M6IHg=?="],
)  # fmt: skip
def test_no_text_becomes_a_header(desk: Desk, post: tuple[Inbox, str], evil: str) -> None:
    supplier = _supplier(desk.store, 1)
    with desk.store.writing() as connection:
        mail.to_supplier(connection, desk, supplier, "k", Letter("nb", evil, (evil,)), "")
    assert asyncio.run(mail.send(desk)).sent == 1
    ((to, found),) = post[0].mails
    assert to == "post@s1.example"
    assert found["Bcc"] is None
    assert len(found.get_all("Subject") or []) == 1


@pytest.mark.parametrize(
    "address",
    ["x@y.example\r\nRCPT TO:<v@example.com>", "x@y.example\nBcc: v@example.com", "<x@y.example>",
     "x@y.example, v@example.com", "x y@z.example", "@z.example", "x@", "x@localhost", "-" * 400],
)  # fmt: skip
def test_no_address_becomes_a_command(desk: Desk, post: tuple[Inbox, str], address: str) -> None:
    supplier = _supplier(desk.store, 1, address)
    with desk.store.writing() as connection:
        outcome = mail.to_supplier(connection, desk, supplier, "k", Letter("nb", "a", ("a",)), "")
    assert outcome == "no address"
    assert asyncio.run(mail.send(desk)).sent == 0
    assert post[0].mails == []


def test_who_gets_no_mail(desk: Desk) -> None:
    supplier = _supplier(desk.store, 1)
    owner, letter = f"supplier:{supplier.id}", Letter("nb", "a", ("a",))
    with desk.store.writing() as connection:
        mail.stop(connection, desk, owner, "muted", NOW + timedelta(days=1))
        assert mail.to_supplier(connection, desk, supplier, "k", letter) == "stopped"
        mail.stop(connection, desk, owner, "muted", NOW - timedelta(days=1))
        assert mail.stopped(connection, desk, owner) == ""
        mail.stop(connection, desk, owner, "protected")
        assert mail.to_supplier(connection, desk, supplier, "k", letter) == "stopped"
        mail.start(connection, owner, "protected")
        assert mail.to_supplier(connection, desk, supplier, "k", letter) == "sent"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_letter_is_written_in_every_language(desk: Desk, lang: str) -> None:
    about = Occasion("Ferger", ("Elferger",), ("Askvik",), NOW, "Bodø", "", "https://n.example", "")
    written = [
        letters.invitation(desk, lang, about, "https://l.example", reminds=False),
        letters.invitation(desk, lang, about, "https://l.example", reminds=True),
        letters.declaration(desk, lang, "Ferger", "https://l.example"),
        letters.claim(desk, lang, "Båtbygg AS", "https://l.example"),
        letters.password(desk, lang, "https://l.example"),
        letters.review(desk, lang, "Båtbygg AS", True, ""),
        letters.review(desk, lang, "Båtbygg AS", False, "Kort"),
        letters.renewal(desk, lang, "Båtbygg AS"),
        letters.digest(desk, lang, "Ferger", [("Elferger", "https://l.example")]),
    ]
    english = {letters.password(desk, "en", "x").subject, letters.renewal(desk, "en", "").subject}
    for letter in written:
        assert letter.language == lang
        assert "{" not in letter.text() + letter.html() + letter.subject
        assert lang == "en" or letter.subject not in english


def test_a_letter_escapes_what_somebody_wrote(desk: Desk) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    about = Occasion(evil, (evil,), (evil,), NOW, evil, "", 'https://x.example/"><script>', evil)
    html = letters.invitation(desk, "nb", about, 'https://l.example/"><script>', False).html()
    assert "<script" not in html
    assert "<img" not in html
