"""Needs and suppliers as they are stored."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.auth.guard import allow_searching
from api.deps import ServiceDep
from api.schemas import NeedOut, NeedPage, SupplierOut, SupplierPage, WinOut
from matcher.records import Kind, Need, Supplier
from matcher.store.history import wins_of

router = APIRouter(tags=["records"])

Offset = Annotated[int, Query(ge=0, le=10_000_000, description="How many to skip.")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many to list.")]


@router.get("/needs", **allow_searching())
def needs(service: ServiceDep, offset: Offset = 0, limit: Limit = 50) -> NeedPage:
    """List needs, the last changed first."""
    found = service.store.page(Kind.NEED, offset, limit)
    items = [NeedOut.of(n) for n in found if isinstance(n, Need)]
    return NeedPage(total=service.store.count(Kind.NEED), items=items)


@router.get("/needs/{need_id}", **allow_searching())
def need(service: ServiceDep, need_id: str) -> NeedOut:
    """Return one need."""
    return NeedOut.of(service.store.need(need_id))


@router.get("/suppliers", **allow_searching())
def suppliers(service: ServiceDep, offset: Offset = 0, limit: Limit = 50) -> SupplierPage:
    """List suppliers, the last changed first."""
    found = service.store.page(Kind.SUPPLIER, offset, limit)
    items = [SupplierOut.of(s) for s in found if isinstance(s, Supplier)]
    return SupplierPage(total=service.store.count(Kind.SUPPLIER), items=items)


@router.get("/suppliers/{supplier_id}", **allow_searching())
def supplier(service: ServiceDep, supplier_id: str) -> SupplierOut:
    """Return one supplier."""
    return SupplierOut.of(service.store.supplier(supplier_id))


@router.get("/suppliers/{supplier_id}/wins", **allow_searching())
def wins(service: ServiceDep, supplier_id: str) -> list[WinOut]:
    """List what a supplier won, by award notices. Nothing is ranked by it."""
    found = wins_of(service.store, service.store.supplier(supplier_id))
    return [WinOut(**{**vars(win), "buyers": list(win.buyers)}) for win in found]
