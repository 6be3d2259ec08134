"""`limner credits`: what accounts have, and where it went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.table import json_option, write_json, write_table
from limner.cli.parts.values import Credits, shown_time

if TYPE_CHECKING:
    from limner.credits.models import Balance, Entry
    from limner.db import Database


@click.group(subcommand_metavar="COMMAND ...")
def command() -> None:
    """Show, give and follow credits."""


@command.command(short_help="Show what accounts have.")
@click.argument("account", required=False)
@json_option
@shared_options()
@pass_given
def show(given: Given, account: str | None, *, as_json: bool) -> None:
    """Show what ACCOUNT has, or what every account has."""
    from limner.accounts.service import NoSuchAccount
    from limner.cli.accounts import all_with_balances
    from limner.cli.parts.books import with_books
    from limner.domain.money import in_credits

    found = [pair for pair in with_books(given.settings(), all_with_balances) if account in {None, pair[0].name}]
    if account is not None and not found:
        raise NoSuchAccount(f"there is no account called '{account}': `limner accounts list` shows them all")
    rows = [
        {
            "account": owner.name,
            "credits": in_credits(balance.balance),
            "held": in_credits(balance.held),
            "free": in_credits(balance.free),
        }
        for owner, balance in found
    ]
    stops = ["never" if balance.unlimited else "when used up" for _, balance in found]
    if as_json:
        pairs = zip(rows, found, strict=True)
        write_json([{**row, "unlimited": balance.unlimited} for row, (_, balance) in pairs])
        return
    write_table(
        [{**row, "stopped": stop} for row, stop in zip(rows, stops, strict=True)], right={"credits", "held", "free"}
    )


# A minus sign begins an amount here, not an option.
@command.command(short_help="Give credits, or take them back.", context_settings={"ignore_unknown_options": True})
@click.argument("account")
@click.argument("amount", type=Credits())
@click.option("--reason", default="granted", show_default=True, help="Why, for the account's entries.")
@shared_options()
@pass_given
def grant(given: Given, account: str, amount: int, reason: str) -> None:
    """Give AMOUNT credits to ACCOUNT; a negative amount takes them back.

    \b
    For example:
      limner credits grant grace 25 --reason "for March"
      limner credits grant grace -5
    """  # noqa: D301 - click's \b keeps the lines apart
    from limner.accounts import service as accounts
    from limner.cli.parts.books import with_books
    from limner.credits import service as credit_book
    from limner.domain.money import in_credits
    from limner.kit.clock import SystemClock
    from limner.kit.ids import uuid7

    async def act(database: Database) -> Balance:
        async with database.transaction() as tx:
            receiver = await accounts.account_called(tx, name=account)
            return await credit_book.grant(
                tx, id_=uuid7(), account_id=receiver.id, amount=amount, reason=reason, now=SystemClock().now()
            )

    balance = with_books(given.settings(), act)
    click.echo(f"{account} has {in_credits(balance.balance)} credits.")


@command.command(short_help="List the changes of an account.")
@click.argument("account")
@click.option("--count", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many, newest first.")
@json_option
@shared_options()
@pass_given
def entries(given: Given, account: str, count: int, *, as_json: bool) -> None:
    """List the last changes of ACCOUNT's credits, newest first."""
    from limner.accounts import service as accounts
    from limner.cli.parts.books import with_books
    from limner.credits import service as credit_book
    from limner.domain.money import in_credits

    async def act(database: Database) -> list[Entry]:
        async with database.transaction() as tx:
            owner = await accounts.account_called(tx, name=account)
            return await credit_book.entries(tx, account_id=owner.id, count=count)

    found = with_books(given.settings(), act)
    if as_json:
        write_json(
            [
                {
                    "id": entry.id,
                    "created_at": entry.created_at.isoformat(),
                    "kind": entry.kind,
                    "credits": in_credits(entry.amount),
                    "held": in_credits(entry.held),
                    "reason": entry.reason,
                    "task_id": entry.task_id,
                    "api_key_id": entry.api_key_id,
                }
                for entry in found
            ]
        )
        return
    write_table(
        [
            {
                "time (UTC)": shown_time(entry.created_at),
                "kind": entry.kind,
                "credits": in_credits(entry.amount) if entry.amount else "",
                "held": in_credits(entry.held) if entry.held else "",
                "reason": entry.reason,
                "task": str(entry.task_id or ""),
            }
            for entry in found
        ],
        right={"credits", "held"},
        nothing=f"Nothing has changed {account}'s credits yet.",
    )
