"""`limner webhooks`: callbacks, how each attempt at them went, their receivers, and what signs them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import click

from limner.cli.parts.facts import fact, facts, passage, state
from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.names import account_id_of, account_names, shorter
from limner.cli.parts.table import json_option, plain, write_json, write_table
from limner.cli.parts.trouble import Trouble, failed_in_part
from limner.cli.parts.values import Earlier, shown_moment, shown_span

if TYPE_CHECKING:
    from limner.db import Database, Tx
    from limner.webhooks.models import Attempt, Endpoint, Message, Status

_STATUSES: Final = ("held", "waiting", "delivered", "failed", "paused")
_MESSAGE: Final = re.compile(r"msg_([0-9a-f]{32})", re.ASCII)
_ANSWER_LINES: Final = 20
_DEFAULT_PORTS: Final = (":80", ":443")


@click.group(subcommand_metavar="COMMAND ...", short_help="List callbacks, and send them again.")
def command() -> None:
    """List, follow and send again callbacks, which tell of tasks that have ended."""


# looking ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """`last`: each message's last attempt."""

    messages: list[Message]
    last: Mapping[UUID, Attempt]
    names: Mapping[UUID, str]
    now: datetime


@command.command("list", short_help="List callbacks, newest first.")
@click.option("--status", type=click.Choice(_STATUSES), metavar="STATUS", help="Only those of this status, see above.")
@click.option("--account", metavar="NAME", help="Only this account's.")
@click.option("--receiver", metavar="URL", help="Only those to this scheme, host and port.")
@click.option("--since", type=Earlier(), help="Only those asked for from then on: a span ago (2h, 5d) or a date, UTC.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), metavar="NUMBER", default=20, help="How many at most; without it, 20."
)
@json_option
@shared_options()
@pass_given
def list_(
    given: Given,
    *,
    status: Status | None,
    account: str | None,
    receiver: str | None,
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List callbacks, newest first. A task has one at most, so each goes by its task's id.

    \b
    A callback is
      held        until its task has ended,
      waiting     to be tried, for the first time or again,
      delivered   or failed when it is tried no more,
      paused      when its receiver has answered nothing well for days.
    """  # noqa: D301 - click's \b keeps the lines apart
    from limner.cli.parts.books import with_books
    from limner.webhooks import service as webhooks

    origin = _origin(receiver)

    async def act(database: Database) -> _Listed:
        async with database.transaction() as tx:
            found = await webhooks.messages(
                tx,
                account_id=await account_id_of(tx, account),
                origin=origin,
                status=status,
                since=since,
                count=limit,
            )
            last = {one.id: (await webhooks.attempts(tx, message_id=one.id))[-1:] for one in found}
            return _Listed(
                messages=found,
                last={id_: tried[0] for id_, tried in last.items() if tried},
                names=await account_names(tx),
                now=await database.now(),
            )

    listed = with_books(given.settings(), act)
    if as_json:
        write_json([_record(one, account=listed.names[one.account_id]) for one in listed.messages])
        return
    short = shorter([message.task_id for message in listed.messages])
    write_table(
        [_row(one, listed, short=short[one.task_id]) for one in listed.messages],
        right={"age", "attempts"},
        narrow={"receiver", "account", "last"},
        nothing="No callback is like that." if any((status, account, receiver, since)) else "There are no callbacks.",
    )


def _row(message: Message, listed: _Listed, *, short: str) -> dict[str, str]:
    last = listed.last.get(message.id)
    wait = message.next_at - listed.now if message.next_at is not None and message.attempts else None
    return {
        "task": short,
        "status": state(message.status),
        "receiver": _shown_origin(message.origin),
        "account": listed.names[message.account_id],
        "age": shown_span(listed.now - message.created_at),
        "attempts": str(message.attempts or ""),
        "next": f"in {shown_span(wait)}" if wait is not None else "",
        "last": _said(last) if last else "",
    }


def _said(attempt: Attempt) -> str:
    return str(attempt.status_code) if attempt.status_code is not None else plain(attempt.error or "")


@command.command(short_help="Show every attempt at a callback.")
@click.argument("task")
@json_option
@shared_options()
@pass_given
def show(given: Given, task: str, *, as_json: bool) -> None:
    """Show a callback and every attempt at it: when, how long, what was answered.

    TASK is the id of its task or the beginning of it, or the callback's own id (`msg_` and 32 digits).
    """
    from limner.cli.parts.books import with_books
    from limner.webhooks import service as webhooks

    async def act(database: Database) -> tuple[Message, list[Attempt], str]:
        async with database.transaction() as tx:
            message = await _message(tx, task)
            names = await account_names(tx)
            return message, await webhooks.attempts(tx, message_id=message.id), names[message.account_id]

    message, attempts, account = with_books(given.settings(), act)
    if as_json:
        write_json({**_record(message, account=account), "tries": [_attempt_record(one) for one in attempts]})
        return
    for line in _lines(message, attempts, account=account):
        click.echo(line)


def _lines(message: Message, attempts: Sequence[Attempt], *, account: str) -> Iterator[str]:
    from limner.webhooks.rules import shown_id

    yield fact("Callback", click.style(shown_id(message.id), bold=True))
    yield fact("Task", str(message.task_id))
    yield fact("Account", account)
    yield from facts("Status", _standing(message))
    yield fact("To", plain(message.url))
    yield fact("Signed", "as Standard Webhooks" + (", and with the caller's secret" if message.callback_secret else ""))
    for attempt in attempts:
        yield ""
        yield fact(f"Attempt {attempt.number}", f"{shown_moment(attempt.started_at)}, {attempt.seconds:.2f} s")
        if attempt.status_code is not None:
            good = 200 <= attempt.status_code < 300  # noqa: PLR2004 - the range that HTTP calls success
            yield fact("", click.style(f"answered {attempt.status_code}", fg="green" if good else "red"))
        else:
            yield fact("", click.style(plain(attempt.error or ""), fg="red"))
        lines = [*passage("", attempt.answer)] if attempt.answer else []
        yield from lines[:_ANSWER_LINES]
        if len(lines) > _ANSWER_LINES:
            yield fact("", click.style(f"({len(lines) - _ANSWER_LINES} lines more: --json has them)", dim=True))


def _standing(message: Message) -> Iterator[str]:
    match message.status:
        case "held":
            yield "held until the task has ended"
        case "waiting":
            assert message.next_at is not None
            which = "next" if message.attempts else "first"
            yield state("waiting", f"for its {which} attempt, at {shown_moment(message.next_at)}")
        case "delivered":
            yield state("delivered", f"at {shown_moment(message.ended_at)}")
        case "failed":
            yield state("failed", f"at {shown_moment(message.ended_at)}: it is tried no more")
            yield f"`limner webhooks resend {message.task_id}` tries it again"
        case "paused":
            yield state("paused", f"since {shown_moment(message.ended_at)}, with its receiver")
            yield f"`limner webhooks resend {message.task_id}` tries it again"


@command.command(short_help="List who is called back, and how they answer.")
@click.option("--account", metavar="NAME", help="Only this account's.")
@json_option
@shared_options()
@pass_given
def receivers(given: Given, account: str | None, *, as_json: bool) -> None:
    """List the receivers of callbacks: whether they answer well, since when they do not, which are paused.

    A receiver is a scheme, host and port, as one account knows it. One that has answered nothing well for
    `webhooks.pause_days` (5) is paused: nothing is sent to it until it is resumed.
    """
    from limner.cli.parts.books import with_books
    from limner.webhooks import service as webhooks

    async def act(database: Database) -> tuple[list[Endpoint], Mapping[UUID, str], datetime]:
        async with database.transaction() as tx:
            account_id = await account_id_of(tx, account)
            found = await webhooks.endpoints(tx, account_id=account_id)
            return found, await account_names(tx), await database.now()

    found, names, now = with_books(given.settings(), act)
    if as_json:
        write_json(
            [
                {
                    "receiver": one.origin,
                    "account": names[one.account_id],
                    "state": _state_of(one),
                    "failing_since": _iso(one.failing_since),
                    "last_success_at": _iso(one.last_success_at),
                    "paused_at": _iso(one.paused_at),
                }
                for one in found
            ]
        )
        return
    write_table(
        [
            {
                "receiver": _shown_origin(one.origin),
                "account": names[one.account_id],
                "state": state(_state_of(one)),
                "last success": _ago(one.last_success_at, now) or "never",
                "failing since": _ago(one.failing_since, now),
                "paused": _ago(one.paused_at, now),
            }
            for one in found
        ],
        narrow={"account"},
        nothing="Nobody has been called back yet.",
    )
    if any(one.paused_at is not None for one in found):
        click.echo("\n`limner webhooks resume RECEIVER` opens a paused one again.")


def _ago(moment: datetime | None, now: datetime) -> str:
    return f"{shown_span(now - moment)} ago" if moment else ""


def _state_of(endpoint: Endpoint) -> str:
    if endpoint.paused_at is not None:
        return "paused"
    return "good" if endpoint.failing_since is None else "failing"


# sending again ----------------------------------------------------------------------------------------------------------


@command.command(short_help="Send callbacks again.")
@click.argument("tasks", nargs=-1, required=True, metavar="TASK...")
@shared_options()
@pass_given
def resend(given: Given, tasks: tuple[str, ...]) -> None:
    """Send callbacks again, from the first attempt on and under the same id, whatever became of them.

    Each TASK is the id of a callback's task or the beginning of it, or the callback's own id (`msg_` and 32 digits). A receiver that
    is paused is opened again.
    """
    from limner.cli.parts.books import with_books
    from limner.domain.problem import Problem
    from limner.webhooks import service as webhooks

    async def act(database: Database) -> int:
        failed = 0
        for name in tasks:
            try:
                async with database.transaction() as tx:
                    message = await _message(tx, name)
                    await webhooks.resend(tx, id_=message.id, now=await database.now())
            except Problem as problem:
                failed += failed_in_part(name, problem.message)
            else:
                click.echo(f"The callback of {message.task_id} is sent again, to {_shown_origin(message.origin)}.")
        return failed

    if with_books(given.settings(), act):
        click.get_current_context().exit(1)


@command.command(short_help="Send again what has failed.")
@click.option("--since", type=Earlier(), required=True, help="From then on: a span ago (2h, 5d) or a date, UTC.")
@click.option("--account", metavar="NAME", help="Only this account's.")
@click.option("--receiver", metavar="URL", help="Only those to this scheme, host and port.")
@shared_options()
@pass_given
def recover(given: Given, *, since: datetime, account: str | None, receiver: str | None) -> None:
    """Send again all callbacks that have failed or were paused since then, after a receiver was mended.

    Receivers that are paused are opened again.
    """
    from limner.cli.parts.books import with_books
    from limner.webhooks import service as webhooks

    origin = _origin(receiver)

    async def act(database: Database) -> int:
        async with database.transaction() as tx:
            account_id = await account_id_of(tx, account)
            now = await database.now()
            return len(await webhooks.recover(tx, since=since, now=now, account_id=account_id, origin=origin))

    count = with_books(given.settings(), act)
    if count == 0:
        click.echo(f"No callback has failed since {shown_moment(since)}.")
    else:
        click.echo(f"{count} callback{'s are' if count > 1 else ' is'} sent again.")


@command.command(short_help="Open a paused receiver again.")
@click.argument("receiver")
@click.option("--account", metavar="NAME", help="Only for this account; without it, for all that know it.")
@shared_options()
@pass_given
def resume(given: Given, receiver: str, account: str | None) -> None:
    """Open a receiver again that is paused; RECEIVER is its address, of which scheme, host and port count.

    What was paused with it stays so until it is recovered.
    """
    from limner.cli.parts.books import with_books
    from limner.webhooks import service as webhooks

    origin = _origin(receiver)
    assert origin is not None

    async def act(database: Database) -> int:
        async with database.transaction() as tx:
            found = await webhooks.endpoints(tx, account_id=await account_id_of(tx, account))
            paused = [one for one in found if one.origin == origin]
            if not paused:
                raise Trouble(
                    f"nobody was called back at {_shown_origin(origin)}: `limner webhooks receivers` shows who was"
                )
            return sum([await webhooks.resume(tx, account_id=one.account_id, origin=origin) for one in paused])

    if with_books(given.settings(), act) == 0:
        click.echo(f"{_shown_origin(origin)} was not paused.")
        return
    click.echo(f"{_shown_origin(origin)} is open again.")
    click.echo(
        f"`limner webhooks recover --since 7d --receiver {_shown_origin(origin)}` sends what was paused meanwhile."
    )


# what signs -------------------------------------------------------------------------------------------------------------


@command.command(short_help="Show what signs an account's callbacks.")
@click.option("--account", metavar="NAME", default="owner", show_default=True, help="Whose callbacks.")
@click.option("--rotate", is_flag=True, help="Make a new one; the old one signs along for a day.")
@shared_options()
@pass_given
def secret(given: Given, account: str, *, rotate: bool) -> None:
    """Show the secret that signs an account's callbacks, for whoever verifies them (Standard Webhooks).

    It alone goes to standard output, so that a script can catch it.
    """
    from limner.accounts import service as accounts
    from limner.cli.parts.books import with_books
    from limner.kit.ids import uuid7
    from limner.webhooks import service as webhooks
    from limner.webhooks.rules import SECRET_BYTES, shown_secret

    async def act(database: Database) -> tuple[bytes, datetime]:
        async with database.transaction() as tx:
            owner = await accounts.account_called(tx, name=account)
            now = await database.now()
            make = webhooks.rotate if rotate else webhooks.ensure_secret
            noise = secrets.token_bytes(SECRET_BYTES)
            return await make(tx, id_=uuid7(), account_id=owner.id, noise=noise, now=now), now

    found, now = with_books(given.settings(), act, make=True)
    if rotate:
        until = shown_moment(now + webhooks.KEEPS_SIGNING)
        click.echo(f"A new secret for {account}. The old one signs along until {until}.", err=True)
    click.echo(shown_secret(found))


# what all need ----------------------------------------------------------------------------------------------------------


async def _message(tx: Tx, name: str) -> Message:
    """The callback that a task's id, its beginning, or the callback's own id stands for."""
    from limner.tasks import service as tasks
    from limner.webhooks import service as webhooks

    own = _MESSAGE.fullmatch(name.strip().lower())
    if own:
        return await webhooks.message(tx, id_=UUID(own[1]))
    task = await tasks.task_like(tx, prefix=name)
    found = await webhooks.messages(tx, task_id=task.id, count=1)
    if not found:
        raise webhooks.NoSuchMessage(f"the task {task.id} was asked for without a callback")
    return found[0]


def _origin(url: str | None) -> str | None:
    """Scheme, host and port, as receivers are known by. Raises a click error for what is no address."""
    from limner.domain.problem import InvalidValue
    from limner.webhooks.rules import origin_of

    if url is None:
        return None
    try:
        return origin_of(url)
    except InvalidValue:
        raise click.BadParameter(f"'{url}' is not an address like https://example.com", param_hint="RECEIVER") from None


def _shown_origin(origin: str) -> str:
    """Without a port that goes without saying."""
    scheme, _, _ = origin.partition(":")
    port = _DEFAULT_PORTS[scheme == "https"]
    return origin.removesuffix(port)


def _record(message: Message, *, account: str) -> dict[str, object]:
    from limner.webhooks.rules import shown_id

    return {
        "id": shown_id(message.id),
        "task_id": message.task_id,
        "account": account,
        "url": message.url,
        "receiver": message.origin,
        "status": message.status,
        "attempts": message.attempts,
        "created_at": message.created_at.isoformat(),
        "next_at": _iso(message.next_at),
        "ended_at": _iso(message.ended_at),
    }


def _attempt_record(attempt: Attempt) -> dict[str, object]:
    return {
        "number": attempt.number,
        "started_at": attempt.started_at.isoformat(),
        "seconds": round(attempt.seconds, 3),
        "status_code": attempt.status_code,
        "answer": attempt.answer,
        "error": attempt.error,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None
