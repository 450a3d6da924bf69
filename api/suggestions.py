"""What goes over HTTP of suggestions: invitation lists, partners, hints, judgements."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import AspectOut, MatchOut
from matcher.compose import Reason
from matcher.query import Query
from matcher.records import Supplier
from matcher.service import Invitation, SupplierHints
from matcher.sideways import Partner
from matcher.store import Grade

GradeName = Literal["relevant", "partly", "not"]


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class InvitationIn(BaseModel):
    """What an invitation list should be like."""

    model_config = ConfigDict(extra="forbid")

    size: int = Field(10, ge=1, le=200)
    floors: dict[str, int] = Field(
        default={},
        max_length=50,
        description="Least numbers: `small`, `newcomer`, `country:NO`, `region:Rogaland` ...",
    )
    seed: int = Field(0, ge=-(2**53), le=2**53, description="Of the draws among equals.")


class ChoiceOut(_Out):
    """A place of an invitation list."""

    supplier_id: str
    reasons: list[Reason]
    aspects: list[int] = Field(description="Aspects it covers better than all before it.")
    floors: list[str]
    equals: int = Field(description="How many were as good when it was drawn, itself included.")
    gain: float
    match: MatchOut


class InvitationListOut(_Out):
    """A list of suppliers to invite; the same request gives the same list again."""

    need_id: str
    generation: str
    seed: int
    pool: int = Field(description="Suppliers it was chosen from: all whose match is not weak.")
    aspects: list[AspectOut]
    covered: list[float] = Field(description="How well the list covers each aspect, 0 to 1.")
    unmet: dict[str, int] = Field(description="Floors that could not be met, and by how many.")
    no_good_match: bool = Field(description="Whether even the best is unlikely to fit.")
    choices: list[ChoiceOut]

    @classmethod
    def of(cls, found: Invitation) -> InvitationListOut:
        """Show an invitation list."""
        matches = {match.record.id: match for match in found.matches}
        composed = found.composed
        return cls(
            need_id=found.need.id,
            generation=found.generation,
            seed=composed.seed,
            pool=composed.pool,
            aspects=[AspectOut.of(a) for a in found.query.aspects],
            covered=list(composed.covered),
            unmet=composed.unmet,
            no_good_match=found.no_good_match,
            choices=[
                ChoiceOut(
                    supplier_id=choice.id,
                    reasons=list(choice.reasons),
                    aspects=list(choice.aspects),
                    floors=list(choice.floors),
                    equals=choice.equals,
                    gain=choice.gain,
                    match=MatchOut.of(matches[choice.id]),
                )
                for choice in composed.choices
            ],
        )


class PartnerOut(_Out):
    """A supplier and what it adds to another one's coverage of a need."""

    supplier_id: str
    name: str
    added: float = Field(description="Weight of the need it adds, 0 to 1.")
    aspects: list[AspectOut]


class PartnersOut(_Out):
    """Suppliers by what they add."""

    need_id: str
    partners: list[PartnerOut]

    @classmethod
    def of(cls, query: Query, found: list[tuple[Partner, Supplier]]) -> PartnersOut:
        """Show partners."""
        return cls(
            need_id=query.record_id,
            partners=[
                PartnerOut(
                    supplier_id=supplier.id,
                    name=supplier.name,
                    added=partner.added,
                    aspects=[AspectOut.of(query.aspects[a]) for a in partner.aspects],
                )
                for partner, supplier in found
            ],
        )


class NeedHintsOut(_Out):
    """What a profile leaves out of what a need near it asks for."""

    need_id: str
    title: str
    aspects: list[AspectOut]

    @classmethod
    def of(cls, found: SupplierHints) -> NeedHintsOut:
        """Show the hints of one need."""
        return cls(
            need_id=found.need.id,
            title=found.need.title,
            aspects=[AspectOut(label=list(h.label), weight=h.weight) for h in found.hints],
        )


class JudgementIn(BaseModel):
    """How well a supplier's text answers a need; not its price, place or buyer."""

    model_config = ConfigDict(extra="forbid")

    grade: GradeName

    def as_grade(self) -> Grade:
        """Return it as it is stored."""
        return Grade[self.grade.upper()]
