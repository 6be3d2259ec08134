"""`limner accounts`: who there is, who may come, and how they get in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.table import json_option, write_json, write_table
from limner.cli.parts.values import Credits, Moment, shown_time

if TYPE_CHECKING:
    from limner.accounts.models import Account
    from limner.credits.models import Balance
    from limner.db import Database, Tx
    from limner.logins.models import Invitation, Login, Purpose

_NAME_CHARACTERS_MAX: Final = 64


@click.group(subcommand_metavar="COMMAND ...")
def command() -> None:
    """List and make accounts, invite people, and help them in."""


class _Listed(NamedTuple):
    account: Account
    balance: Balance
    login: Login | None

    @property
    def state(self) -> str:
        if self.account.suspended_at is not None:
            return "suspended"
        return "waiting" if self.login is not None and self.login.is_waiting else ""

    @property
    def email(self) -> str:
        if self.login is None or self.login.email is None:
            return ""
        return self.login.email if self.login.verified_at else f"{self.login.email} (not verified)"


@command.command("list")
@json_option
@shared_options()
@pass_given
def list_(given: Given, *, as_json: bool) -> None:
    """List all accounts with what they have."""
    from limner.cli.parts.books import with_books
    from limner.domain.money import in_credits

    found = with_books(given.settings(), _all)
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
                    "email": login.email if login else None,
                    "verified_at": login.verified_at.isoformat() if login and login.verified_at else None,
                    "waiting": login is not None and login.is_waiting,
                }
                for account, balance, login in found
            ]
        )
        return
    write_table(
        [
            {
                "name": one.account.name,
                "role": one.account.role,
                "e-mail": one.email,
                "credits": in_credits(one.balance.balance),
                "held": in_credits(one.balance.held) if one.balance.held else "",
                "state": one.state,
                "created (UTC)": shown_time(one.account.created_at),
            }
            for one in found
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


async def _all(database: Database) -> list[_Listed]:
    from limner.logins import service as logins

    found = await all_with_balances(database)
    async with database.statement() as tx:
        known = await logins.logins_of(tx, account_ids=[account.id for account, _ in found])
    return [_Listed(account, balance, known.get(account.id)) for account, balance in found]


@command.command(short_help="Invite somebody.")
@click.option("--credits", "start", type=Credits(), default=0, help="Credits that the invitation brings.")
@click.option("--uses", type=click.IntRange(1, 1_000_000), default=1, help="How many may use it; without it, one.")
@click.option("--expires", type=Moment(), help="When it ends: a span like 7d, or a date; without it, never.")
@click.option("--email", help="Whom alone it is for.")
@click.option("--note", default="", help="What you want to remember of it.")
@json_option
@shared_options()
@pass_given
def invite(
    given: Given, *, start: int, uses: int, expires: datetime | None, email: str | None, note: str, as_json: bool
) -> None:
    """Make an invitation: an address at which somebody makes an account. It is shown once.

    Where `accounts.registration` is `invitation` nobody comes in without; elsewhere it brings its credits, and whoever has
    one need not be approved.
    """
    from limner.accounts import service as accounts
    from limner.cli.parts.books import with_books
    from limner.cli.parts.reach import reach_of
    from limner.domain.money import in_credits
    from limner.flow import register
    from limner.logins.models import IssuedInvitation

    if start < 0:
        raise click.BadParameter("an invitation brings 0 credits or more", param_hint="'--credits'")
    settings = given.settings()
    now = datetime.now(UTC)

    async def act(database: Database) -> IssuedInvitation:
        async with database.transaction() as tx:
            owner = await accounts.owner(tx)
            assert owner is not None, "it was made with the books"
            life = expires - now if expires is not None else None
            return await register.invite(
                tx, made_by=owner.id, now=now, note=note, email=email, credits_=start, uses_max=uses, life=life
            )

    issued = with_books(settings, act, make=True)
    reach = reach_of(settings)
    address = register.invitation_address(reach.url, code=issued.code)
    if as_json:
        write_json({**_invitation(issued.invitation), "url": address})
        return
    click.echo(address)
    for_whom = f"for {email}" if email else "for whoever has it"
    times = "once" if uses == 1 else f"{uses} times"
    until = f", until {shown_time(expires)} UTC" if expires else ""
    brings = f"; it brings {in_credits(start)} credits" if start else ""
    click.echo(f"It is good {times}, {for_whom}{until}{brings}. It is not shown again.", err=True)


@command.command(short_help="List invitations.")
@json_option
@shared_options()
@pass_given
def invitations(given: Given, *, as_json: bool) -> None:
    """List the newest invitations, and how often they were used. Their addresses are not kept."""
    from limner.cli.parts.books import with_books
    from limner.domain.money import in_credits
    from limner.logins import service as logins

    async def act(database: Database) -> list[Invitation]:
        async with database.statement() as tx:
            return await logins.invitations(tx)

    found = with_books(given.settings(), act)
    if as_json:
        write_json([_invitation(one) for one in found])
        return
    write_table(
        [
            {
                "invitation": one.prefix,
                "for": one.email or "anybody",
                "used": f"{one.uses} of {one.uses_max}",
                "credits": in_credits(one.credits) if one.credits else "",
                "ends (UTC)": "revoked" if one.revoked_at else shown_time(one.expires_at),
                "note": one.note,
            }
            for one in found
        ],
        right={"credits"},
        nothing="There are no invitations yet: `limner accounts invite` makes one.",
    )


@command.command(short_help="End an invitation.")
@click.argument("invitation")
@shared_options()
@pass_given
def uninvite(given: Given, invitation: str) -> None:
    """End INVITATION, by how its code begins: nobody uses it any more."""
    from limner.cli.parts.books import with_books
    from limner.cli.parts.trouble import Trouble
    from limner.logins import service as logins

    async def act(database: Database) -> Invitation:
        async with database.transaction() as tx:
            found = [one for one in await logins.invitations(tx) if one.prefix.startswith(invitation) and invitation]
            if len(found) != 1:
                how_many = "no invitation begins" if not found else f"{len(found)} invitations begin"
                raise Trouble(f"{how_many} with '{invitation}': `limner accounts invitations` shows all")
            if not await logins.revoke_invitation(tx, id_=found[0].id, now=datetime.now(UTC)):
                raise Trouble("this invitation has been ended already")
            return found[0]

    click.echo(f"The invitation {with_books(given.settings(), act).prefix}... has ended.")


def _invitation(one: Invitation) -> dict[str, object]:
    from limner.domain.money import in_credits

    return {
        "id": one.id,
        "prefix": one.prefix,
        "email": one.email,
        "note": one.note,
        "credits": in_credits(one.credits),
        "uses": one.uses,
        "uses_max": one.uses_max,
        "created_at": one.created_at.isoformat(),
        "expires_at": one.expires_at.isoformat() if one.expires_at else None,
        "revoked_at": one.revoked_at.isoformat() if one.revoked_at else None,
    }


@command.command(short_help="Let in somebody who waits.")
@click.argument("name")
@shared_options()
@pass_given
def approve(given: Given, name: str) -> None:
    """Let in the account NAME (or its e-mail), which waits for approval. It gets a mail, if mails can be sent."""
    from limner.flow import register

    _decide(given, name, register.approve, done="may come in")


@command.command(short_help="Send away somebody who waits.")
@click.argument("name")
@shared_options()
@pass_given
def refuse(given: Given, name: str) -> None:
    """Delete the account NAME (or its e-mail), which waits for approval. It gets a mail, if mails can be sent."""
    from limner.flow import register

    _decide(given, name, register.refuse, done="was sent away")


def _decide(given: Given, name: str, decide: Callable[..., Awaitable[bool]], *, done: str) -> None:
    from limner.cli.parts.reach import with_house
    from limner.cli.parts.trouble import Trouble
    from limner.flow.house import House

    async def act(house: House) -> str:
        async with house.database.transaction() as tx:
            account = await _known(tx, name)
        if not await decide(house, account_id=account.id):
            raise Trouble(f"{account.name} does not wait for approval")
        await house.post.settled()
        return account.name

    click.echo(f"{with_house(given.settings(looks=True), act)} {done}.")


@command.command(short_help="Give an account a login.")
@click.argument("name", required=False)
@shared_options()
@pass_given
def welcome(given: Given, name: str | None) -> None:
    """Show a link at which NAME (without it, the owner) sets an e-mail and a password, to sign in with from then on.

    For accounts that were made here and have only keys. The link is good once, for 24 hours; it ends earlier ones.
    """
    from limner.accounts import service as accounts
    from limner.flow import register

    async def make(tx: Tx) -> str:
        account = await _known(tx, name) if name is not None else await accounts.owner(tx)
        assert account is not None, "it was made with the books"
        return await register.welcome_link(tx, account_id=account.id, now=datetime.now(UTC))

    _show_link(given, make, purpose="welcome", life="24 hours")


@command.command(short_help="Help somebody to a new password.")
@click.argument("name")
@shared_options()
@pass_given
def reset(given: Given, name: str) -> None:
    """Show a link at which NAME (or its e-mail) sets a new password: for servers that send no mails.

    Give it to nobody but them. It is good once, for an hour.
    """
    from limner.cli.parts.trouble import Trouble
    from limner.flow.login import reset_link
    from limner.logins import service as logins

    async def make(tx: Tx) -> str:
        account = await _known(tx, name)
        login = await logins.login_of(tx, account_id=account.id)
        if login is None:
            raise Trouble(f"{account.name} has no login: `limner accounts welcome {account.name}` gives it one")
        if login.email is None:
            raise Trouble(f"{account.name} has no e-mail, which a password goes with")
        return await reset_link(tx, login=login, now=datetime.now(UTC))

    _show_link(given, make, purpose="reset", life="an hour")


def _show_link(given: Given, make: Callable[[Tx], Awaitable[str]], *, purpose: Purpose, life: str) -> None:
    from limner.cli.parts.books import with_books
    from limner.cli.parts.reach import reach_of
    from limner.flow.mail import address

    async def act(database: Database) -> str:
        async with database.transaction() as tx:
            return await make(tx)

    settings = given.settings()
    token = with_books(settings, act, make=True)
    click.echo(address(reach_of(settings).url, purpose=purpose, token=token))
    click.echo(f"It is good once, for {life}.", err=True)


@command.command(short_help="Let nobody use an account.")
@click.argument("name")
@shared_options()
@pass_given
def suspend(given: Given, name: str) -> None:
    """Suspend the account NAME (or its e-mail): neither its keys nor its login are good until it is resumed."""
    from limner.accounts import service as accounts
    from limner.cli.parts.books import with_books
    from limner.cli.parts.trouble import Trouble

    async def act(database: Database) -> str:
        async with database.transaction() as tx:
            account = await _known(tx, name)
            if account.role == "owner":
                raise Trouble("the owner's account cannot be suspended: the server is run by it")
            if not await accounts.suspend(tx, id_=account.id, now=datetime.now(UTC)):
                raise Trouble(f"{account.name} is suspended already")
            return account.name

    found = with_books(given.settings(), act)
    click.echo(f"{found} is suspended. `limner accounts resume {found}` ends it.")


@command.command(short_help="Let a suspended account be used again.")
@click.argument("name")
@shared_options()
@pass_given
def resume(given: Given, name: str) -> None:
    """Let the suspended account NAME (or its e-mail) be used again, with the keys and the login that it had."""
    from limner.accounts import service as accounts
    from limner.cli.parts.books import with_books
    from limner.cli.parts.trouble import Trouble

    async def act(database: Database) -> str:
        async with database.transaction() as tx:
            account = await _known(tx, name)
            if not await accounts.resume(tx, id_=account.id):
                raise Trouble(f"{account.name} is not suspended, or was deleted")
            return account.name

    click.echo(f"{with_books(given.settings(), act)} may be used again.")


async def _known(tx: Tx, name: str) -> Account:
    """The account of that name, or with that e-mail. Raises `NoSuchAccount`."""
    from limner.accounts import service as accounts
    from limner.logins import service as logins

    login = await logins.login_called(tx, email=name)
    if login is not None:
        return await accounts.account_of(tx, id_=login.account_id)
    return await accounts.account_called(tx, name=name)


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
