"""The web application: API, pages, health and metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

import matcher
from api import errors, logs, metrics
from api.routes import codes, health, matches, records, suggestions
from api.web import pages
from matcher.service import Service
from matcher.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the application; settings come from the environment if not given."""
    settings = settings or Settings.from_env()
    logs.configure(settings.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = Service(settings)
        yield
        app.state.service.close()

    app = FastAPI(
        title="Samspill",
        version=matcher.__version__,
        summary="Matches public buyers' needs with suppliers across languages, and says why.",
        docs_url="/api/docs",
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=lifespan,
    )
    errors.install(app)
    metrics.install(app)
    app.include_router(health.router)
    app.include_router(records.router, prefix="/api/v1")
    app.include_router(codes.router, prefix="/api/v1")
    app.include_router(matches.router, prefix="/api/v1")
    app.include_router(suggestions.router, prefix="/api/v1")
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "web" / "static"))
    return app
