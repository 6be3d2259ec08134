"""What an account has used, for its pages; and its tasks one by one, as a table for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from limner.accounts import service as accounts
from limner.domain.money import in_credits
from limner.domain.problem import InvalidValue
from limner.flow.house import House
from limner.tasks import service as tasks
from limner.tasks.models import Filter, Task
from limner.usage import service as usage_book
from limner.usage.models import Step, Usage, Used

DAYS_MAX: Final = 366
_ROWS_TOGETHER: Final = 1000
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_COLUMNS: Final = (
    "task_id",
    "created_at",
    "finished_at",
    "seconds",
    "status",
    "error_code",
    "model",
    "size",
    "quality",
    "pictures_asked",
    "credits",
    "key",
    "kind",
    "trace_id",
)
_BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From `since` until before `until` (UTC), counted by the hour or by the day; `now` is in its last step."""

    step: Step
    since: datetime
    until: datetime

    @property
    def steps(self) -> list[datetime]:
        """When each hour or day of it begins, oldest first."""
        each = _HOUR if self.step == "hour" else _DAY
        return [self.since + each * number for number in range((self.until - self.since) // each)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an account used in a span.

    `steps`: every hour or day, also those with nothing. `names`: what the account calls the keys that it has ever had.
    `living`: those of them that it has not deleted.
    """

    span: Span
    usage: Usage
    steps: Sequence[tuple[datetime, Used]]
    names: Mapping[UUID, str]
    living: frozenset[UUID]


def last_days(days: int, *, now: datetime) -> Span:
    """The span of so many days (UTC) that ends with today; one day is told by the hour, and is the last 24 of them.

    Raises `InvalidValue` unless it is 1 to 366 days.
    """
    if not 1 <= days <= DAYS_MAX:
        raise InvalidValue(f"usage is told for 1 to {DAYS_MAX} days", param="days")
    if days == 1:
        until = now.replace(minute=0, second=0, microsecond=0) + _HOUR
        return Span(step="hour", since=until - _DAY, until=until)
    until = now.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
    return Span(step="day", since=until - days * _DAY, until=until)


async def report(house: House, *, account_id: UUID, span: Span) -> Report:
    """What the account used in that span, to the moment."""
    async with house.database.transaction() as tx:
        found = await usage_book.usage(tx, account_id=account_id, step=span.step, since=span.since, until=span.until)
        ever = await accounts.keys_of(tx, account_id=account_id, and_deleted=True)
        living = frozenset(key.id for key in await accounts.keys_of(tx, account_id=account_id))
    nothing = Used()
    steps = [(begins_at, found.steps.get(begins_at, nothing)) for begins_at in span.steps]
    names = {key.id: key.name for key in ever}
    return Report(span=span, usage=found, steps=steps, names=names, living=living)


async def roll_up(house: House) -> int:
    """Add the tasks that have ended to the sums; how many. Any node may, at any time: each task is added once."""
    rolled = 0
    while True:
        async with house.database.statement() as tx:
            count = await usage_book.roll(tx)
        rolled += count
        if count < usage_book.ROLLED_TOGETHER:
            return rolled


async def export(house: House, *, account_id: UUID, span: Span, with_prompts: bool = False) -> AsyncIterator[bytes]:
    """The account's tasks that were made in the span, newest first, as CSV (UTF-8), piece by piece.

    Prompts are in it only if asked for. No cell begins as a formula does: such a one gets a quote before it.
    """
    names: Mapping[UUID, str]
    async with house.database.statement() as tx:
        names = {key.id: key.name for key in await accounts.keys_of(tx, account_id=account_id, and_deleted=True)}
    yield _lines([[*_COLUMNS, *(["prompt"] if with_prompts else [])]])
    before: UUID | None = None
    while True:
        which = Filter(created_from=span.since, created_to=span.until, before=before)
        async with house.database.statement() as tx:
            found = await tasks.tasks(tx, account_id=account_id, which=which, count=_ROWS_TOGETHER)
        if found:
            yield _lines([_row(task, names=names, with_prompt=with_prompts) for task in found])
        if len(found) < _ROWS_TOGETHER:
            return
        before = found[-1].id


def _row(task: Task, *, names: Mapping[UUID, str], with_prompt: bool) -> list[str]:
    choices = task.choices
    size = f"{choices['width']}x{choices['height']}" if "width" in choices else ""
    row = [
        str(task.id),
        task.created_at.isoformat(timespec="milliseconds"),
        task.finished_at.isoformat(timespec="milliseconds") if task.finished_at else "",
        f"{(task.finished_at - task.created_at).total_seconds():.3f}" if task.finished_at else "",
        task.status,
        task.error_code or "",
        task.model,
        size,
        str(choices.get("quality", "")),
        str(task.request.get("n") or 1),
        in_credits(task.charged) if task.charged is not None else "",
        names.get(task.api_key_id, ""),
        task.kind,
        task.trace_id,
    ]
    return [*row, str(task.request.get("prompt", ""))] if with_prompt else row


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([_defused(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _defused(cell: str) -> str:
    """A spreadsheet runs a cell that begins so; with a quote before it, it shows it."""
    return f"'{cell}" if cell.startswith(_BEGINS_A_FORMULA) else cell
