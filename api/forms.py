"""What comes in over HTTP for the workflow: shapes with the bounds of every field."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)

from matcher.codes import normalise_country, normalise_cpv
from matcher.index import Filters
from matcher.languages import LANGUAGES, UNKNOWN
from matcher.records import Buyer, Commitment, Kind, Procedure, Text
from matcher.workflow import cases, dialogues, suppliers
from matcher.workflow.access import Scope
from matcher.workflow.accounts import PASSWORD_LENGTH
from matcher.workflow.alerts import Rhythm, Wish
from matcher.workflow.desk import Role
from matcher.workflow.joint import Joint

MAX_BODY_TEXT = 50_000


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("one line, without control characters")
    return value.strip()


def _known_language(value: str) -> str:
    if value not in LANGUAGES:
        raise ValueError(f"none of {', '.join(LANGUAGES)}")
    return value


def _language_or_unknown(value: str) -> str:
    return value if value == UNKNOWN else _known_language(value)


def _web_address(value: str) -> str:
    if value and not dialogues.is_web_address(value):
        raise ValueError("no web address (https://...)")
    return value


def _year_in_range(value: datetime) -> datetime:
    if not 2000 <= value.year <= 2200:
        raise ValueError("a year between 2000 and 2200")
    return value


Line = Annotated[str, Field(max_length=300), AfterValidator(_one_line)]
Title = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_one_line)]
LongText = Annotated[str, Field(max_length=MAX_BODY_TEXT)]
Reason = Annotated[str, Field(min_length=1, max_length=2000)]
OptionalReason = Annotated[str, Field(max_length=2000)]
Email = Annotated[str, Field(min_length=3, max_length=254), AfterValidator(_one_line)]
Password = Annotated[str, Field(max_length=PASSWORD_LENGTH[1])]
Secret = Annotated[str, Field(min_length=1, max_length=500)]
RecordId = Annotated[str, Field(min_length=1, max_length=200)]
AccountId = Annotated[str, Field(min_length=1, max_length=32)]
BuyerId = Annotated[int, Field(ge=1, le=2**31 - 1)]
Link = Annotated[str, Field(max_length=2000), AfterValidator(_web_address)]
ReaderLanguage = Annotated[str, Field(max_length=3), AfterValidator(_known_language)]
TextLanguage = Annotated[str, Field(max_length=3), AfterValidator(_language_or_unknown)]
CountryCode = Annotated[str, Field(max_length=60), AfterValidator(normalise_country)]
Cpv = Annotated[str, Field(max_length=12), AfterValidator(normalise_cpv)]
Time = Annotated[AwareDatetime, AfterValidator(_year_in_range)]
Currency = Annotated[
    str, BeforeValidator(lambda v: v or ""), Field(pattern=r"^([A-Z]{3})?$", max_length=3)
]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TextIn(_In):
    """A text in one language."""

    lang: TextLanguage = UNKNOWN
    title: Line = ""
    body: LongText = ""

    def text(self) -> Text:
        """Return it as part of a record."""
        return Text(lang=self.lang, title=self.title, body=self.body)


Texts = Annotated[list[TextIn], Field(min_length=1, max_length=24)]


# -- accounts


class LoginIn(_In):
    """Who signs in."""

    email: Email
    password: Password


class PasswordIn(_In):
    """A new password, with the present one."""

    current: Password
    new: Password


class PasswordByLinkIn(_In):
    """A new password, with the secret of a link."""

    token: Secret
    new: Password


class EmailIn(_In):
    """An address; in the body, for it is personal."""

    email: Email


class ErasureIn(_In):
    """One's own erasure, confirmed by the password."""

    password: Password


class AccountIn(_In):
    """An account to be made. Without a password its owner gets a link to choose one."""

    email: Email
    role: Role
    name: Line = ""
    language: ReaderLanguage = "en"
    buyer_id: BuyerId | None = None


class AccountChangeIn(_In):
    """What becomes of an account."""

    role: Role | None = None
    active: bool | None = None
    buyer_id: BuyerId | None = None


class TokenIn(_In):
    """An API token to be made."""

    name: Title
    scopes: list[Scope] = Field(min_length=1, max_length=10)
    days: int = Field(90, ge=1, le=366)


class BuyerIn(_In):
    """A buyer to be known, for its accounts."""

    name: Title
    organisation_number: Line = ""
    country: CountryCode = ""


class OwnerIn(_In):
    """The account that may act for a supplier."""

    account_id: AccountId


# -- needs


class PartyIn(BuyerIn):
    """A buyer and its part in a need."""

    commitment: Commitment = Commitment.OBSERVES
    lead: bool = False
    central_purchasing_body: bool = False


class NeedIn(_In):
    """A need as its owner writes it."""

    texts: Texts
    country: CountryCode = ""
    region: Line = ""
    cpv: list[Cpv] = Field([], max_length=50)
    url: Link = Field("", description="The public notice.")
    procedure: Procedure = Procedure.OPEN_DIALOGUE
    deadline: date | None = None
    value: float | None = Field(None, ge=0, le=1e15)
    currency: Currency = ""
    innovation: bool = False
    buyers: list[PartyIn] = Field([], max_length=100)
    reason: OptionalReason = ""

    def content(self) -> cases.Content:
        """Return it as the content of a need."""
        values = self.model_dump(exclude={"texts", "buyers", "reason"})
        return cases.Content(
            **values,
            texts=tuple(t.text() for t in self.texts),
            buyers=tuple(Buyer(**b.model_dump()) for b in self.buyers),
        )


class NeedMoveIn(_In):
    """Where a need goes."""

    to: cases.State
    reason: Reason


class CommitmentIn(_In):
    """How far a buyer binds itself."""

    commitment: Commitment
    reason: OptionalReason = ""


class JointIn(_In):
    """A joint need to be made of others."""

    parts: list[RecordId] = Field(min_length=2, max_length=50)
    texts: Texts
    country: CountryCode = ""
    procedure: Procedure = Procedure.OPEN_DIALOGUE
    url: Link = ""
    lead_buyer_id: BuyerId | None = None
    reason: Reason

    def joint(self) -> Joint:
        """Return what is to be made."""
        values = self.model_dump(exclude={"texts", "reason"})
        return Joint(**values, texts=tuple(t.text() for t in self.texts))


class DeclarationIn(_In):
    """A declaration of intent."""

    texts: Texts


class SignatureIn(_In):
    """A buyer's answer to a declaration."""

    signs: bool
    commitment: Commitment
    statement: OptionalReason = ""


# -- dialogues


class DocumentIn(_In):
    """A document of the information pack."""

    name: Title
    url: Link = Field(min_length=1)


class PackIn(_In):
    """The information pack."""

    texts: list[TextIn] = Field([], max_length=24)
    documents: list[DocumentIn] = Field([], max_length=50)


class DialogueIn(_In):
    """A dialogue as a broker plans it."""

    title: Title
    need_ids: list[RecordId] = Field([], max_length=50)
    starts_at: Time | None = None
    ends_at: Time | None = None
    place: Line = ""
    link: Link = ""
    languages: list[ReaderLanguage] = Field([], max_length=8)
    open_call: Link = Field("", description="Address of the public notice.")
    pack: PackIn = PackIn()

    def plan(self) -> dialogues.Plan:
        """Return the plan."""
        values = self.model_dump(exclude={"pack"})
        texts = tuple(t.text() for t in self.pack.texts)
        documents = tuple(dialogues.Document(**d.model_dump()) for d in self.pack.documents)
        return dialogues.Plan(**values, pack=dialogues.Pack(texts=texts, documents=documents))


class DialogueMoveIn(_In):
    """Where a dialogue goes."""

    to: dialogues.State
    reason: Reason


class RankingIn(_In):
    """A ranking that goes on the record."""

    need_id: RecordId
    k: int = Field(40, ge=1, le=200)
    filters: Filters = Filters()


class ChoiceIn(_In):
    """What is decided about a supplier, and why."""

    supplier_id: RecordId
    shortlisted: bool
    reason: Reason


class ChoicesIn(_In):
    """Decisions about suppliers; all go in or none."""

    choices: list[ChoiceIn] = Field(min_length=1, max_length=200)


class DrawIn(_In):
    """A draw from a pool, by default all that are suggested."""

    count: int = Field(ge=1, le=10_000)
    reason: Reason
    pool: list[RecordId] = Field([], max_length=10_000)
    seed: str = Field("", max_length=100)


class AnswerIn(_In):
    """An answer to an invitation."""

    accepts: bool
    text: OptionalReason = ""


class AttendanceIn(_In):
    """Who came."""

    supplier_ids: list[RecordId] = Field(min_length=1, max_length=10_000)


# -- suppliers


class ProfileIn(_In):
    """What a supplier says of itself."""

    texts: Texts
    url: Link = ""
    region: Line = ""
    municipality: Line = ""
    cpv: list[Cpv] = Field([], max_length=50)
    employees: int | None = Field(None, ge=0, le=10_000_000)
    mailbox: str = Field("", max_length=254, description="Where invitations go; never shown.")
    open_to_partners: bool = False

    def content(self) -> suppliers.Content:
        """Return it as the content of a profile."""
        values = self.model_dump(exclude={"texts", "open_to_partners"})
        return suppliers.Content(**values, texts=tuple(t.text() for t in self.texts))


class ReviewIn(_In):
    """What becomes of a profile that awaits review."""

    publishes: bool
    reason: OptionalReason = ""


class MuteIn(_In):
    """Until when a supplier wants no mail; null takes it back."""

    until: Time | None


class ProtectionIn(_In):
    """Whether a supplier is protected against unsolicited mail."""

    protected: bool


class ClaimIn(_In):
    """The secret of a link by which a profile is taken over."""

    token: Secret


class InterestIn(_In):
    """Interest in a need."""

    need_id: RecordId
    text: OptionalReason = ""


class ReverseIn(_In):
    """A wish to be heard."""

    title: Title
    text: Annotated[str, Field(min_length=1, max_length=MAX_BODY_TEXT)]
    language: TextLanguage = UNKNOWN


class ReverseAnswerIn(_In):
    """An answer to a wish to be heard."""

    takes_up: bool
    text: Reason


class LinkIn(_In):
    """A link to be looked at."""

    url: Link = Field(min_length=1)


class WishIn(_In):
    """What somebody wants to hear of."""

    title: Title
    supplier_id: str = Field("", max_length=200)
    text: str = Field("", max_length=20_000)
    language: TextLanguage = UNKNOWN
    kind: Kind = Kind.SUPPLIER
    filters: Filters = Filters()
    threshold: float = Field(3.0, ge=-100, le=100)
    rhythm: Rhythm = Rhythm.DAILY
    mail: bool = True

    def wish(self) -> Wish:
        """Return the wish."""
        return Wish(**self.model_dump(exclude={"filters"}), filters=self.filters)
