"""What goes out over HTTP from the workflow, where its own shapes do not fit."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from api.schemas import MatchesOut
from matcher.workflow.access import Token
from matcher.workflow.accounts import Account
from matcher.workflow.alerts import Subscription
from matcher.workflow.cases import Case
from matcher.workflow.desk import Role
from matcher.workflow.invitations import Invitation
from matcher.workflow.shortlist import Place, State

_T = TypeVar("_T")


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class Page(BaseModel, Generic[_T]):
    """A page of a list."""

    total: int
    items: list[_T]


class Done(_Out):
    """Something was done that there is nothing more to say about."""

    done: bool = True


class MeOut(_Out):
    """Who is signed in, and the code that writing requests of the session carry."""

    account: Account
    csrf_token: str


class TokenOut(_Out):
    """A new API token; its secret is shown this once."""

    token: Token
    secret: str


class AccountOut(_Out):
    """An account as an admin sees it."""

    id: str
    role: Role
    email: str
    name: str
    language: str
    buyer_id: int | None
    suppliers: list[str]
    active: bool
    created_at: datetime
    last_login_at: datetime | None

    @classmethod
    def of(cls, account: Account) -> AccountOut:
        """Show an account."""
        values = {name: getattr(account, name) for name in cls.model_fields}
        return cls(**{**values, "suppliers": list(account.suppliers)})


class LoginEventOut(_Out):
    """What became of a login."""

    at: datetime
    account_id: str | None
    event: str
    method: str
    network: str


class BuyerOut(_Out):
    """A buyer."""

    id: int
    name: str
    organisation_number: str
    country: str


class SuggestionOut(_Out):
    """A need that could be one dialogue with another."""

    need: Case
    score: float


class RankedOut(_Out):
    """A ranking that is on the record."""

    log_number: int
    ranking: MatchesOut


class DrawnOut(_Out):
    """A draw that is on the record."""

    log_number: int
    drawn: list[Place]


class CountOut(_Out):
    """How many it was."""

    count: int


class InvitationOut(_Out):
    """An invitation as the invited sees it: not why it was chosen, nor how it was ranked."""

    id: str
    supplier_id: str
    state: State
    answer: str
    title: str
    needs: list[str]
    buyers: list[str]
    starts_at: datetime | None
    ends_at: datetime | None
    place: str
    link: str
    languages: list[str]
    open_call: str
    pack: dict[str, Any]

    @classmethod
    def of(cls, found: Invitation) -> InvitationOut:
        """Show an invitation."""
        plan, place = found.dialogue.plan, found.place
        return cls(
            id=place.id,
            supplier_id=place.supplier_id,
            state=place.state,
            answer=place.answer,
            title=plan.title,
            needs=list(found.needs),
            buyers=list(found.buyers),
            starts_at=plan.starts_at,
            ends_at=plan.ends_at,
            place=plan.place,
            link=plan.link,
            languages=list(plan.languages),
            open_call=plan.open_call,
            pack=plan.pack.model_dump(mode="json"),
        )


class SubscriptionOut(_Out):
    """A subscription and the address of its feed."""

    subscription: Subscription
    feed: str


class SupplierIdOut(_Out):
    """The supplier whose profile was taken over."""

    supplier_id: str


class VerdictOut(_Out):
    """What became of a verification of the log."""

    ok: bool
    entries: int
    erased: int
    head: str
    problems: list[str]
