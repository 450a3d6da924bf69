"""What the work is done with, and who does it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from matcher.errors import ForbiddenError, UnavailableError
from matcher.service import Service
from matcher.settings import Settings
from matcher.store import Store
from matcher.workflow.signing import Signer

PUBLIC = "public"
"""The actor of the log for somebody who answers by a personal link, without an account."""


class Role(StrEnum):
    """What an account is for. Nothing is allowed that a role does not allow."""

    BROKER = "broker"
    BUYER = "buyer"
    SUPPLIER = "supplier"
    ADMIN = "admin"
    JOB = "job"


@dataclass(frozen=True)
class Actor:
    """Who acts: an account and what it stands for.

    Attributes:
        id: Of the account; never a name, so that the record holds no person.
        role: Of the account.
        buyer_id: The buyer a buyer's account acts for.
        suppliers: Ids of the suppliers a supplier's account acts for.
    """

    id: str
    role: Role
    buyer_id: int | None = None
    suppliers: frozenset[str] = frozenset()

    @property
    def runs_dialogues(self) -> bool:
        """Whether everything about needs and dialogues is this actor's to see and do."""
        return self.role in (Role.BROKER, Role.ADMIN)

    def must_run_dialogues(self) -> None:
        """Refuse everybody but brokers and admins."""
        if not self.runs_dialogues:
            raise ForbiddenError("only a broker can do this")


SYSTEM = Actor("system", Role.JOB)
"""The nightly job and the command line."""


@dataclass(frozen=True)
class Desk:
    """What the functions of this package work with.

    Attributes:
        settings: Of the process.
        store: Records and the tables of the work.
        signer: Makes and checks personal links and seals the record.
        translate: ``translate(language, message, **values)`` gives a message in a language.
        service: Ranks; only needed where something is ranked.
        now: The clock.
    """

    settings: Settings
    store: Store
    signer: Signer
    translate: Callable[..., str]
    service: Service | None = None
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @property
    def matching(self) -> Service:
        """The service that ranks.

        Raises:
            UnavailableError: This desk was opened without one.
        """
        if self.service is None:
            raise UnavailableError("nothing can be ranked here: no index is open")
        return self.service

    def link(self, path: str) -> str:
        """Return the address under which people reach a path."""
        return self.settings.public_url.rstrip("/") + path


def new_id() -> str:
    """Return an id that cannot be guessed or counted."""
    return secrets.token_hex(16)
