"""CPV codes as a reader knows them: by name, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import Request

from matcher.service import Service
from matcher.store.names import cpv_names


def cpv_labels(request: Request, lang: str) -> Callable[[Sequence[str]], list[str]]:
    """Return what turns codes, or beginnings of codes, into "name (code)"."""

    def labels(codes: Sequence[str]) -> list[str]:
        service: Service = request.app.state.service
        whole = {code: code.ljust(8, "0") for code in codes}
        names = cpv_names(service.store, whole.values(), lang)
        return [f"{names[whole[c]]} ({c})" if names[whole[c]] else c for c in codes]

    return labels
