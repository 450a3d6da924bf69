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
    """What a record says in one language. ``und`` where the language is not known."""

    lang: Language = UNKNOWN
    title: str = ""
    body: str = ""


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
    """What a public buyer must achieve."""

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


class Supplier(Record):
    """A company and what it says of itself. Its name is no part of what is matched."""

    name: str = Field(min_length=1)
    organisation_number: str = ""
    municipality: str = ""
    nace: tuple[str, ...] = ()
    employees: int | None = Field(None, ge=0)
    founded: int | None = Field(None, ge=1000, le=2200)
    contact: Contact | None = Field(None, exclude=True, repr=False)

    @property
    def title(self) -> str:
        """The company's name."""
        return self.name
