"""`limner keys`: API keys, and what each may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.table import json_option, write_json, write_table
from limner.cli.parts.values import Credits, Moment, shown_time

if TYPE_CHECKING:
    from limner.accounts.models import Account, ApiKey, IssuedKey
    from limner.config import Settings
    from limner.credits.models import Budget
    from limner.db import Database, Tx


@click.group(subcommand_metavar="COMMAND ...")
def command() -> None:
    """List, make, and switch off or on API keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    key: ApiKey
    account: Account
    budget: Budget

    def state(self, *, now: datetime) -> str:
        from limner.accounts.rules import has_expired

        if self.key.disabled_at:
            return "disabled"
        if self.account.suspended_at:
            return "account suspended"
        return "expired" if has_expired(self.key.expires_at, now=now) else "good"


@command.command("list", short_help="List keys, and what they have spent.")
@click.option("--account", metavar="NAME", help="Only this account's keys.")
@json_option
@shared_options()
@pass_given
def list_(given: Given, account: str | None, *, as_json: bool) -> None:
    """List keys: who has them, what they may do, what they have spent."""
    from limner.cli.parts.books import with_books

    now = datetime.now(UTC)
    found = [one for one in with_books(given.settings(), _all) if account in {None, one.account.name}]
    if as_json:
        write_json([_record(one, now=now) for one in found])
        return
    write_table(
        [_row(one, now=now) for one in found],
        right={"a minute", "at once", "spent", "limit"},
        nothing="There are no keys: `limner keys create` makes one.",
    )


@command.command(short_help="Make a key and show it, this once.")
@click.option("--account", metavar="NAME", default="owner", show_default=True, help="Whose key it is.")
@click.option("--name", default="made with limner keys create", help="What it is for; shown in lists.")
@click.option(
    "--model", "models", metavar="MODEL", multiple=True, help="A model it may use, and no other; may be given again."
)
@click.option("--requests-per-minute", type=click.IntRange(1, 1_000_000), metavar="NUMBER", help="Its own rate limit.")
@click.option(
    "--concurrent",
    type=click.IntRange(1, 10_000),
    metavar="NUMBER",
    help="How many requests it may have under way at once.",
)
@click.option(
    "--expires", type=Moment(), help="When it ends: after a span (12h, 30d, 1y) or at a date (2027-12-31), UTC."
)
@click.option("--spend-limit", type=Credits(), help="How many credits it may spend in all.")
@click.option(
    "--lenient",
    is_flag=True,
    help="What an engine cannot do is left out of its requests and named in the answer, not refused.",
)
@json_option
@shared_options()
@pass_given
def create(
    given: Given,
    *,
    account: str,
    name: str,
    models: tuple[str, ...],
    requests_per_minute: int | None,
    concurrent: int | None,
    expires: datetime | None,
    spend_limit: int | None,
    lenient: bool,
    as_json: bool,
) -> None:
    """Make a key and show its secret, this once.

    The secret alone goes to standard output, so that a script can catch it.

    \b
    For example:
      limner keys create --account grace --name laptop --expires 90d
      KEY=$(limner keys create --model dall-e-3 --spend-limit 5)
    """  # noqa: D301 - click's \b keeps the lines apart
    from limner.accounts import service as accounts
    from limner.cli.parts.books import with_books
    from limner.flow.keys import issue_key
    from limner.kit.clock import SystemClock

    if spend_limit is not None and spend_limit < 0:
        raise click.BadParameter("a limit is 0 credits or more", param_hint="'--spend-limit'")
    settings = given.settings(looks=bool(models))
    _check_models(settings, models)

    async def act(database: Database) -> IssuedKey:
        async with database.transaction() as tx:
            return await issue_key(
                tx,
                account=await accounts.account_called(tx, name=account),
                name=name,
                now=SystemClock().now(),
                models=frozenset(models) or None,
                requests_per_minute=requests_per_minute,
                concurrent=concurrent,
                expires_at=expires,
                spend_limit=spend_limit,
                lenient=lenient,
            )

    issued = with_books(settings, act, make=True)
    if as_json:
        write_json({"id": issued.key.id, "name": name, "account": account, "secret": issued.secret})
        return
    click.echo(f"A key for {account}. It is shown this once: keep it safe.", err=True)
    click.echo(issued.secret)


@command.command(short_help="Switch a key off.")
@click.argument("key")
@shared_options()
@pass_given
def disable(given: Given, key: str) -> None:
    """Switch a key off; KEY is the beginning that `limner keys list` shows, its id, or the whole key."""
    from limner.accounts import service as accounts

    async def act(tx: Tx, found: ApiKey) -> bool:
        return await accounts.disable_key(tx, id_=found.id, now=datetime.now(UTC))

    _switch(given, key, act, done="is switched off", otherwise="was off already")


@command.command(short_help="Switch a key on again.")
@click.argument("key")
@shared_options()
@pass_given
def enable(given: Given, key: str) -> None:
    """Switch a key on again; KEY is the beginning that `limner keys list` shows, its id, or the whole key."""
    from limner.accounts import service as accounts

    async def act(tx: Tx, found: ApiKey) -> bool:
        return await accounts.enable_key(tx, id_=found.id)

    _switch(given, key, act, done="is good again", otherwise="was on already")


def _switch(given: Given, key: str, act: Callable[[Tx, ApiKey], Awaitable[bool]], *, done: str, otherwise: str) -> None:
    from limner.accounts import service as accounts
    from limner.cli.parts.books import with_books

    async def whole(database: Database) -> tuple[ApiKey, bool]:
        async with database.transaction() as tx:
            found = await accounts.key_of(tx, secret=key) or await accounts.key_like(tx, prefix=key)
            return found, await act(tx, found)

    found, was_changed = with_books(given.settings(), whole)
    click.echo(f"{found.prefix}... ({found.name}) {done if was_changed else otherwise}.")


async def _all(database: Database) -> list[_Listed]:
    from limner.accounts import service as accounts
    from limner.credits import service as credit_book

    async with database.transaction() as tx:
        owners = {account.id: account for account in await accounts.accounts(tx)}
        return [
            _Listed(key=key, account=owners[key.account_id], budget=await credit_book.budget(tx, api_key_id=key.id))
            for key in await accounts.keys(tx)
        ]


def _check_models(settings: Settings, names: tuple[str, ...]) -> None:
    """Refuse names that nobody could ever call."""
    if names:
        from limner.bootstrap import make_catalog, make_engines

        catalog = make_catalog(settings, known_engines=set(make_engines(settings)))
        for name in names:
            catalog.model(name)


def _row(one: _Listed, *, now: datetime) -> dict[str, str]:
    from limner.domain.money import in_credits

    key, budget = one.key, one.budget
    return {
        "key": f"{key.prefix}...",
        "name": key.name,
        "account": one.account.name,
        "state": one.state(now=now),
        "models": ", ".join(sorted(key.models or ())),
        "a minute": str(key.requests_per_minute or ""),
        "at once": str(key.concurrent or ""),
        "lenient": "yes" if key.lenient else "",
        "spent": in_credits(budget.spent),
        "limit": in_credits(budget.spend_limit) if budget.spend_limit is not None else "",
        "expires (UTC)": shown_time(key.expires_at),
    }


def _record(one: _Listed, *, now: datetime) -> dict[str, object]:
    from limner.domain.money import in_credits

    key, budget = one.key, one.budget
    return {
        "id": key.id,
        "prefix": key.prefix,
        "name": key.name,
        "account": one.account.name,
        "state": one.state(now=now),
        "models": sorted(key.models) if key.models is not None else None,
        "requests_per_minute": key.requests_per_minute,
        "concurrent": key.concurrent,
        "lenient": key.lenient,
        "spent": in_credits(budget.spent),
        "spend_limit": in_credits(budget.spend_limit) if budget.spend_limit is not None else None,
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "disabled_at": key.disabled_at.isoformat() if key.disabled_at else None,
    }
