"""How the server does, for whoever runs it: engines, workers, receivers in trouble, storage."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from limner.accounts import service as accounts
from limner.flow.admit import paint_kind
from limner.flow.house import House
from limner.flow.notify import CALLBACK
from limner.images import service as images
from limner.images.models import Kept
from limner.jobs import service as jobs
from limner.tasks import service as tasks
from limner.tasks.models import Ended, Holder, Task
from limner.webhooks import service as webhooks
from limner.webhooks.models import Attempt, Endpoint, Message

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_ERRORS_MAX: Final = 50
_RECEIVERS_MAX: Final = 100
_FAILED_MAX: Final = 100
_ACCOUNTS_MAX: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSeen:
    """An engine, and what it has to do. The figures are of the whole database, `succeeded` and `failed` of the last hour.

    `waiting`: tasks in the queue or in their account's line, `oldest_seconds`: for how long the oldest one.
    `seconds`: what those that succeeded took, on average. `is_here`: this node performs its tasks itself.
    """

    name: str
    is_here: bool
    models: tuple[str, ...]
    waiting: int
    oldest_seconds: float
    running: int
    succeeded: int
    failed: int
    seconds: float | None

    @property
    def is_stuck(self) -> bool:
        """Whether tasks wait although none is performed or was within the hour."""
        return bool(self.waiting) and not self.running and not self.succeeded and not self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """All engines. `holders`: nodes that have tasks in hand; `errors`: what has failed within a day, the last first.

    `names`: what their accounts are called. `callbacks_waiting`: attempts to deliver one that are to be made now.
    """

    engines: Sequence[EngineSeen]
    holders: Sequence[Holder]
    errors: Sequence[Task]
    names: Mapping[UUID, str]
    this_node: UUID
    callbacks_waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSeen:
    """A receiver that answers nothing well. `undelivered`: callbacks that failed or were put aside within a day."""

    endpoint: Endpoint
    account: str
    undelivered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCallback:
    """A callback that was given up or put aside, and the last attempt, if there was one."""

    message: Message
    account: str
    attempt: Attempt | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """Receivers in trouble, and what could not be delivered within a day, the last first; `failed_count` in all."""

    receivers: Sequence[ReceiverSeen]
    failed: Sequence[FailedCallback]
    failed_count: int

    @property
    def paused(self) -> int:
        """How many receivers are paused."""
        return sum(one.endpoint.paused_at is not None for one in self.receivers)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageUsed:
    """What is kept, by the account that has most and by day (UTC). `keep`: for how long; `next_day`: what expires within a day.

    `names`: what those accounts are called.
    """

    total: Kept
    next_day: Kept
    keep: timedelta
    by_account: Mapping[UUID, Kept]
    names: Mapping[UUID, str]
    by_day: Sequence[tuple[datetime, Kept]]


async def engines(house: House) -> Engines:
    """How the engines do."""
    now = house.clock.now()
    async with house.database.statement() as tx:
        depths = {depth.kind: depth for depth in await jobs.depths(tx)}
        open_ = await tasks.counts(tx)
        ended = await tasks.ended_since(tx, since=now - _HOUR)
        holders = await tasks.holders(tx)
        errors = await tasks.failed_since(tx, since=now - _DAY, count=_ERRORS_MAX)
        names = await accounts.names(tx, ids=list({task.account_id for task in errors}))
    counts = {(engine, status): (count, oldest) for engine, status, count, oldest in open_}
    done = {(one.engine, one.status): one for one in ended}
    waits = depths.get(CALLBACK)
    return Engines(
        engines=[
            _engine(
                house,
                name,
                queued=counts.get((name, "queued")),
                running=counts.get((name, "running"), (0, now))[0],
                succeeded=done.get((name, "succeeded")),
                failed=done.get((name, "failed")),
                queue_seconds=depths[paint_kind(name)].oldest_seconds if paint_kind(name) in depths else 0.0,
                now=now,
            )
            for name in sorted({*house.engines, *(engine for engine, _ in counts)})
        ],
        holders=holders,
        errors=errors,
        names=names,
        this_node=house.node_id,
        callbacks_waiting=waits.count if waits else 0,
    )


def _engine(
    house: House,
    name: str,
    *,
    queued: tuple[int, datetime] | None,
    running: int,
    succeeded: Ended | None,
    failed: Ended | None,
    queue_seconds: float,
    now: datetime,
) -> EngineSeen:
    waited = max(0.0, (now - queued[1]).total_seconds()) if queued else 0.0
    return EngineSeen(
        name=name,
        is_here=name in house.performs,
        models=tuple(model.name for model in house.catalog.models() if model.engine == name),
        waiting=queued[0] if queued else 0,
        oldest_seconds=max(waited, queue_seconds) if queued else 0.0,
        running=running,
        succeeded=succeeded.count if succeeded else 0,
        failed=failed.count if failed else 0,
        seconds=succeeded.seconds if succeeded else None,
    )


async def webhooks_in_trouble(house: House) -> Webhooks:
    """Receivers of all accounts that answer nothing well, and what could not be delivered within a day."""
    since = house.clock.now() - _DAY
    async with house.database.statement() as tx:
        endpoints = await webhooks.troubled(tx, count=_RECEIVERS_MAX)
        messages = await webhooks.undelivered(tx, since=since, count=_FAILED_MAX)
        counts = await webhooks.count_undelivered(tx, since=since)
        attempts = await webhooks.last_attempts(tx, message_ids=[message.id for message in messages])
        ids = {endpoint.account_id for endpoint in endpoints} | {message.account_id for message in messages}
        names = await accounts.names(tx, ids=list(ids))
    return Webhooks(
        receivers=[
            ReceiverSeen(
                endpoint=endpoint,
                account=names[endpoint.account_id],
                undelivered=counts.get((endpoint.account_id, endpoint.origin), 0),
            )
            for endpoint in endpoints
        ],
        failed=[
            FailedCallback(message=message, account=names[message.account_id], attempt=attempts.get(message.id))
            for message in messages
        ],
        failed_count=sum(counts.values()),
    )


async def storage_used(house: House, *, days: int = 30) -> StorageUsed:
    """What is kept, and for how long; by day for so many days, the first of them with all that is older."""
    now = house.clock.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    span = [today - _DAY * back for back in reversed(range(days))]
    by_day, by_account = dict.fromkeys(span, Kept()), dict[UUID, Kept]()
    async with house.database.statement() as tx:
        for day, account_id, kept in await images.kept_by_day(tx, since=span[0], until=span[-1]):
            by_day[day] = by_day[day].and_(kept)
            by_account[account_id] = by_account.get(account_id, Kept()).and_(kept)
        next_day = await images.kept(tx, before=now - house.keep + _DAY)
        most = sorted(by_account, key=lambda account_id: by_account[account_id].bytes, reverse=True)[:_ACCOUNTS_MAX]
        names = await accounts.names(tx, ids=most)
    return StorageUsed(
        total=functools.reduce(Kept.and_, by_day.values(), Kept()),
        next_day=next_day,
        keep=house.keep,
        by_account={account_id: by_account[account_id] for account_id in most},
        names=names,
        by_day=list(by_day.items()),
    )
