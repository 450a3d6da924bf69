"""CPV codes by name, for filters and exports in the reader's language."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.auth.guard import allow_searching
from api.deps import ServiceDep
from api.schemas import CodeOut
from matcher.codes import check_cpv, division_names
from matcher.errors import InputError
from matcher.languages import LANGUAGES
from matcher.store.names import cpv_names

router = APIRouter(tags=["codes"])

Codes = Annotated[
    list[str], Query(description="CPV codes; none means the 45 divisions.", max_length=200)
]
Lang = Annotated[str, Query(description=f"One of {', '.join(LANGUAGES)}.")]


@router.get("/cpv", **allow_searching())
def cpv(service: ServiceDep, lang: Lang = "en", code: Codes = []) -> list[CodeOut]:  # noqa: B006
    """Name CPV codes in a language.

    A code whose own name was not imported has the name of the nearest group above it.
    """
    if lang not in LANGUAGES:
        raise InputError(f"{lang!r}: one of {', '.join(LANGUAGES)}")
    wrong = [c for c in code if not check_cpv(c)[0]]
    if wrong:
        raise InputError(check_cpv(wrong[0])[1])
    wanted = [check_cpv(c)[0] for c in code] or [f"{d}000000" for d in division_names(lang)]
    names = cpv_names(service.store, wanted, lang)
    return [CodeOut(code=c, name=names[c]) for c in wanted]
