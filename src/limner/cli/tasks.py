"""`limner tasks`: what was asked for, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from limner.cli.parts.facts import fact, facts, passage, state
from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.names import account_id_of, account_names, shorter
from limner.cli.parts.table import json_option, plain, write_json, write_table
from limner.cli.parts.trouble import Trouble, failed_in_part
from limner.cli.parts.values import Earlier, shown_moment, shown_span
from limner.domain.ask import as_sent

if TYPE_CHECKING:
    from uuid import UUID

    from limner.accounts.models import Account, ApiKey
    from limner.attempts.models import KeptAttempt
    from limner.db import Database
    from limner.flow.history import Place
    from limner.flow.house import House
    from limner.images.models import StoredImage
    from limner.tasks.models import Task
    from limner.webhooks.models import Attempt, Message

_STATUSES: Final = ("queued", "running", "succeeded", "failed", "cancelled", "expired")
_TENTHS_BELOW: Final = 100


@click.group(subcommand_metavar="COMMAND ...", short_help="List, cancel and retry tasks.")
def command() -> None:
    """List, show, cancel and retry tasks: everything that was asked for is one."""


# looking ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    tasks: list[Task]
    names: Mapping[UUID, str]
    now: datetime


@command.command("list", short_help="List tasks, newest first.")
@click.option(
    "--status",
    type=click.Choice(_STATUSES),
    metavar="STATUS",
    multiple=True,
    help=f"Only {', '.join(_STATUSES[:-1])} or {_STATUSES[-1]} ones; may be given again.",
)
@click.option("--account", metavar="NAME", help="Only this account's.")
@click.option("--engine", metavar="NAME", help="Only this engine's.")
@click.option("--model", metavar="NAME", help="Only this model's.")
@click.option("--since", type=Earlier(), help="Only those from then on: a span ago (2h, 5d) or a date, UTC.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), metavar="NUMBER", default=20, help="How many at most; without it, 20."
)
@json_option
@shared_options()
@pass_given
def list_(
    given: Given,
    *,
    status: tuple[str, ...],
    account: str | None,
    engine: str | None,
    model: str | None,
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List tasks, newest first.

    TASK is the beginning of its id, as long as it must be to tell the listed ones apart; `limner tasks show` takes it.

    \b
    For example:
      limner tasks list --status queued --status running
      limner tasks list --status failed --since 2h --account grace
    """  # noqa: D301 - click's \b keeps the lines apart
    from limner.cli.parts.books import with_books
    from limner.tasks.models import Filter

    which = Filter(statuses=status or None, model=model, engine=engine, created_from=since)

    async def act(database: Database) -> _Listed:
        return await _found(database, account=account, which=which, limit=limit)

    listed = with_books(given.settings(), act)
    if as_json:
        write_json([_record(task, account=listed.names[task.account_id]) for task in listed.tasks])
        return
    short = shorter([task.id for task in listed.tasks])
    write_table(
        [_row(task, listed, short=short[task.id]) for task in listed.tasks],
        right={"age", "seconds"},
        narrow={"model", "engine", "account", "note"},
        nothing="No task is like that." if any((status, account, engine, model, since)) else "There are no tasks yet.",
    )


async def _found(database: Database, *, account: str | None, which: Any, limit: int) -> _Listed:
    from limner.tasks import service as tasks

    async with database.transaction() as tx:
        return _Listed(
            tasks=await tasks.tasks(tx, account_id=await account_id_of(tx, account), which=which, count=limit),
            names=await account_names(tx),
            now=await database.now(),
        )


def _row(task: Task, listed: _Listed, *, short: str) -> dict[str, str]:
    return {
        "task": short,
        "status": state(_status(task), _percent(task)),
        "model": task.model,
        "engine": task.engine,
        "account": listed.names[task.account_id],
        "age": shown_span(listed.now - task.created_at),
        "seconds": _seconds(task, now=listed.now),
        "note": _note(task),
    }


def _status(task: Task) -> str:
    return task.status if task.expired_at is None else "expired"


def _percent(task: Task) -> str:
    return f"{task.progress:.0%}" if task.status == "running" and task.progress else ""


def _seconds(task: Task, *, now: datetime) -> str:
    if task.started_at is None:
        return ""
    seconds = max(timedelta(), (task.finished_at or now) - task.started_at).total_seconds()
    return f"{seconds:.1f}" if seconds < _TENTHS_BELOW else f"{seconds:.0f}"


def _note(task: Task) -> str:
    """What is out of the ordinary: why it failed, how often it was begun, that it is being stopped."""
    parts = []
    if task.is_open and task.cancel_asked_at is not None:
        parts.append("being cancelled")
    if task.error_code is not None and task.status == "failed":
        parts.append(task.error_code)
    if task.begun > 1:
        parts.append(f"begun {task.begun} times")
    return ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    task: Task
    account: Account
    key: ApiKey
    place: Place | None
    images: Sequence[StoredImage]
    links: Sequence[str]
    message: Message | None
    attempts: Sequence[Attempt]
    tried: Sequence[KeptAttempt]
    now: datetime


@command.command(short_help="Show everything about a task.")
@click.argument("task")
@json_option
@shared_options()
@pass_given
def show(given: Given, task: str, *, as_json: bool) -> None:
    """Show everything about a task; TASK is its id or the beginning of it.

    Links to its pictures are signed now and good for `links.seconds`.
    """
    from limner.cli.parts.reach import with_house

    async def act(house: House) -> _Shown:
        return await _all_about(house, prefix=task)

    shown = with_house(given.settings(looks=True), act)
    if as_json:
        write_json(_whole_record(shown))
        return
    for line in _lines(shown):
        click.echo(line)


async def _all_about(house: House, *, prefix: str) -> _Shown:
    from limner.accounts import service as accounts
    from limner.flow import history
    from limner.flow.deliver import link_to
    from limner.flow.machinery import said_of
    from limner.images import service as images
    from limner.tasks import service as tasks
    from limner.webhooks import service as webhooks

    message: Message | None = None
    attempts: Sequence[Attempt] = ()
    async with house.database.transaction() as tx:
        task = await tasks.task_like(tx, prefix=prefix)
        account = next(one for one in await accounts.accounts(tx) if one.id == task.account_id)
        key = await accounts.key_like(tx, prefix=str(task.api_key_id))
        stored = (await images.images_of(tx, task_ids=[task.id]))[task.id] if task.expired_at is None else []
        for message in await webhooks.messages(tx, task_id=task.id, count=1):
            attempts = await webhooks.attempts(tx, message_id=message.id)
    told = await history.tell(house, account_id=None, task_id=task.id) if task.status == "queued" else None
    return _Shown(
        tried=await said_of(house, task_id=task.id),
        task=task,
        account=account,
        key=key,
        place=told.place if told else None,
        images=stored,
        links=[link_to(house, image.storage_key) for image in stored],
        message=message,
        attempts=attempts,
        now=house.clock.now(),
    )


def _lines(shown: _Shown) -> Iterator[str]:
    task = shown.task
    yield fact("Task", click.style(str(task.id), bold=True))
    yield from facts("Status", _standing(shown))
    if task.error_message is not None:
        yield from passage("Reason", f"{task.error_message} ({task.error_code})")
    yield fact("Account", f"{shown.account.name}, by the key {shown.key.prefix}... ({shown.key.name})")
    how = "asynchronous" if task.is_async else "synchronous"
    yield fact("Asked for", f"{_when(task.created_at, shown.now)}, {how}, at {task.prefix}")
    if task.started_at is not None:
        yield fact("Begun", _when(task.started_at, shown.now))
    if task.finished_at is not None:
        after = f", after {_seconds(task, now=shown.now)} s" if task.started_at else ""
        yield fact("Ended", _when(task.finished_at, shown.now) + after)
    yield fact("Cost", _cost(task))
    yield fact("Trace", task.trace_id)
    yield fact("Model", f"{task.model}, on the engine {task.engine}")
    if task.outcome is not None and task.status == "succeeded":
        yield fact("Painted by", plain(_part(task.outcome.engine, task.outcome.part)))
    for number, one in enumerate(shown.tried):
        lost = f", {one.lost_pictures} pictures charged and lost" if one.lost_pictures else ""
        what = f"{_part(one.engine, one.part)}: {one.cause} after {one.seconds:.1f} s{lost}: {one.said}"
        yield from passage("" if number else "Tried", what)
    for warning in task.outcome.warnings if task.outcome else ():
        yield from passage("Note", warning)
    yield from passage("Prompt", str(task.request.get("prompt", "")))
    others = {name: value for name, value in as_sent(task.request).items() if name not in {"prompt", "model"}}
    if others:
        yield from passage("Request", ", ".join(f"{name}: {value}" for name, value in others.items()))
    for number, (image, link) in enumerate(zip(shown.images, shown.links, strict=True)):
        seed = "" if image.seed is None else f", seed {image.seed}"
        size = f"{image.width}x{image.height}, {image.media_type}, {image.bytes / 1000:,.0f} kB{seed}"
        yield from facts("" if number else "Pictures", [size, link])
    if shown.message is not None:
        yield from facts("Callback", _callback(shown, shown.message))


def _part(engine: str, part: str | None) -> str:
    return engine if part is None else f"{engine}/{part}"


def _standing(shown: _Shown) -> Iterator[str]:
    task, place = shown.task, shown.place
    times = f"begun {task.begun} times" if task.begun > 1 else ""
    asked = "being cancelled" if task.is_open and task.cancel_asked_at else ""
    yield state(_status(task), ", ".join(part for part in (_percent(task), times, asked) if part))
    if place is not None:
        soon = f", may begin in about {place.seconds:.0f} s" if place.seconds is not None else ""
        yield f"{place.ahead} ahead of it in the queue{soon}"


def _callback(shown: _Shown, message: Message) -> Iterator[str]:
    yield plain(message.url)
    count = f"{message.attempts} attempt{'s' if message.attempts != 1 else ''}"
    match message.status:
        case "held":
            yield "sent when the task has ended"
        case "waiting":
            assert message.next_at is not None
            after = f"after {count}; the next one" if message.attempts else "for its first attempt,"
            yield state("waiting", f"{after} at {shown_moment(message.next_at)}")
        case status:
            yield state(status, f"after {count}, {_when(message.ended_at, shown.now)}")
    if shown.attempts:
        last = shown.attempts[-1]
        said = f"answered {last.status_code}" if last.status_code is not None else last.error or ""
        yield plain(f"last: {said}")
        yield f"`limner webhooks show {shown.task.id}` shows every attempt"


def _when(moment: datetime | None, now: datetime) -> str:
    return f"{shown_moment(moment)}, {shown_span(now - moment)} ago" if moment else ""


def _cost(task: Task) -> str:
    from limner.domain.money import in_credits

    if task.is_open:
        return f"{in_credits(task.held)} credits held"
    return f"{in_credits(task.charged or 0)} credits"


# acting -----------------------------------------------------------------------------------------------------------------


@command.command(short_help="Cancel tasks, free of charge.")
@click.argument("tasks", nargs=-1, required=True, metavar="TASK...")
@shared_options()
@pass_given
def cancel(given: Given, tasks: tuple[str, ...]) -> None:
    """Cancel tasks; each TASK is an id or the beginning of one. Nothing is charged for them.

    One that waits is cancelled at once; one that is being performed is stopped by whoever has it in hand.
    """
    from limner.cli.parts.reach import with_house
    from limner.domain.problem import Problem
    from limner.flow.cancel import cancel as cancel_task
    from limner.tasks import service as task_room

    async def act(house: House) -> int:
        failed = 0
        for prefix in tasks:
            try:
                async with house.database.statement() as tx:
                    found = await task_room.task_like(tx, prefix=prefix)
                after = await cancel_task(house, task_id=found.id, account_id=None)
            except Problem as problem:
                failed += failed_in_part(prefix, problem.message)
            else:
                click.echo(f"{found.id} {_cancelled(after)}")
        return failed

    if with_house(given.settings(looks=True), act):
        click.get_current_context().exit(1)


def _cancelled(task: Task) -> str:
    if task.status == "cancelled":
        return "is cancelled; nothing was charged."
    return "is being stopped." if task.is_open else f"has {task.status} before it could be stopped."


@command.command(short_help="Ask for a task again.")
@click.argument("task")
@shared_options()
@pass_given
def retry(given: Given, task: str) -> None:
    """Ask again for a task that failed or was cancelled; TASK is its id or the beginning of it.

    It becomes a new task of the same account and key, with the same request, callback and trace id, and is charged as
    one: it is refused when credits are short or the key is switched off. The old one stays as it is.
    """
    from limner.cli.parts.reach import with_house

    async def act(house: House) -> tuple[Task, Task]:
        return await _retried(house, prefix=task)

    old, new = with_house(given.settings(looks=True), act)
    click.echo(f"{old.id} is asked for again; the new task's id is", err=True)
    click.echo(str(new.id))


async def _retried(house: House, *, prefix: str) -> tuple[Task, Task]:
    from limner.accounts import service as accounts
    from limner.flow.retry import retry as ask_again
    from limner.tasks import service as tasks

    async with house.database.statement() as tx:
        old = await tasks.task_like(tx, prefix=prefix)
        key = await accounts.key_like(tx, prefix=str(old.api_key_id))
    try:
        return old, await ask_again(house, task_id=old.id, account_id=None)
    except (accounts.DisabledKey, accounts.ExpiredKey):
        raise Trouble(_no_key(key)) from None


def _no_key(key: ApiKey) -> str:
    which = f"the key that asked for it, {key.prefix}... ({key.name}),"
    if key.disabled_at is not None:
        return f"{which} is switched off: `limner keys enable {key.prefix}` first"
    if key.expires_at is not None:
        return f"{which} expired at {shown_moment(key.expires_at)}: a task is asked for again by the same key only"
    return f"{which} belongs to an account that is suspended"


# for programs -----------------------------------------------------------------------------------------------------------


def _record(task: Task, *, account: str) -> dict[str, object]:
    from limner.domain.money import in_credits

    return {
        "id": task.id,
        "status": _status(task),
        "progress": task.progress,
        "kind": task.kind,
        "model": task.model,
        "engine": task.engine,
        "account": account,
        "api_key_id": task.api_key_id,
        "trace_id": task.trace_id,
        "async": task.is_async,
        "begun": task.begun,
        "created_at": task.created_at.isoformat(),
        "started_at": _iso(task.started_at),
        "finished_at": _iso(task.finished_at),
        "cancel_asked_at": _iso(task.cancel_asked_at),
        "expired_at": _iso(task.expired_at),
        "held": in_credits(task.held),
        "charged": None if task.charged is None else in_credits(task.charged),
        "error": None if task.error_code is None else {"code": task.error_code, "message": task.error_message},
    }


def _whole_record(shown: _Shown) -> dict[str, object]:
    from limner.web.dialects.images import outcomes

    place, message = shown.place, shown.message
    return {
        **_record(shown.task, account=shown.account.name),
        "request": as_sent(shown.task.request),
        **outcomes.of_task(shown.task),
        "tried": [
            {
                "engine": one.engine,
                "part": one.part,
                "cause": one.cause,
                "seconds": one.seconds,
                "said": one.said,
                "lost_pictures": one.lost_pictures,
            }
            for one in shown.tried
        ],
        "place": None if place is None else {"ahead": place.ahead, "seconds": place.seconds},
        "pictures": [
            {
                "url": link,
                "media_type": image.media_type,
                "bytes": image.bytes,
                "width": image.width,
                "height": image.height,
                "seed": image.seed,
                "revised_prompt": image.revised_prompt,
            }
            for image, link in zip(shown.images, shown.links, strict=True)
        ],
        "callback": None
        if message is None
        else {
            "url": message.url,
            "status": message.status,
            "attempts": message.attempts,
            "next_at": _iso(message.next_at),
            "ended_at": _iso(message.ended_at),
        },
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
