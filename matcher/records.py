"""The records everything else works on: needs, suppliers, buyers and what they are made of."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from matcher.codes import normalise_country
from matcher.languages import UNKNOWN, normalise_language

Language = Annotated[str, AfterValidator(normalise_language)]
Country = Annotated[str, AfterValidator(normalise_country)]


class Kind(StrEnum):
    """The two sides that are matched."""

    NEED = "need"
    SUPPLIER = "supplier"

    @property
    def other(self) -> Kind:
        """The side this one is matched with."""
        return Kind.SUPPLIER if self is Kind.NEED else Kind.NEED


class Commitment(StrEnum):
    """How far a buyer has bound itself to a need (CO-PI's scaling model)."""

    COMMITS = "commits"
    DECLARES_INTENT = "declares_intent"
    OBSERVES = "observes"


class Procedure(StrEnum):
    """What a need is heading for."""

    OPEN_DIALOGUE = "open_dialogue"
    PCP = "pcp"
    INNOVATION_PARTNERSHIP = "innovation_partnership"
    OTHER = "other"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(_Model):
    """What a record says in one language. ``und`` where the language is not known.

    ``source_url`` and ``retrieved`` (ISO date) are the evidence of a text that was read from a
    page or a file beside the record's own source.
    """

    lang: Language = UNKNOWN
    title: str = ""
    body: str = ""
    source_url: str = ""
    retrieved: str = ""


class Contact(_Model):
    """How to reach a supplier or buyer: personal data, kept out of every index and log."""

    name: str = ""
    email: str = ""
    phone: str = ""


class Buyer(_Model):
    """A public buyer and its part in one need."""

    name: str
    organisation_number: str = ""
    country: Country = ""
    commitment: Commitment = Commitment.OBSERVES
    lead: bool = False
    central_purchasing_body: bool = False
    contact: Contact | None = Field(None, exclude=True, repr=False)


class Part(_Model):
    """A lot or part of a need as its source divides it."""

    id: str
    texts: tuple[Text, ...] = ()
    cpv: tuple[str, ...] = ()


class Record(_Model):
    """What needs and suppliers have in common.

    ``texts`` holds one entry a language; the first is the one shown when the reader's language
    is missing. ``source`` and ``source_id`` say where the record came from.
    """

    id: str = Field(min_length=1, max_length=200)
    texts: tuple[Text, ...] = Field(min_length=1)
    country: Country = ""
    region: str = ""
    cpv: tuple[str, ...] = ()
    url: str = ""
    source: str = "table"
    source_id: str = ""

    @property
    def title(self) -> str:
        """The title in the record's first language."""
        return self.texts[0].title

    def text_in(self, language: str) -> Text:
        """The text in a language, else the first one."""
        return next((t for t in self.texts if t.lang == language), self.texts[0])


class Need(Record):
    """What a public buyer must achieve.

    ``procedure_id`` is shared by the notices of one procedure. ``earlier_notices`` are those this
    one says it follows (BT-125), such as the consultation that a competition grew out of;
    ``replaces`` is the notice it changes (BT-758).
    """

    buyers: tuple[Buyer, ...] = ()
    parts: tuple[Part, ...] = ()
    procedure: Procedure = Procedure.OTHER
    notice_type: str = ""
    notice_version: str = ""
    published: date | None = None
    deadline: date | None = None
    value: float | None = None
    currency: str = ""
    innovation: bool = False
    procedure_id: str = ""
    earlier_notices: tuple[str, ...] = ()
    replaces: str = ""


class Award(_Model):
    """A lot or contract won: what a supplier's history is made of.

    ``value`` is the winning tender's, in ``currency``; None where it is not published.
    """

    name: str
    organisation_number: str = ""
    country: Country = ""
    lot: str = ""
    value: float | None = None
    currency: str = ""


class AwardNotice(_Model):
    """A notice of who won. It is nothing to match, and is kept apart from what is."""

    id: str = Field(min_length=1, max_length=200)
    source: str
    title: str = ""
    version: str = ""
    procedure_id: str = ""
    earlier_notices: tuple[str, ...] = ()
    published: date | None = None
    buyers: tuple[Buyer, ...] = ()
    cpv: tuple[str, ...] = ()
    awards: tuple[Award, ...] = ()


class Supplier(Record):
    """A company and what it says of itself. Its name is no part of what is matched.

    ``size`` is the EU's class (micro, small, medium, large), empty where unknown.
    ``personal_data`` marks a sole trader, whose record is a person's; ``no_advertising`` a
    company that has forbidden unsolicited mail.
    """

    name: str = Field(min_length=1)
    organisation_number: str = ""
    municipality: str = ""
    nace: tuple[str, ...] = ()
    employees: int | None = Field(None, ge=0)
    founded: int | None = Field(None, ge=1000, le=2200)
    legal_form: str = ""
    size: str = ""
    personal_data: bool = False
    no_advertising: bool = False
    contact: Contact | None = Field(None, exclude=True, repr=False)

    @property
    def title(self) -> str:
        """The company's name."""
        return self.name
