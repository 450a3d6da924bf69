"""Commands for matching: rank suppliers, discover needs, look terms up."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from api.cli.app import app
from api.cli.options import (
    STAGES,
    AsJson,
    Count,
    Countries,
    Cpv,
    Languages,
    MaxEmployees,
    MinEmployees,
    Regions,
    check_stage,
    known_language,
    make_filters,
    open_service,
    print_json,
)
from matcher.records import Kind
from matcher.settings import Settings


@app.command()
def match(
    need_id: Annotated[str | None, typer.Argument(help="Id of a stored need.")] = None,
    text: Annotated[
        str | None, typer.Option(help="A need as text instead; `-` reads standard input.")
    ] = None,
    lang: Annotated[
        str | None, typer.Option(help="Language of the text; found out if not given.")
    ] = None,
    k: Count = 10,
    country: Countries = None,
    written_in: Languages = None,
    cpv: Cpv = None,
    region: Regions = None,
    employees_min: MinEmployees = None,
    employees_max: MaxEmployees = None,
    stage: Annotated[str, typer.Option(help=f"How to rank: {', '.join(STAGES)}.")] = "full",
    as_json: AsJson = False,
) -> None:
    """Rank suppliers for a need, with reasons.

    `samspill match move-n1`, or
    `samspill match --text "Utslippsfri levering av varer til skolene" -k 5`
    """
    if (need_id is None) == (text is None):
        raise typer.BadParameter("give either NEED_ID or --text")
    from api.cli import show

    filters = make_filters(country, written_in, cpv, region, employees_min, employees_max)
    check_stage(stage)
    service = open_service()
    if text is not None:
        text = sys.stdin.read() if text == "-" else text
        found = service.match_text(text, known_language(lang), Kind.NEED, k, filters, stage)
    else:
        found = service.match_record(Kind.NEED, str(need_id), k, filters, stage)
    show.matches(found, as_json)


@app.command()
def discover(
    supplier_id: Annotated[str, typer.Argument(help="Id of a stored supplier.")],
    k: Count = 10,
    country: Countries = None,
    written_in: Languages = None,
    cpv: Cpv = None,
    region: Regions = None,
    stage: Annotated[str, typer.Option(help=f"How to rank: {', '.join(STAGES)}.")] = "full",
    as_json: AsJson = False,
) -> None:
    """Rank the needs that a supplier could meet, with reasons."""
    from api.cli import show

    filters = make_filters(country, written_in, cpv, region, None, None)
    check_stage(stage)
    found = open_service().match_record(Kind.SUPPLIER, supplier_id, k, filters, stage)
    show.matches(found, as_json)


@app.command()
def glossary(
    term: Annotated[str, typer.Argument(help="A term in any of the eight languages.")],
    lang: Annotated[str | None, typer.Option(help="The term's language; any if not given.")] = None,
    k: Count = 5,
    as_json: AsJson = False,
) -> None:
    """Look a term of the field up: its words in all eight languages, and terms like it."""
    from api.cli import show
    from matcher.embed import load_encoder, load_word_encoder
    from matcher.glossary import Glossary

    known = None if lang is None else known_language(lang)
    encoder = load_word_encoder(load_encoder(Settings.from_env().encoder))
    found = Glossary.read().look_up(term, encoder, known, k)
    if as_json:
        print_json(
            [
                {"similarity": f.similarity, "theme": f.concept.theme, **f.concept.words}
                for f in found
            ]
        )
    else:
        show.concepts(found)
