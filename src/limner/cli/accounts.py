"""`limner accounts`: who there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.table import json_option, write_json, write_table
from limner.cli.parts.values import Credits, shown_time

if TYPE_CHECKING:
    from limner.accounts.models import Account
    from limner.credits.models import Balance
    from limner.db import Database

_NAME_CHARACTERS_MAX: Final = 64


@click.group(subcommand_metavar="COMMAND ...")
def command() -> None:
    """List and make accounts, which have credits and keys."""


@command.command("list")
@json_option
@shared_options()
@pass_given
def list_(given: Given, *, as_json: bool) -> None:
    """List all accounts with what they have."""
    from limner.cli.parts.books import with_books
    from limner.domain.money import in_credits

    found = with_books(given.settings(), all_with_balances)
    if as_json:
        write_json(
            [
                {
                    "id": account.id,
                    "name": account.name,
                    "role": account.role,
                    "credits": in_credits(balance.balance),
                    "held": in_credits(balance.held),
                    "unlimited": balance.unlimited,
                    "created_at": account.created_at.isoformat(),
                    "suspended_at": account.suspended_at.isoformat() if account.suspended_at else None,
                }
                for account, balance in found
            ]
        )
        return
    write_table(
        [
            {
                "name": account.name,
                "role": account.role,
                "credits": in_credits(balance.balance),
                "held": in_credits(balance.held) if balance.held else "",
                "state": "suspended" if account.suspended_at else "",
                "created (UTC)": shown_time(account.created_at),
            }
            for account, balance in found
        ],
        right={"credits", "held"},
        nothing="There are no accounts yet: `limner accounts create NAME` makes one.",
    )


@command.command()
@click.argument("name")
@click.option("--credits", "start", type=Credits(), help="Credits to start with; without it, credits.account_start.")
@shared_options()
@pass_given
def create(given: Given, name: str, start: int | None) -> None:
    """Make an account called NAME.

    Its requests stop when its credits are used up; give it more with `limner credits grant`.
    """
    from limner.cli.parts.books import with_books
    from limner.domain.money import in_credits, micro
    from limner.flow.keys import add_account
    from limner.kit.clock import SystemClock

    name = _checked(name)
    settings = given.settings()
    first = micro(settings.credits.account_start) if start is None else start
    if first < 0:
        raise click.BadParameter("an account starts with 0 credits or more", param_hint="'--credits'")

    async def act(database: Database) -> None:
        async with database.transaction() as tx:
            await add_account(tx, name=name, role="member", credits_start=first, now=SystemClock().now())

    with_books(settings, act, make=True)
    click.echo(f"{name} has {in_credits(first)} credits. `limner keys create --account {name}` makes a key.")


async def all_with_balances(database: Database) -> list[tuple[Account, Balance]]:
    """Every account and what it has, oldest first."""
    from limner.accounts import service as accounts
    from limner.credits import service as credit_book

    async with database.transaction() as tx:
        found = await accounts.accounts(tx)
        return [(account, await credit_book.balance(tx, account_id=account.id)) for account in found]


def _checked(name: str) -> str:
    name = name.strip()
    if not name or len(name) > _NAME_CHARACTERS_MAX or not name.isprintable():
        raise click.BadParameter(f"a name has 1 to {_NAME_CHARACTERS_MAX} printable characters", param_hint="NAME")
    return name
