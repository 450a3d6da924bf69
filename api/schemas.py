"""What goes over HTTP: the shapes of requests and answers."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, Field, field_validator

from matcher.aspects import Aspect
from matcher.explain import Explanation
from matcher.fusion import Band
from matcher.index import Filters
from matcher.languages import LANGUAGES
from matcher.records import Commitment, Kind, Need, Procedure, Record, Supplier
from matcher.service import Match, Matches
from matcher.sideways import covered_aspects
from matcher.text import Passage

MAX_TEXT = 100_000
MAX_K = 200


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class TextOut(_Out):
    """A record's text in one language."""

    lang: str
    title: str
    body: str
    source_url: str = ""
    retrieved: str = ""


class BuyerOut(_Out):
    """A buyer and its part in a need. Contact data is never given out here."""

    name: str
    organisation_number: str
    country: str
    commitment: Commitment
    lead: bool
    central_purchasing_body: bool


class PartOut(_Out):
    """A lot or part of a need."""

    id: str
    texts: list[TextOut]
    cpv: list[str]


class RecordOut(_Out):
    """What needs and suppliers have in common."""

    id: str
    title: str
    texts: list[TextOut]
    country: str
    region: str
    cpv: list[str]
    url: str
    source: str


class CodeOut(_Out):
    """A CPV code and its name."""

    code: str
    name: str


class WinOut(_Out):
    """A contract or lot a supplier won."""

    notice_id: str
    title: str
    published: date | None
    lot: str
    value: float | None
    currency: str
    buyers: list[str]


class NeedOut(RecordOut):
    """A need."""

    buyers: list[BuyerOut]
    parts: list[PartOut]
    procedure: Procedure
    notice_type: str
    published: date | None
    deadline: date | None
    value: float | None
    currency: str
    innovation: bool
    procedure_id: str
    earlier_notices: list[str]
    notice_version: str

    @classmethod
    def of(cls, need: Need) -> NeedOut:
        """Show a need."""
        return cls(**need.model_dump(exclude={"source_id", "replaces"}), title=need.title)


class SupplierOut(RecordOut):
    """A supplier."""

    organisation_number: str
    municipality: str
    nace: list[str]
    employees: int | None
    founded: int | None
    legal_form: str
    size: str
    personal_data: bool
    no_advertising: bool

    @classmethod
    def of(cls, supplier: Supplier) -> SupplierOut:
        """Show a supplier."""
        return cls(**supplier.model_dump(exclude={"source_id", "name"}), title=supplier.name)


class NeedPage(_Out):
    """A page of needs."""

    total: int
    items: list[NeedOut]


class SupplierPage(_Out):
    """A page of suppliers."""

    total: int
    items: list[SupplierOut]


class PassageOut(_Out):
    """A passage and where it stands in its record."""

    text: str
    lang: str
    field: str
    start: int
    end: int

    @classmethod
    def of(cls, passage: Passage) -> PassageOut:
        """Show a passage."""
        return cls(**vars(passage))


class WordPairOut(_Out):
    """A word of the query and the word of the record that answers it."""

    query_word: str
    record_word: str
    similarity: float
    share: float


class PassagePairOut(_Out):
    """A passage of the record and the passage of the query that it answers."""

    query_passage: PassageOut
    record_passage: PassageOut
    share: float


class ExplanationOut(_Out):
    """Why a record matched: each value is a number of a ranking stage or a quotation."""

    words: list[WordPairOut]
    passages: list[PassagePairOut]
    cpv: list[str]
    missing: list[str]

    @classmethod
    def of(cls, explanation: Explanation) -> ExplanationOut:
        """Show an explanation."""
        return cls(
            words=[WordPairOut(**vars(p)) for p in explanation.words],
            passages=[
                PassagePairOut(
                    query_passage=PassageOut.of(p.query_passage),
                    record_passage=PassageOut.of(p.record_passage),
                    share=p.share,
                )
                for p in explanation.passages
            ],
            cpv=explanation.cpv,
            missing=explanation.missing,
        )


class AspectOut(_Out):
    """One part of a need."""

    label: list[str] = Field(description="The words that say most of it.")
    weight: float = Field(description="Its share of the need, 0 to 1.")

    @classmethod
    def of(cls, aspect: Aspect) -> AspectOut:
        """Show an aspect."""
        return cls(label=list(aspect.label), weight=round(aspect.weight, 4))


class MatchOut(_Out):
    """One place of a ranking."""

    position: int
    score: float = Field(description="Weighted sum of the signals; comparable in one list only.")
    band: Band | None = Field(description="How good the match is likely to be.")
    probability: float | None = Field(
        description="That a person would find the supplier worth inviting."
    )
    parts: dict[str, float] = Field(description="What each stage measured.")
    signals: dict[str, float] = Field(
        description="The same in standard deviations above a chance match of its language."
    )
    aspects: list[float] = Field(description="How well it covers each aspect of the need, 0 to 1.")
    judgement: int | None = Field(description="2 relevant, 1 partly, 0 not; null if not judged.")
    record: NeedOut | SupplierOut
    explanation: ExplanationOut

    @classmethod
    def of(cls, match: Match, judgement: int | None = None) -> MatchOut:
        """Show a place."""
        hit = match.hit
        return cls(
            position=hit.position,
            score=round(hit.score, 4),
            band=hit.band,
            probability=hit.probability,
            parts={name: round(value, 4) for name, value in hit.parts.items()},
            signals={name: round(value, 4) for name, value in hit.signals.items()},
            aspects=[round(float(c), 3) for c in covered_aspects(hit)],
            judgement=judgement,
            record=record_out(match.record),
            explanation=ExplanationOut.of(match.explanation),
        )


class MatchesOut(_Out):
    """A ranking, with what it was made by."""

    kind: Kind = Field(description="What was asked for: the other kind was ranked.")
    id: str = Field(description="Id of the record that was asked for, `text` for a pasted one.")
    lang: str
    generation: str
    stage: str
    candidates: int
    seconds: dict[str, float]
    no_good_match: bool = Field(description="Whether even the best is unlikely to fit.")
    aspects: list[AspectOut] = Field(description="The parts of the need; empty for a supplier.")
    matches: list[MatchOut]

    @classmethod
    def of(cls, found: Matches) -> MatchesOut:
        """Show a ranking."""
        return cls(
            kind=found.kind,
            id=found.asking.id,
            lang=found.result.query.lang,
            generation=found.result.generation,
            stage=found.result.stage,
            candidates=found.result.candidates,
            seconds={name: round(s, 5) for name, s in found.result.seconds.items()},
            no_good_match=found.no_good_match,
            aspects=[AspectOut.of(a) for a in found.result.query.aspects],
            matches=[MatchOut.of(m, found.judgements.get(m.record.id)) for m in found.matches],
        )


class SearchIn(BaseModel):
    """A text to find matches for."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=MAX_TEXT)
    lang: str = Field("und", description="Language of the text; found out if not given.")
    kind: Kind = Field(
        Kind.NEED, description="What the text is: for a need suppliers are found, and vice versa."
    )
    k: int = Field(10, ge=1, le=MAX_K)
    filters: Filters = Filters()

    @field_validator("lang")
    @classmethod
    def _lang(cls, value: str) -> str:
        if value not in (*LANGUAGES, "und"):
            raise ValueError(f"{value!r} is none of {', '.join(LANGUAGES)}, und")
        return value


class Health(_Out):
    """Whether the process lives."""

    status: str
    version: str


class Readiness(_Out):
    """Whether questions can be answered."""

    status: str
    generation: str | None
    detail: str


class Problem(_Out):
    """An error (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = []


def record_out(record: Record) -> NeedOut | SupplierOut:
    """Show a record of either kind."""
    if isinstance(record, Supplier):
        return SupplierOut.of(record)
    assert isinstance(record, Need)
    return NeedOut.of(record)
