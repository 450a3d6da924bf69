"""What the command line prints of invitation lists, joint needs, partners and hints."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from matcher.compose import Choice, Reason
from matcher.query import Query
from matcher.records import Need, Supplier
from matcher.service import Invitation, SupplierHints
from matcher.sideways import Partner


def invitation(found: Invitation) -> None:
    """Print an invitation list and what it covers."""
    out = Console(highlight=False)
    composed = found.composed
    out.print(f"[bold]{escape(found.need.title)}[/bold]")
    out.print(
        f"{len(composed.choices)} of {composed.pool} suppliers that fit, "
        f"generation {found.generation}, seed {composed.seed}"
    )
    if found.no_good_match:
        out.print("[yellow]No good match:[/yellow] even the best is unlikely to fit.")
    table = Table("", "supplier", "id", "country", "size", "band", "why")
    by_id = {match.record.id: match for match in found.matches}
    for place, choice in enumerate(composed.choices, start=1):
        match = by_id[choice.id]
        record = match.record
        size = record.employees if isinstance(record, Supplier) else None
        table.add_row(
            str(place),
            escape(record.title),
            escape(record.id),
            record.country,
            "" if size is None else str(size),
            match.hit.band or "",
            escape(_why(choice, found.query)),
        )
    if composed.choices:
        out.print(table)
    for aspect, covered in zip(found.query.aspects, composed.covered, strict=True):
        out.print(f"  {covered:4.0%} of {escape(', '.join(aspect.label))}")
    for group, missing in composed.unmet.items():
        out.print(f"[yellow]floor not met:[/yellow] {missing} more of {escape(group)}")


def groups(found: list[list[Need]]) -> None:
    """Print groups of needs that could be one dialogue."""
    out = Console(highlight=False)
    if not found:
        out.print("No two needs of different buyers are alike enough.")
    for number, group in enumerate(found, start=1):
        out.print(f"[bold]{number}.[/bold]")
        for need in group:
            buyers = ", ".join(b.name for b in need.buyers)
            out.print(f"   {escape(need.id)}  {escape(need.title)}  [dim]{escape(buyers)}[/dim]")


def partners(query: Query, found: list[tuple[Partner, Supplier]]) -> None:
    """Print suppliers by what they add."""
    out = Console(highlight=False)
    if not found:
        out.print("Nobody adds to what this supplier covers.")
    for partner, supplier in found:
        aspects = "; ".join(", ".join(query.aspects[a].label) for a in partner.aspects)
        out.print(
            f"[bold]{escape(supplier.name)}[/bold]  [dim]{escape(supplier.id)}[/dim]  "
            f"adds {partner.added:.0%}  {escape(aspects)}"
        )


def hints(found: list[SupplierHints]) -> None:
    """Print what a profile leaves out."""
    out = Console(highlight=False)
    if not found:
        out.print("Nothing: no need is near this profile, or it covers those that are.")
    for item in found:
        out.print(f"[bold]{escape(item.need.title)}[/bold]  [dim]{escape(item.need.id)}[/dim]")
        for hint in item.hints:
            out.print(f"   {hint.weight:4.0%}  {escape(', '.join(hint.label))}")


def _why(choice: Choice, query: Query) -> str:
    reasons = []
    if Reason.COVERS in choice.reasons:
        labels = "; ".join(query.aspects[a].label[0] for a in choice.aspects)
        reasons.append(f"covers {labels}")
    if Reason.RANKED in choice.reasons:
        reasons.append("next in the ranking")
    if Reason.FLOOR in choice.reasons:
        reasons.append(f"floor: {', '.join(choice.floors)}")
    if Reason.DRAWN in choice.reasons:
        reasons.append(f"drawn among {choice.equals} equals")
    return ", ".join(reasons)
