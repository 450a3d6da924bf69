"""Accounts, buyers and privacy: for admins, and for everybody about themselves."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlalchemy import func, select

from api.answers import AccountOut, BuyerOut, Done, LoginEventOut, Page
from api.auth.guard import ActorDep, DeskDep, PrincipalDep, allow
from api.forms import AccountChangeIn, AccountIn, BuyerIn, EmailIn, ErasureIn, OwnerIn
from api.routes.auth import offer_password
from api.routes.records import Limit, Offset
from matcher.errors import ConflictError
from matcher.records import Buyer
from matcher.store import people, schema
from matcher.store.buyers import buyer_key, ensure_buyers
from matcher.workflow import accounts, privacy, suppliers
from matcher.workflow.access import Scope
from matcher.workflow.desk import Role

router = APIRouter(tags=["accounts"])
AccountId = Annotated[str, Path(max_length=32)]


@router.get("/accounts", **allow(Role.ADMIN, scope=Scope.ADMIN))
def listing(desk: DeskDep, offset: Offset = 0, limit: Limit = 50) -> Page[AccountOut]:
    """List accounts."""
    with desk.store.reading() as connection:
        total, found = accounts.listing(connection, offset, limit)
    return Page(total=total, items=[AccountOut.of(a) for a in found])


@router.post("/accounts", status_code=201, **allow(Role.ADMIN, scope=Scope.ADMIN))
def create(desk: DeskDep, actor: ActorDep, body: AccountIn) -> AccountOut:
    """Make an account; its owner gets a link to choose a password."""
    account = accounts.create(
        desk, actor, body.role, body.email, body.name, body.language, body.buyer_id
    )
    with desk.store.writing() as connection:
        offer_password(connection, desk, account)
    return AccountOut.of(account)


@router.get("/accounts/{account_id}", **allow(Role.ADMIN, scope=Scope.ADMIN))
def one(desk: DeskDep, account_id: AccountId) -> AccountOut:
    """Return an account."""
    with desk.store.reading() as connection:
        return AccountOut.of(accounts.get(connection, account_id))


@router.patch("/accounts/{account_id}", **allow(Role.ADMIN, scope=Scope.ADMIN))
def change(
    desk: DeskDep, actor: ActorDep, account_id: AccountId, body: AccountChangeIn
) -> AccountOut:
    """Change an account's role, or shut it; its sessions and tokens end."""
    found = accounts.change(desk, actor, account_id, body.role, body.active, body.buyer_id)
    return AccountOut.of(found)


@router.get("/logins", **allow(Role.ADMIN, scope=Scope.ADMIN))
def logins(desk: DeskDep, offset: Offset = 0, limit: Limit = 50) -> Page[LoginEventOut]:
    """List what became of logins, the newest first."""
    table = people.login_event
    with desk.store.reading() as connection:
        total = connection.execute(select(func.count()).select_from(table)).scalar_one()
        rows = connection.execute(
            select(table).order_by(table.c.id.desc()).offset(offset).limit(limit)
        )
        keep = LoginEventOut.model_fields
        items = [LoginEventOut(**{k: row._mapping[k] for k in keep}) for row in rows]
    return Page(total=total, items=items)


@router.get("/buyers", **allow(Role.BROKER, Role.ADMIN))
def buyers(
    desk: DeskDep,
    name: Annotated[str, Query(max_length=300, description="Part of the name.")] = "",
    offset: Offset = 0,
    limit: Limit = 50,
) -> Page[BuyerOut]:
    """List buyers."""
    table = schema.buyer
    query = select(table).where(table.c.name.icontains(name, autoescape=True))
    with desk.store.reading() as connection:
        total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
        rows = connection.execute(
            query.order_by(table.c.name, table.c.id).offset(offset).limit(limit)
        )
        keep = BuyerOut.model_fields
        return Page(total=total, items=[BuyerOut(**{k: r._mapping[k] for k in keep}) for r in rows])


@router.post("/buyers", status_code=201, **allow(Role.BROKER, Role.ADMIN))
def add_buyer(desk: DeskDep, body: BuyerIn) -> BuyerOut:
    """Add a buyer, or find the one that is known by that number or name."""
    buyer = Buyer(**body.model_dump())
    with desk.store.writing() as connection:
        buyer_id = ensure_buyers(connection, {buyer_key(buyer): buyer})[buyer_key(buyer)]
    return BuyerOut(id=buyer_id, **body.model_dump())


@router.post("/suppliers/{supplier_id}/owners", **allow(Role.BROKER, Role.ADMIN))
def grant(desk: DeskDep, actor: ActorDep, supplier_id: str, body: OwnerIn) -> Done:
    """Let a supplier's account act for a supplier, on a broker's word."""
    suppliers.grant(desk, actor, body.account_id, supplier_id)
    return Done()


# -- privacy


@router.get("/my/data", **allow(session_only=True))
def my_data(desk: DeskDep, who: PrincipalDep) -> dict[str, Any]:
    """Return everything held on who is signed in."""
    if not who.account.email:
        raise ConflictError("this account is nobody's: nothing is held on a person")
    return privacy.held(desk, who.account.email)


@router.post("/my/erasure", **allow(session_only=True))
def erase_me(desk: DeskDep, who: PrincipalDep, body: ErasureIn) -> dict[str, int]:
    """Erase who is signed in, who gives the password once more; there is no way back."""
    accounts.check_password(desk, who.account.id, body.password)
    return privacy.erase(desk, who.actor, who.account.email)


@router.post("/people/data", **allow(Role.ADMIN, scope=Scope.ADMIN))
def data(desk: DeskDep, body: EmailIn) -> dict[str, Any]:
    """Return everything held on the person with an address."""
    return privacy.held(desk, body.email)


@router.post("/people/erasure", **allow(Role.ADMIN, scope=Scope.ADMIN))
def erase(desk: DeskDep, actor: ActorDep, body: EmailIn) -> dict[str, int]:
    """Erase the person with an address; the log keeps its proof without them."""
    return privacy.erase(desk, actor, body.email)
