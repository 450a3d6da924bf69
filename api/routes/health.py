"""Whether the process lives and whether it can answer."""

from __future__ import annotations

from fastapi import APIRouter, Response

import matcher
from api.deps import ServiceDep
from api.schemas import Health, Readiness

router = APIRouter(tags=["health"])


@router.get("/healthz")
def healthz() -> Health:
    """Tell that the process lives."""
    return Health(status="ok", version=matcher.__version__)


@router.get("/readyz", responses={503: {"model": Readiness}})
def readyz(service: ServiceDep, response: Response) -> Readiness:
    """Tell whether an index is being served that this process can use."""
    ready, detail = service.ready()
    if not ready:
        response.status_code = 503
        return Readiness(status="not ready", generation=None, detail=detail)
    return Readiness(status="ready", generation=detail, detail="")
