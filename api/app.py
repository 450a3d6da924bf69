"""The web application: API, pages, health and metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

import matcher
from api import errors, limits, logs, metrics
from api.auth import guard
from api.auth.oidc import Provider
from api.routes import (
    accounts,
    auth,
    codes,
    dialogues,
    health,
    letters,
    log,
    matches,
    needs,
    profiles,
    records,
    suggestions,
)
from api.web import accounts as account_pages
from api.web import letters as letter_pages
from api.web import pages
from api.web.i18n import translate
from matcher.service import Service
from matcher.settings import Settings
from matcher.workflow.desk import Desk
from matcher.workflow.signing import Signer


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the application; settings come from the environment if not given."""
    settings = settings or Settings.from_env()
    signer = Signer(settings.secret_keys)
    logs.configure(settings.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = Service(settings)
        app.state.service = service
        app.state.desk = Desk(settings, service.store, signer, translate, service)
        app.state.oidc = Provider(settings)
        yield
        app.state.service.close()

    app = FastAPI(
        title="Samspill",
        version=matcher.__version__,
        summary="Matches public buyers' needs with suppliers across languages, and says why.",
        docs_url="/api/docs" if settings.env == "development" else None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=lifespan,
    )
    app.state.settings = settings
    errors.install(app)
    limits.install(app, settings)
    metrics.install(app)
    app.include_router(health.router)
    open_first = (records, codes, matches, suggestions)
    for module in (*open_first, auth, accounts, needs, dialogues, profiles, letters, log):
        app.include_router(module.router, prefix="/api/v1")
    guard.refuse_unguarded(app)
    guard.describe(app)
    app.include_router(pages.router)
    app.include_router(letter_pages.router)
    app.include_router(account_pages.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "web" / "static"))
    return app
