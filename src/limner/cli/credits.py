"""`limner credits`: what accounts have, and where it went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.table import json_option, write_json, write_table
from limner.cli.parts.values import Credits, Moment, shown_time

if TYPE_CHECKING:
    from datetime import datetime

    from limner.credits.models import Balance, Entry, IssuedCode, RedeemCode
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


@command.group(subcommand_metavar="COMMAND ...", short_help="Make, list and switch off redeem codes.")
def codes() -> None:
    """Make, list and switch off redeem codes: whoever has one redeems it on the page of credits."""


@codes.command("make", short_help="Make codes and show them, this once.")
@click.argument("amount", type=Credits())
@click.option("--uses", type=click.IntRange(1, 1_000_000), default=1, show_default=True, help="How many accounts may.")
@click.option("--count", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many codes.")
@click.option("--expires", type=Moment(), help="When it ends: after a span (12h, 30d, 1y) or at a date, UTC.")
@click.option("--note", default="", help="What it is for; only operators see it.")
@json_option
@shared_options()
@pass_given
def make_codes(
    given: Given, *, amount: int, uses: int, count: int, expires: datetime | None, note: str, as_json: bool
) -> None:
    """Make codes that give AMOUNT credits to whoever redeems them, each account once.

    The codes alone go to standard output, a line each.

    \b
    For example:
      limner credits codes make 10 --uses 50 --expires 30d --note workshop
    """  # noqa: D301 - click's \b keeps the lines apart
    from limner.cli.parts.books import with_books
    from limner.domain.money import in_credits
    from limner.flow.redeem import make_codes
    from limner.kit.clock import SystemClock

    async def act(database: Database) -> list[IssuedCode]:
        async with database.transaction() as tx:
            return await make_codes(
                tx,
                amount=amount,
                uses_max=uses,
                count=count,
                note=note,
                made_by=None,
                expires_at=expires,
                now=SystemClock().now(),
            )

    made = with_books(given.settings(), act)
    if as_json:
        write_json([{"id": one.code.id, "code": one.secret} for one in made])
        return
    each = "It gives" if count == 1 else "Each gives"
    shown = "It is" if count == 1 else "They are"
    click.echo(f"{each} {in_credits(amount)} credits. {shown} shown this once.", err=True)
    for one in made:
        click.echo(one.secret)


@codes.command("list", short_help="List codes, newest first.")
@click.option("--count", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many.")
@json_option
@shared_options()
@pass_given
def list_codes(given: Given, count: int, *, as_json: bool) -> None:
    """List codes, newest first: what each gives, and how often it was redeemed."""
    from limner.cli.parts.books import with_books
    from limner.credits import service as credit_book
    from limner.domain.money import in_credits
    from limner.kit.clock import SystemClock

    async def act(database: Database) -> list[RedeemCode]:
        async with database.statement() as tx:
            return await credit_book.codes(tx, count=count)

    found, now = with_books(given.settings(), act), SystemClock().now()
    rows = [
        {
            "code": f"{code.prefix}...",
            "state": code.state(now=now),
            "credits": in_credits(code.credits),
            "used": f"{code.uses} of {code.uses_max}",
            "note": code.note,
            "expires (UTC)": shown_time(code.expires_at),
        }
        for code in found
    ]
    if as_json:
        write_json(
            [
                {
                    "id": code.id,
                    "prefix": code.prefix,
                    "state": code.state(now=now),
                    "credits": in_credits(code.credits),
                    "uses": code.uses,
                    "uses_max": code.uses_max,
                    "note": code.note,
                    "created_at": code.created_at.isoformat(),
                    "expires_at": code.expires_at.isoformat() if code.expires_at else None,
                }
                for code in found
            ]
        )
        return
    write_table(rows, right={"credits", "used"}, nothing="There are no codes: `limner credits codes make` makes one.")


@codes.command("disable", short_help="Switch a code off.")
@click.argument("code")
@shared_options()
@pass_given
def disable_code(given: Given, code: str) -> None:
    """Switch a code off; CODE is the beginning that `limner credits codes list` shows, its id, or all of it."""
    from limner.cli.parts.books import with_books
    from limner.credits import service as credit_book
    from limner.kit.clock import SystemClock

    async def act(database: Database) -> tuple[RedeemCode, bool]:
        async with database.transaction() as tx:
            found = await credit_book.code_like(tx, text=code.strip().removesuffix("..."))
            return found, await credit_book.disable_code(tx, id_=found.id, now=SystemClock().now())

    found, was_on = with_books(given.settings(), act)
    click.echo(f"{found.prefix}... {'is switched off' if was_on else 'was off already'}.")
