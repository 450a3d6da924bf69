"""Commands around a ranking: invitation lists, joint needs, partners, hints, judgements."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.app import app
from api.cli.options import (
    AsJson,
    Count,
    Countries,
    Languages,
    Regions,
    make_filters,
    open_service,
    print_json,
)

NeedId = Annotated[str, typer.Argument(help="Id of a stored need.")]
SupplierId = Annotated[str, typer.Argument(help="Id of a stored supplier.")]


@app.command()
def invite(
    need_id: NeedId,
    size: Annotated[int, typer.Option("-n", "--size", min=1, max=200, help="Places.")] = 10,
    small: Annotated[
        int, typer.Option(min=0, help="Least number of small companies (under 50 employees).")
    ] = 0,
    newcomers: Annotated[
        int, typer.Option(min=0, help="Least number of companies founded in the last 5 years.")
    ] = 0,
    least: Annotated[
        list[str] | None,
        typer.Option(help="Further floors, as in `country:SE=2` or `region:Rogaland=1`."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draws among equals.")] = 0,
    country: Countries = None,
    written_in: Languages = None,
    region: Regions = None,
    as_json: AsJson = False,
) -> None:
    """Compose a list of suppliers that together cover a need, with reasons.

    The same need, index, floors and seed give the same list again.
    """
    from api.cli import show_dialogue as show
    from api.suggestions import InvitationListOut

    floors = {"small": small, "newcomer": newcomers, **_floors(least or [])}
    filters = make_filters(country, written_in, None, region, None, None)
    found = open_service().invite(need_id, size, floors, seed, filters)
    if as_json:
        print_json(InvitationListOut.of(found).model_dump(mode="json"))
    else:
        show.invitation(found)


@app.command()
def similar(need_id: NeedId, k: Count = 10, as_json: AsJson = False) -> None:
    """Rank the needs of other buyers by likeness to a need, across languages."""
    from api.cli import show

    show.matches(open_service().similar(need_id, k), as_json)


@app.command()
def joint(as_json: AsJson = False) -> None:
    """Group needs of different buyers that could be one dialogue."""
    from api.cli import show_dialogue as show

    groups = open_service().joint()
    if as_json:
        print_json([[need.id for need in group] for group in groups])
    else:
        show.groups(groups)


@app.command()
def partners(
    need_id: NeedId, supplier_id: SupplierId, k: Count = 5, as_json: AsJson = False
) -> None:
    """Rank suppliers by what they add to one supplier's coverage of a need."""
    from api.cli import show_dialogue as show
    from api.suggestions import PartnersOut

    query, found = open_service().partners(need_id, supplier_id, k)
    if as_json:
        print_json(PartnersOut.of(query, found).model_dump(mode="json"))
    else:
        show.partners(query, found)


@app.command()
def hints(supplier_id: SupplierId, as_json: AsJson = False) -> None:
    """Show what needs near a supplier ask for that its profile says nothing of."""
    from api.cli import show_dialogue as show
    from api.suggestions import NeedHintsOut

    found = open_service().hints(supplier_id)
    if as_json:
        print_json([NeedHintsOut.of(h).model_dump(mode="json") for h in found])
    else:
        show.hints(found)


@app.command()
def judge(
    need_id: NeedId,
    supplier_id: SupplierId,
    grade: Annotated[
        str, typer.Argument(help="`relevant`, `partly` or `not`; `clear` takes it back.")
    ],
) -> None:
    """Say how well a supplier's text answers a need; the next ranking heeds it.

    Judge the text, not price, place or buyer.
    """
    from matcher.store import Grade

    names = [g.name.lower() for g in Grade]
    if grade not in (*names, "clear"):
        raise typer.BadParameter(f"{grade!r}: one of {', '.join(names)}, clear")
    given = None if grade == "clear" else Grade[grade.upper()]
    open_service().judge(need_id, supplier_id, given)
    typer.echo(f"{supplier_id} for {need_id}: {grade}")


def _floors(values: list[str]) -> dict[str, int]:
    floors = {}
    for value in values:
        group, _, number = value.rpartition("=")
        kind = group.partition(":")[0]
        if kind not in ("country", "region") or not number.isdigit():
            raise typer.BadParameter(
                f"{value!r}: expected `country:CODE=N` or `region:NAME=N`", param_hint="--least"
            )
        floors[group] = int(number)
    return floors
