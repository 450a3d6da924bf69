"""What the command line prints of measurements: tables with intervals, tests and bands."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from matcher.evaluate import paired_test
from matcher.fusion import Fusion
from matcher.tune import Tuning


def evaluations(results: list[dict[str, Any]]) -> None:
    """Print the metrics of one or more stages side by side."""
    out = Console(highlight=False)
    first = results[0]
    out.print(f"{first['needs']} needs, {first['suppliers']} suppliers, encoder {first['encoder']}")
    names = [n for n in first["metrics"] if n != "needs"]
    for part in ("metrics", "cross_lingual", "same_language"):
        count = first[part]["needs"]
        heading = {"metrics": "all pairs", "cross_lingual": "across languages"}.get(
            part, "same language"
        )
        table = Table("stage", *names, "seconds", title=f"{heading} ({count} needs)")
        for r in results:
            table.add_row(r["stage"], *(f"{r[part][n]:.3f}" for n in names), str(r["seconds"]))
        out.print(table)
    last = results[-1]
    _bands(out, last)
    pairs = Table("pair", "needs", "ndcg@10", title=f"by language pair, stage {last['stage']}")
    for pair, values in last["by_language_pair"].items():
        pairs.add_row(pair, str(values["needs"]), f"{values['ndcg@10']:.3f}")
    out.print(pairs)


def _bands(out: Console, result: dict[str, Any]) -> None:
    """Print intervals and, at stage full, how reliable the bands are."""
    low, high = result["intervals"]["ndcg@10"]
    out.print(f"ndcg@10 of stage {result['stage']}: 95 % interval {low:.3f} to {high:.3f}")
    if "reliability" not in result:
        return
    table = Table("band", "matches", "stated", "predicted", "observed", title="worth inviting")
    for row in result["reliability"]:
        values = (row["stated"], row["predicted"], row["observed"])
        shown = ("" if v is None else f"{v:.3f}" for v in values)
        table.add_row(row["band"], str(row["matches"]), *shown)
    out.print(table)
    none = result["no_good_match"]
    if none["unanswered"]:
        found = ", ".join(
            f"{name} {'-' if none[name] is None else format(none[name], '.3f')}"
            for name in ("precision", "recall")
        )
        out.print(f"no good match: {none['unanswered']} of {none['needs']} needs, {found}")


def ablations(whole: dict[str, Any], without: list[tuple[str, dict[str, Any]]]) -> None:
    """Print what each signal adds, with a paired test."""
    out = Console(highlight=False)
    table = Table("without", "ndcg@10", "difference", "p", "across languages", title="ablation")
    for name, result in without:
        difference, p = paired_test(whole["per_need"]["ndcg@10"], result["per_need"]["ndcg@10"])
        values = (result["metrics"]["ndcg@10"], difference, p, result["cross_lingual"]["ndcg@10"])
        table.add_row(name, *(f"{v:.3f}" for v in values))
    out.print(table)


def comparison(rows: list[tuple[str, float, float, float, float]]) -> None:
    """Print two results side by side."""
    table = Table("metric", "one", "other", "difference", "p")
    for metric, *values in rows:
        table.add_row(metric, *(f"{v:.4f}" for v in values))
    Console(highlight=False).print(table)


def tuning(found: Tuning, prior: Fusion) -> None:
    """Print what fitting to judgements came to."""
    out = Console(highlight=False, soft_wrap=True)
    low, high = found.interval
    out.print(
        f"nDCG@10 on {found.needs} needs, each unseen by its model: {found.before:.3f} before, "
        f"{found.after:.3f} after ({low:.3f} to {high:.3f}); difference {found.difference:+.3f}, "
        f"p {found.p:.3f}"
    )
    weights = Table("signal", "weight before", "after")
    for name, value in found.fusion.weights.items():
        weights.add_row(name, f"{prior.weights[name]:.2f}", f"{value:.2f}")
    out.print(weights)
    bands = Table("band", "matches", "stated", "observed", title="worth inviting")
    for name, (count, stated, observed) in found.bands.items():
        bands.add_row(name, str(count), f"{stated:.3f}", f"{observed:.3f}")
    out.print(bands)
    truly, said, both = found.unanswered
    out.print(f"no good match: {truly} needs have none, {said} were said to, {both} rightly")
