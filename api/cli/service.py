"""Commands for the service."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.app import app
from matcher.settings import Settings


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Number of processes.")] = 1,
) -> None:
    """Start the service: web pages at /, the API at /api/v1, its documentation at /api/docs."""
    import uvicorn

    from matcher.store import Store

    settings = Settings.from_env()
    Store.open(settings.store_url).close()
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=host or settings.host,
        port=settings.port if port is None else port,
        workers=workers,
        log_level=settings.log_level,
        access_log=False,
        server_header=False,
    )
