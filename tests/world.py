"""A small world to act in: the sample service with accounts of every role."""

from __future__ import annotations

import asyncio
import io
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from argon2 import PasswordHasher
from fastapi.testclient import TestClient

from api import logs
from api.app import create_app
from matcher.records import Buyer
from matcher.settings import Settings
from matcher.store.buyers import buyer_key, ensure_buyers
from matcher.workflow import access, accounts, mail
from matcher.workflow.accounts import Account
from matcher.workflow.desk import SYSTEM, Desk, Role

PASSWORD = "blå fjord 27 måker"
SECRET = "a" * 20 + "0123456789bcdefghij"


class Person:
    """Somebody who is signed in, as an HTTP client."""

    def __init__(self, world: World, account: Account) -> None:
        self.account = account
        self.client = TestClient(world.app, raise_server_exceptions=False)
        # One event loop for everybody; a loop a request takes most of a test's time.
        self.client.portal = world.anybody.portal
        found = self.client.post(
            "/api/v1/auth/login", json={"email": account.email, "password": PASSWORD}
        )
        assert found.status_code == 200, found.text
        self.client.headers["x-csrf-token"] = found.json()["csrf_token"]

    def __call__(self, method: str, path: str, status: int = 200, **body: Any) -> Any:
        """Ask, check the status, return the answer."""
        found = self.client.request(method, f"/api/v1{path}", json=body or None)
        assert found.status_code == status, (method, path, found.status_code, found.text[:500])
        return found.json() if "json" in found.headers["content-type"] else found

    def get(self, path: str, **params: Any) -> Any:
        """Ask for something."""
        found = self.client.get(f"/api/v1{path}", params=params)
        assert found.status_code == 200, (path, found.text[:500])
        return found.json()


@dataclass
class World:
    """The application with its desk."""

    settings: Settings
    app: Any
    desk: Desk
    anybody: TestClient

    def person(self, role: Role, name: str, **values: Any) -> Person:
        """Make an account and sign it in."""
        account = accounts.create(
            self.desk, SYSTEM, role, f"{name}@example.test", "", password=PASSWORD, **values
        )
        return Person(self, account)

    def buyer(self, name: str, country: str = "NO") -> int:
        """Make a buyer known."""
        buyer = Buyer(name=name, country=country)
        with self.desk.store.writing() as connection:
            return ensure_buyers(connection, {buyer_key(buyer): buyer})[buyer_key(buyer)]

    def bind(self, person: Person, supplier_id: str) -> None:
        """Let a supplier's account act for a supplier."""
        from matcher.workflow import suppliers

        suppliers.grant(self.desk, ADMIN, person.account.id, supplier_id)
        with self.desk.store.reading() as connection:
            person.account = accounts.get(connection, person.account.id)

    def token(self, person: Person, *scopes: access.Scope) -> str:
        """Make an API token."""
        return access.make_token(self.desk, person.account.id, "test", scopes, 1)[1]

    def send(self) -> mail.Sent:
        """Send what waits in the outbox."""
        return asyncio.run(mail.send(self.desk))


ADMIN = accounts.Actor("test", Role.ADMIN)


@contextmanager
def world(demo: Settings, folder: Path, **values: Any) -> Iterator[World]:
    """Open a world on a copy of the sample service."""
    # Hashing as slowly as for real people would be most of what the tests do.
    accounts._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    shutil.copytree(demo.data_dir, folder, dirs_exist_ok=True)
    settings = Settings(
        _env_file=None,
        data_dir=folder,
        database_url=demo.database_url,
        **{
            "secret_key": SECRET,
            "public_url": "http://testserver",
            "rate_requests": "1000000/minute",
            "rate_logins": "1000000/minute",
            "log_level": "error",
            # The machine that runs the tests may be slow.
            "max_seconds": 600,
            **values,
        },
    )
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as anybody:
        yield World(settings, app, app.state.desk, anybody)


class Inbox:
    """A real SMTP server that keeps what it is given."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, EmailMessage]] = []
        self.refuse = ""

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take an address, or refuse it."""
        if self.refuse and self.refuse in address:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail."""
        parsed = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append((envelope.rcpt_tos[0], parsed))
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """Return the mails to an address."""
        return [m for to, m in self.mails if to == address]


@contextmanager
def inbox() -> Iterator[tuple[Inbox, str]]:
    """Run a mail server on a free port; yield what it keeps and its URL."""
    found = Inbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(found, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield found, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Keep what the process logs, from the level ``info`` on."""
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        logs.configure("info")
    try:
        yield stream
    finally:
        logs.configure("error")


def text_of(message: EmailMessage) -> str:
    """Return the plain text of a mail."""
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())
