"""Accounts: who they are, their passwords, and what becomes of logins."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import Connection, Row, func, insert, select, update

from matcher.errors import ConflictError, InputError, NotFoundError, UnauthenticatedError
from matcher.languages import LANGUAGES
from matcher.store import people, schema
from matcher.workflow import log
from matcher.workflow.desk import SYSTEM, Actor, Desk, Role, new_id

PASSWORD_LENGTH = (12, 200)
_ATTEMPTS = 10
_LOCKED = timedelta(minutes=15)
_hasher = PasswordHasher()


@dataclass(frozen=True)
class Account:
    """An account as it is shown to its owner and to admins."""

    id: str
    role: Role
    email: str
    name: str
    language: str
    buyer_id: int | None
    suppliers: tuple[str, ...]
    active: bool
    created_at: datetime
    last_login_at: datetime | None

    @property
    def actor(self) -> Actor:
        """This account as somebody who acts."""
        return Actor(self.id, self.role, self.buyer_id, frozenset(self.suppliers))


def clean_email(text: str) -> str:
    """Return an address in the one form it is stored in.

    Raises:
        InputError: It is none; so no line break ever gets into a mail's header.
    """
    try:
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise InputError(f"not an e-mail address: {error}") from error
    return found.normalized.casefold()


def create(
    desk: Desk,
    actor: Actor,
    role: Role,
    email: str = "",
    name: str = "",
    language: str = "en",
    buyer_id: int | None = None,
    password: str = "",
) -> Account:
    """Make an account.

    Raises:
        InputError: Address, language or password cannot be used, or a buyer is missing.
        ConflictError: There is one with this address.
    """
    address = clean_email(email) if email or role is not Role.JOB else None
    if language not in LANGUAGES:
        raise InputError(f"{language!r} is none of {', '.join(LANGUAGES)}")
    if (role is Role.BUYER) != (buyer_id is not None):
        raise InputError("a buyer's account, and no other, needs the buyer it acts for")
    values = {
        "id": new_id(),
        "role": role,
        "email": address,
        "name": name.strip(),
        "language": language,
        "buyer_id": buyer_id,
        "password_hash": hash_password(password, address or "") if password else "",
        "active": True,
        "failed_logins": 0,
        "created_at": desk.now(),
    }
    with desk.store.writing() as connection:
        if buyer_id is not None:
            buyer_name(connection, buyer_id)
        if address and _by_email(connection, address) is not None:
            raise ConflictError("there is an account with this address already")
        connection.execute(insert(people.account).values(values))
        log.append(
            connection, desk, actor, "account.created", f"account:{values['id']}", {"role": role}
        )
        return get(connection, str(values["id"]))


def change(
    desk: Desk,
    actor: Actor,
    account_id: str,
    role: Role | None = None,
    active: bool | None = None,
    buyer_id: int | None = None,
) -> Account:
    """Change an account's role or shut it; whatever it had open is closed.

    Raises:
        ConflictError: It is one's own: nobody can lock themselves out or promote themselves.
    """
    if account_id == actor.id:
        raise ConflictError("your own account is changed by another admin")
    with desk.store.writing() as connection:
        account = get(connection, account_id)
        wanted = role or account.role
        buyer = buyer_id if wanted is Role.BUYER else None
        if wanted is Role.BUYER:
            buyer = buyer if buyer is not None else account.buyer_id
            if buyer is None:
                raise InputError("a buyer's account needs the buyer it acts for")
            buyer_name(connection, buyer)
        is_active = account.active if active is None else active
        connection.execute(
            update(people.account)
            .where(people.account.c.id == account_id)
            .values(role=wanted, active=is_active, buyer_id=buyer)
        )
        close_all(connection, account_id, tokens=True)
        log.append(
            connection,
            desk,
            actor,
            "account.changed",
            f"account:{account_id}",
            {"role": wanted, "active": is_active},
        )
        return get(connection, account_id)


def get(connection: Connection, account_id: str) -> Account:
    """Return an account, or raise :class:`NotFoundError`."""
    table = people.account
    row = connection.execute(select(table).where(table.c.id == account_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"no account {account_id!r}")
    return _account(connection, row)


def find(connection: Connection, email: str) -> Account | None:
    """Return the account with an address, if there is one."""
    row = _by_email(connection, clean_email(email))
    return None if row is None else _account(connection, row)


def listing(connection: Connection, offset: int = 0, limit: int = 50) -> tuple[int, list[Account]]:
    """Return how many accounts there are, and some of them."""
    table = people.account
    total = connection.execute(select(func.count()).select_from(table)).scalar_one()
    rows = connection.execute(
        select(table).order_by(table.c.created_at, table.c.id).offset(offset).limit(limit)
    )
    return total, [_account(connection, row) for row in rows]


def buyer_name(connection: Connection, buyer_id: int) -> str:
    """Return a buyer's name, or raise :class:`NotFoundError`."""
    table = schema.buyer
    found = connection.execute(select(table.c.name).where(table.c.id == buyer_id))
    name = found.scalar_one_or_none()
    if name is None:
        raise NotFoundError(f"no buyer {buyer_id}")
    return str(name)


# -- passwords


def hash_password(password: str, email: str) -> str:
    """Return the argon2id hash of a password.

    Raises:
        InputError: Too short, too long, or made of the address.
    """
    least, most = PASSWORD_LENGTH
    if not least <= len(password) <= most:
        raise InputError(f"a password has {least} to {most} characters")
    name = email.partition("@")[0]
    if len(set(password)) < 5 or (len(name) > 3 and name in password.casefold()):
        raise InputError("this password is too easy to guess")
    return _hasher.hash(password)


def login(desk: Desk, email: str, password: str, address: str = "") -> Account:
    """Return the account that address and password belong to.

    An unknown address, a wrong password and a locked account look alike and take alike long.

    Raises:
        UnauthenticatedError: They belong to none.
    """
    wrong = UnauthenticatedError("the e-mail address or the password is wrong")
    try:
        wanted = clean_email(email)
    except InputError:
        wanted = ""
    with desk.store.reading() as connection:
        row = _by_email(connection, wanted)
    usable = row is not None and row.active and bool(row.password_hash)
    matches = _matches(row.password_hash if row is not None and usable else _nobody(), password)
    hashed = row.password_hash if row is not None else ""
    with desk.store.writing() as connection:
        # Read again: others who guess at the same time have been counted meanwhile, and the
        # password may have been changed.
        row = _by_email(connection, wanted)
        if row is not None:
            usable = usable and row.active and row.password_hash == hashed
        locked = row is not None and row.locked_until is not None and row.locked_until > desk.now()
        if row is None:
            audit(connection, desk, None, "login.failed", "password", address)
        elif not usable or not matches or locked:
            _count_failure(connection, desk, row, address)
        else:
            _signed_in(connection, desk, row.id, "password", address)
            if _hasher.check_needs_rehash(row.password_hash):
                _set_hash(connection, row.id, _hasher.hash(password))
            return get(connection, row.id)
    raise wrong


def set_password(
    desk: Desk, connection: Connection, account_id: str, password: str, address: str = ""
) -> None:
    """Give an account a new password and close all its sessions."""
    email = get(connection, account_id).email
    _set_hash(connection, account_id, hash_password(password, email))
    close_all(connection, account_id)
    audit(connection, desk, account_id, "password.changed", "password", address)


def check_password(desk: Desk, account_id: str, password: str) -> None:
    """Make sure that somebody signed in knows the account's password.

    Raises:
        UnauthenticatedError: No.
    """
    table = people.account
    with desk.store.reading() as connection:
        stored = connection.execute(
            select(table.c.password_hash).where(table.c.id == account_id)
        ).scalar_one()
    if not _matches(stored or _nobody(), password) or not stored:
        raise UnauthenticatedError("the password is wrong")


@cache
def _nobody() -> str:
    """Return a hash that no password has, to compare with where there is no account."""
    return _hasher.hash(new_id())


def _matches(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError, UnicodeError):
        return False


def _set_hash(connection: Connection, account_id: str, value: str) -> None:
    connection.execute(
        update(people.account)
        .where(people.account.c.id == account_id)
        .values(password_hash=value, failed_logins=0, locked_until=None)
    )


def _count_failure(connection: Connection, desk: Desk, row: Row[Any], address: str) -> None:
    failed = row.failed_logins + 1
    lock = desk.now() + _LOCKED if failed % _ATTEMPTS == 0 else row.locked_until
    connection.execute(
        update(people.account)
        .where(people.account.c.id == row.id)
        .values(failed_logins=failed, locked_until=lock)
    )
    audit(connection, desk, row.id, "login.failed", "password", address)
    if failed % _ATTEMPTS == 0:
        audit(connection, desk, row.id, "login.locked", "password", address)


# -- OIDC


def login_oidc(
    desk: Desk, issuer: str, subject: str, email: str, verified: bool, address: str = ""
) -> Account:
    """Return the account of somebody an OpenID provider vouches for.

    The first time, an account made here with the same address is bound to that identity; the
    provider must have verified the address. Nobody gets an account by signing in alone.

    Raises:
        UnauthenticatedError: There is no account for this person, or it is shut.
    """
    table = people.account
    with desk.store.writing() as connection:
        row = connection.execute(
            select(table).where(table.c.oidc_issuer == issuer, table.c.oidc_subject == subject)
        ).one_or_none()
        if row is None and verified and email:
            row = _by_email(connection, clean_email(email))
            if row is not None and row.oidc_subject is None:
                connection.execute(
                    update(table)
                    .where(table.c.id == row.id)
                    .values(oidc_issuer=issuer, oidc_subject=subject)
                )
                audit(connection, desk, row.id, "identity.bound", "oidc", address)
            else:
                row = None
        if row is not None and row.active:
            _signed_in(connection, desk, row.id, "oidc", address)
            return get(connection, row.id)
        audit(connection, desk, row.id if row else None, "login.failed", "oidc", address)
    raise UnauthenticatedError("there is no account for you here: ask an admin for one")


# -- what becomes of logins


def audit(
    connection: Connection,
    desk: Desk,
    account_id: str | None,
    event: str,
    method: str,
    address: str = "",
) -> None:
    """Note what became of a login; of the address only the network is kept."""
    connection.execute(
        insert(people.login_event).values(
            at=desk.now(),
            account_id=account_id,
            event=event,
            method=method,
            network=network_of(address),
        )
    )


def network_of(address: str) -> str:
    """Return the network of an address: /24 or /48, empty if it is none."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    width = 24 if ip.version == 4 else 48
    return str(ipaddress.ip_network(f"{ip}/{width}", strict=False))


def close_all(connection: Connection, account_id: str, tokens: bool = False) -> None:
    """End all sessions of an account, its API tokens too if asked."""
    for table in (people.session, people.api_token)[: 2 if tokens else 1]:
        connection.execute(table.delete().where(table.c.account_id == account_id))


def first_admin(desk: Desk, email: str, password: str, name: str = "") -> Account:
    """Make an admin from the command line."""
    return create(desk, SYSTEM, Role.ADMIN, email, name, password=password)


def _signed_in(
    connection: Connection, desk: Desk, account_id: str, method: str, address: str
) -> None:
    connection.execute(
        update(people.account)
        .where(people.account.c.id == account_id)
        .values(failed_logins=0, locked_until=None, last_login_at=desk.now())
    )
    audit(connection, desk, account_id, "login", method, address)


def _by_email(connection: Connection, email: str) -> Row[Any] | None:
    table = people.account
    if not email:
        return None
    return connection.execute(select(table).where(table.c.email == email)).one_or_none()


def _account(connection: Connection, row: Row[Any]) -> Account:
    link = people.account_supplier
    suppliers = connection.execute(
        select(link.c.supplier_id).where(link.c.account_id == row.id).order_by(link.c.supplier_id)
    ).scalars()
    return Account(
        id=row.id,
        role=Role(row.role),
        email=row.email or "",
        name=row.name,
        language=row.language,
        buyer_id=row.buyer_id,
        suppliers=tuple(suppliers),
        active=row.active,
        created_at=row.created_at,
        last_login_at=row.last_login_at,
    )
