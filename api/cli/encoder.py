"""Commands for the encoder: encode texts, fine-tune it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from api.cli.app import app
from api.cli.options import progress_bar
from matcher.errors import InputError
from matcher.settings import Settings


@app.command()
def embed(
    input_: Annotated[
        Path, typer.Option("--input", exists=True, dir_okay=False, help="Text, one a line.")
    ],
    output: Annotated[Path, typer.Option("--output", help="NumPy file to write.")],
    role: Annotated[
        str,
        typer.Option(
            help="`text` to compare like with like, `query` or `passage` for search by topic."
        ),
    ] = "text",
) -> None:
    """Encode lines of text into a float32 array, one unit row a line. Needs no store."""
    import numpy as np

    from matcher.embed import Role, load_encoder

    if role not in [r.value for r in Role]:
        raise typer.BadParameter(f"{role!r}: text, query or passage", param_hint="--role")
    encoder = load_encoder(Settings.from_env().encoder)
    with input_.open("rb") as raw:
        total = sum(block.count(b"\n") for block in iter(lambda: raw.read(1 << 22), b""))
        raw.seek(max(0, raw.tell() - 1))
        total += raw.read(1) not in (b"", b"\n")
    if total == 0:
        raise InputError(f"{input_}: the file is empty")
    vectors = np.lib.format.open_memmap(
        output, mode="w+", dtype=np.float32, shape=(total, encoder.dimension)
    )
    with progress_bar() as bar:
        task = bar.add_task("encoding", total=total)
        for start, lines in _line_batches(input_, 16_384):
            vectors[start : start + len(lines)] = encoder.encode(lines, Role(role))
            bar.advance(task, len(lines))
    vectors.flush()
    typer.echo(f"{output}: {total} x {encoder.dimension}", err=True)


@app.command()
def train(
    collection: Annotated[
        Path,
        typer.Option(help="Folder with needs, suppliers and your judgements.", file_okay=False),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the model to write; must not exist.")],
    passes: Annotated[int, typer.Option(min=1, max=1000, help="Passes over the needs.")] = 30,
) -> None:
    """Fine-tune the encoder on your own judgements.

    Shows the ranking of held-out needs before and after, and writes the new model only if it is
    better. Put it to use with `SAMSPILL_ENCODER=OUT samspill reindex --full`.
    """
    from api.cli import show
    from matcher.collection import read_collection
    from matcher.embed import load_encoder, load_word_encoder
    from matcher.finetune import finetune

    encoder = load_word_encoder(load_encoder(Settings.from_env().encoder))
    outcome = finetune(read_collection(collection), encoder, out, passes)
    show.outcome(outcome, out)
    if not outcome.published:
        raise typer.Exit(1)


def _line_batches(path: Path, size: int) -> Iterator[tuple[int, list[str]]]:
    start, batch = 0, []
    with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for line in lines:
            batch.append(line.rstrip("\r\n"))
            if len(batch) == size:
                yield start, batch
                start, batch = start + size, []
    if batch:
        yield start, batch
