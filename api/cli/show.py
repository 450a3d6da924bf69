"""What the command line prints: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from api.schemas import MatchesOut
from matcher.aspects import Aspect
from matcher.glossary import Found
from matcher.records import Supplier
from matcher.service import Match, Matches
from matcher.sideways import COVERED, covered_aspects
from matcher.sources.base import Report

if TYPE_CHECKING:
    from pathlib import Path

    from matcher.finetune import Outcome

_SHOWN_REFUSALS = 20


def report(result: Report) -> None:
    """Print what became of an import."""
    out = Console(highlight=False, soft_wrap=True)
    aside = sum(result.set_aside.values())
    out.print(
        f"Read {result.read}: {result.new} new, {result.changed} changed, "
        f"{result.unchanged} unchanged, {aside} set aside, {result.refused_count} refused"
    )
    for reason, count in sorted(result.set_aside.items()):
        out.print(f"  set aside: {count} x {reason}")
    if result.removed:
        out.print(f"  taken out of the store, being no more: {result.removed}")
    if result.merged:
        out.print(f"  merged by organisation number: {result.merged} (see `samspill merges`)")
    _first(out, result.refused, result.refused_count, "[red]refused:[/red]")
    _first(out, result.remarks, result.remark_count, "remark:")
    if result.refused_file:
        out.print(f"  Refused records: {result.refused_file} (mend it and import it again)")
    if result.checked_only:
        out.print("  Only checked: nothing was written.")


def _first(out: Console, things: Sequence[object], count: int, label: str) -> None:
    for thing in things[:_SHOWN_REFUSALS]:
        out.print(f"  {label} {escape(str(thing))}")
    if count > _SHOWN_REFUSALS:
        out.print(f"  ... and {count - _SHOWN_REFUSALS} more")


def matches(found: Matches, as_json: bool) -> None:
    """Print a ranking with its reasons."""
    if as_json:
        body = MatchesOut.of(found).model_dump(mode="json")
        print(json.dumps(body, ensure_ascii=False, indent=2))
        return
    out = Console(highlight=False)
    query = found.result.query
    title = found.asking.title or found.asking.texts[0].body[:80]
    out.print(f"[bold]{escape(title)}[/bold]  ({query.lang})")
    out.print(
        f"{len(found.matches)} of {found.result.candidates} candidates, "
        f"generation {found.result.generation}, "
        f"{1000 * sum(found.result.seconds.values()):.0f} ms"
    )
    if not found.matches:
        out.print("No record passes the filters.")
    elif found.no_good_match:
        out.print("[yellow]No good match:[/yellow] even the best is unlikely to fit.")
    for match in found.matches:
        _match(out, match, query.aspects)


def _match(out: Console, match: Match, aspects: list[Aspect]) -> None:
    record, why = match.record, match.explanation
    place = ", ".join(filter(None, (record.region, record.country)))
    lang = record.texts[0].lang
    out.print(
        f"\n[bold]{match.hit.position:>2}. {escape(record.title)}[/bold]  "
        f"[dim]{escape(record.id)}[/dim]  {lang}  {escape(place)}"
        f"{_size(record)}  score {match.hit.score:.2f}{_band(match)}"
    )
    covered = [
        aspect.label[0]
        for aspect, value in zip(aspects, covered_aspects(match.hit), strict=False)
        if value >= COVERED
    ]
    if covered:
        named = escape(", ".join(covered))
        out.print(Padding(f"[green]covers:[/green] {named}", (0, 0, 0, 4)))
    if why.words:
        met = ", ".join(
            p.query_word if p.query_word == p.record_word else f"{p.query_word} ~ {p.record_word}"
            for p in why.words
        )
        out.print(Padding(f"[green]words:[/green] {escape(met)}", (0, 0, 0, 4)))
    for pair in why.passages[:2]:
        text = escape(pair.record_passage.text)
        out.print(Padding(f"[green]says:[/green] {text}", (0, 0, 0, 4)))
    if why.cpv:
        out.print(Padding(f"[green]CPV in common:[/green] {', '.join(why.cpv)}", (0, 0, 0, 4)))
    if why.missing:
        missing = escape(", ".join(why.missing[:5]))
        out.print(Padding(f"[yellow]not mentioned:[/yellow] {missing}", (0, 0, 0, 4)))


def _band(match: Match) -> str:
    return "" if match.hit.band is None else f"  {match.hit.band} ({match.hit.probability:.0%})"


def _size(record: object) -> str:
    if isinstance(record, Supplier) and record.employees is not None:
        return f"  {record.employees} employees"
    return ""


def concepts(found: list[Found]) -> None:
    """Print concepts of the glossary, a row a language."""
    out = Console(highlight=False)
    if not found:
        out.print("Nothing like it in the glossary.")
    for number, item in enumerate(found):
        like = "" if item.similarity == 1 else f", likeness {item.similarity:.2f}"
        out.print(f"{'' if number == 0 else chr(10)}[dim]{item.concept.theme}{like}[/dim]")
        for lang, words in item.concept.words.items():
            out.print(f"  {lang}  {escape(', '.join(words))}")


def outcome(result: Outcome, folder: Path) -> None:
    """Print what fine-tuning did."""
    out = Console(highlight=False, soft_wrap=True)
    table = Table(
        "stage", "before", "after", title=f"nDCG@10 on {result.measured_on} held-out needs"
    )
    for stage, value in result.before.items():
        table.add_row(stage, f"{value:.3f}", f"{result.after[stage]:.3f}")
    out.print(table)
    if result.published:
        out.print(f"Better: written to {folder}")
    else:
        out.print("Not better on needs it had not seen: nothing written")


def status(values: dict[str, Any]) -> None:
    """Print the state of store and index."""
    out = Console(highlight=False, soft_wrap=True)
    out.print(f"Store       {values['store']}")
    out.print(f"Needs       {values['needs']}")
    out.print(f"Suppliers   {values['suppliers']}")
    out.print(f"Last change {values['last_change']}")
    out.print(f"Generation  {values['generation'] or 'none: run `samspill reindex`'}")
    for run in values["runs"]:
        outcome = run["outcome"] if not run["error"] else f"{run['outcome']}: {run['error']}"
        out.print(
            f"  {run['started']}  {run['job']:8}  {run['seconds']} s  "
            f"{run['peak_memory'] / 1e6:.0f} MB  {run['changes']} changes  {escape(outcome)}"
        )
