"""What routes depend on."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import ValidationError

from api.schemas import MAX_K
from matcher.errors import InputError
from matcher.index import Filters
from matcher.service import Service


def get_service(request: Request) -> Service:
    """Return the application's service."""
    service: Service = request.app.state.service
    return service


def get_filters(
    country: Annotated[list[str], Query(description="Countries, as in NO.")] = [],  # noqa: B006
    written_in: Annotated[list[str], Query(description="Languages, as in sv.")] = [],  # noqa: B006
    region: Annotated[list[str], Query(description="Regions by name.")] = [],  # noqa: B006
    cpv: Annotated[list[str], Query(description="CPV codes or beginnings.")] = [],  # noqa: B006
    nace: Annotated[list[str], Query(description="NACE codes.")] = [],  # noqa: B006
    employees_min: Annotated[int | None, Query(ge=0)] = None,
    employees_max: Annotated[int | None, Query(ge=0)] = None,
) -> Filters:
    """Read filters from the query string."""
    try:
        return Filters(
            countries=tuple(country),
            languages=tuple(written_in),
            regions=tuple(region),
            cpv=tuple(cpv),
            nace=tuple(nace),
            employees_min=employees_min,
            employees_max=employees_max,
        )
    except ValidationError as error:
        raise InputError("; ".join(e["msg"] for e in error.errors())) from error


ServiceDep = Annotated[Service, Depends(get_service)]
FiltersDep = Annotated[Filters, Depends(get_filters)]
CountDep = Annotated[int, Query(alias="k", ge=1, le=MAX_K, description="Length of the list.")]
