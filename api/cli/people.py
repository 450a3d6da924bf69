"""Commands for accounts, mail and the record."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.app import app
from api.cli.options import AsJson, open_service, print_json, progress_bar
from matcher.errors import InputError
from matcher.settings import Settings

if TYPE_CHECKING:
    from matcher.workflow.desk import Desk

user = typer.Typer(no_args_is_help=True)
app.add_typer(user, name="user")

Role = Annotated[str, typer.Option(help="`broker`, `buyer`, `supplier`, `admin` or `job`.")]


def open_desk(ranking: bool = False) -> Desk:
    """Open what the workflow works with; with an index only where something is ranked."""
    from api.web.i18n import translate
    from matcher.store import Store
    from matcher.workflow.desk import Desk
    from matcher.workflow.signing import Signer

    settings = Settings.from_env()
    signer = Signer(settings.secret_keys)
    service = open_service() if ranking else None
    store = service.store if service else Store.open(settings.store_url)
    return Desk(settings, store, signer, translate, service)


@user.callback()
def user_group() -> None:
    """Make accounts, among them the first admin; list them; shut them.

    - `samspill user add EMAIL --role admin`: asks for the password, or reads it from standard
      input where that is no terminal.
    - `samspill user list`
    - `samspill user shut EMAIL`
    - `samspill user token EMAIL --scope read --days 30`: prints an API token, once.
    - `samspill user erase EMAIL`: what is held on that person.
    """


@user.command("add")
def add(
    email: Annotated[str, typer.Argument(help="E-mail address.")],
    role: Role = "admin",
    name: Annotated[str, typer.Option(help="Name.")] = "",
    language: Annotated[str, typer.Option(help="Language of its mail.")] = "en",
    buyer: Annotated[
        str, typer.Option(help="Name of the buyer that a buyer's account acts for.")
    ] = "",
    country: Annotated[str, typer.Option(help="Country of that buyer, as in NO.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make an account with a password."""
    from matcher.records import Buyer
    from matcher.store.buyers import buyer_key, ensure_buyers
    from matcher.workflow import accounts
    from matcher.workflow import desk as roles

    if role not in set(roles.Role):
        raise typer.BadParameter(f"{role!r}: one of {', '.join(roles.Role)}", param_hint="--role")
    desk = open_desk()
    buyer_id = None
    if buyer:
        known = Buyer(name=buyer, country=country)
        with desk.store.writing() as connection:
            buyer_id = ensure_buyers(connection, {buyer_key(known): known})[buyer_key(known)]
    account = accounts.create(
        desk, roles.SYSTEM, roles.Role(role), email, name, language, buyer_id, _password()
    )
    if as_json:
        print_json({"id": account.id, "email": account.email, "role": account.role})
    else:
        typer.echo(f"{account.role} {account.email}: {account.id}")


@user.command("list")
def listing(as_json: AsJson = False) -> None:
    """List accounts."""
    from matcher.workflow import accounts

    desk = open_desk()
    with desk.store.reading() as connection:
        _, found = accounts.listing(connection, 0, 1_000_000)
    if as_json:
        print_json([vars(a) for a in found])
        return
    for account in found:
        state = "" if account.active else "  shut"
        typer.echo(f"{account.role:9} {account.email or '(erased)'}  {account.id}{state}")


@user.command("shut")
def shut(email: Annotated[str, typer.Argument(help="E-mail address.")]) -> None:
    """Shut an account: nobody gets in by it, its sessions and tokens end."""
    from matcher.workflow import accounts
    from matcher.workflow.desk import SYSTEM

    desk = open_desk()
    accounts.change(desk, SYSTEM, _find(desk, email), active=False)
    typer.echo("shut")


@user.command("token")
def token(
    email: Annotated[str, typer.Argument(help="E-mail address.")],
    scope: Annotated[list[str], typer.Option(help="read, write, send or admin. Repeatable.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="Good for so many days.")] = 30,
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
) -> None:
    """Print an API token of an account, this once."""
    from matcher.workflow import access

    if not set(scope) <= set(access.Scope):
        raise typer.BadParameter(f"one of {', '.join(access.Scope)}", param_hint="--scope")
    desk = open_desk()
    scopes = [access.Scope(s) for s in scope]
    typer.echo(access.make_token(desk, _find(desk, email), name, scopes, days)[1])


@user.command("erase")
def erase(email: Annotated[str, typer.Argument(help="E-mail address.")]) -> None:
    """Erase what is held on a person; the log keeps its proof without them."""
    from matcher.workflow import privacy
    from matcher.workflow.desk import SYSTEM

    print_json(privacy.erase(open_desk(), SYSTEM, email))


@app.command()
def notify(
    again: Annotated[
        bool,
        typer.Option(
            "--retry-uncertain",
            help="Also send mails of which a crash left open whether they went.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write digests of what is new, send the mail that waits, take out what has expired.

    Meant to run every night (`samspill nightly` does) and safe to run at any time: what was
    told is not told again, and what a crash kept back goes out with the next run.
    """
    from dataclasses import asdict

    from matcher.workflow.notify import notify as run

    with progress_bar() as bar:
        task = bar.add_task("subscriptions", total=None)
        done = run(
            open_desk(ranking=True),
            again,
            lambda looked, total: bar.update(task, completed=looked, total=total),
        )
    if as_json:
        print_json(asdict(done))
    else:
        digests, sent = done.digests, done.mail
        typer.echo(
            f"Digests: {digests.letters} for {digests.new} new matches; "
            f"{len(digests.failed)} searches failed"
        )
        typer.echo(
            f"Mail: {sent.sent} sent, {sent.failed} failed, {sent.waiting} waiting, "
            f"{sent.uncertain} uncertain"
        )
        for subscription, reason in digests.failed:
            typer.echo(f"  {subscription}: {reason}")
    if not done.ok:
        raise typer.Exit(1)


@app.command("verify-log")
def verify_log(
    head: Annotated[
        str,
        typer.Option(metavar="NUMBER:HASH", help="An entry noted earlier, as a record names it."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Read the whole log of the work and prove that it is unbroken.

    Exit status 1 if an entry was changed, left out or cut off. With `--head` also if the whole
    database was put back to a state before that entry.
    """
    from dataclasses import asdict

    from matcher.workflow import log

    expected = None
    if head:
        number, _, value = head.partition(":")
        if not number.isdigit() or not value:
            raise typer.BadParameter(f"{head!r} is not NUMBER:HASH", param_hint="--head")
        expected = (int(number), value)
    verdict = log.verify(open_desk(), expected)
    if as_json:
        print_json(asdict(verdict))
    else:
        typer.echo(f"{verdict.entries} entries, {verdict.erased} of them erased")
        typer.echo(f"Head {verdict.entries}:{verdict.head}")
        for problem in verdict.problems:
            typer.echo(f"  {problem}")
        typer.echo("Unbroken." if verdict.ok else "BROKEN.")
    if not verdict.ok:
        raise typer.Exit(1)


@app.command()
def replay(
    number: Annotated[int, typer.Argument(min=1, help="Number of the ranking's log entry.")],
    as_json: AsJson = False,
) -> None:
    """Rank again as an entry of the log says, and compare with the list recorded there."""
    from dataclasses import asdict

    from matcher.workflow import rankings

    found = rankings.replay(open_desk(ranking=True), number)
    if as_json:
        print_json(asdict(found))
    elif found.same:
        typer.echo(f"The same {found.places} places, on generation {found.generation}.")
    else:
        typer.echo(f"Different from place {found.first_difference} on.")
    if not found.same:
        raise typer.Exit(1)


def _find(desk: Desk, email: str) -> str:
    from matcher.workflow import accounts

    with desk.store.reading() as connection:
        account = accounts.find(connection, email)
    if account is None:
        raise InputError(f"no account {email!r}")
    return account.id


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Once more: "):
        raise InputError("the two are not the same")
    return first
