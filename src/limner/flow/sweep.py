"""Puts right what a crash leaves behind, and removes what has been kept for long enough.

A task whose lease has run out and that the queue will not hand on is ended: its hold released, its places given back.
Then whatever lies in storage under its name and in no picture's row is removed. Each step is safe to repeat, and several
nodes may sweep at once.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from limner.attempts import service as attempts
from limner.domain.claim import CLAIMS_LIVE
from limner.domain.problem import Problem
from limner.flow import files
from limner.flow.admit import line_of, paint_kind
from limner.flow.hands import TaskCancelled
from limner.flow.house import House
from limner.flow.leave import empty_deleted
from limner.flow.settle import end_badly
from limner.flow.work import given_up
from limner.images import rules as image_rules
from limner.images import service as images
from limner.inboxes import service as inboxes
from limner.jobs import service as jobs
from limner.kit.clock import SteadyClock
from limner.kit.logs import event
from limner.logins import service as logins
from limner.moderation import service as moderation
from limner.tasks import service as tasks
from limner.tasks.models import Task
from limner.usage import service as usage

_log = logging.getLogger(__name__)
_BATCH: Final = 100
_ATTEMPTS_KEPT: Final = timedelta(days=90)
_STRANDED_AFTER_LEASES: Final = 3


async def extend_leases(house: House) -> None:
    """Say that the tasks in hand are being worked on, and hear which of them are to be stopped."""
    asked = house.hands.ids()
    if asked:
        until = house.clock.now() + timedelta(seconds=house.queue_policy.lease_seconds)
        async with house.database.statement() as tx:
            known = await tasks.extend_leases(tx, ids=asked, node_id=house.node_id, until=until)
        house.hands.compare(known, asked=asked)


async def follow_the_clock(house: House) -> None:
    """Keep time with the database's clock, which all nodes share: leases are promises between them."""
    if isinstance(house.clock, SteadyClock):
        house.clock.follow(await house.database.now())


async def sweep(house: House) -> int:
    """End every abandoned task and remove what lies in storage of ended and expired ones, and of expired files. How many tasks it ended."""
    ended = 0
    while await _end_one(house):
        ended += 1
    await _submit_stranded(house)
    await _clear_leftovers(house)
    await _expire(house)
    await files.expire(house)
    await empty_deleted(house)
    return ended


async def tidy(house: House) -> None:
    """Forget what nobody will ask for: old idempotency keys, the queue's log; inboxes, shares and sessions that ended."""
    async with house.database.statement() as tx:
        await tasks.forget_keys(tx, before=house.clock.now() - CLAIMS_LIVE)
        await jobs.tidy(tx)
        await inboxes.sweep(tx, now=house.clock.now())
        await usage.tidy(tx, now=house.clock.now())
        await images.forget_shares(tx, before=house.clock.now())
        await attempts.tidy(tx, before=house.clock.now() - _ATTEMPTS_KEPT)
        await moderation.tidy(tx, before=house.clock.now() - house.verdicts_kept)
        await logins.tidy(tx, idle=house.accounts_policy.session_idle, now=house.clock.now())


async def _end_one(house: House) -> bool:
    async with house.database.transaction() as tx:
        task = await tasks.next_abandoned(tx, begun_max=house.queue_policy.attempts_max, now=house.clock.now())
        if task is None:
            return False
        await end_badly(tx, house, task=task, node_id=None, trouble=_trouble(task), leftovers=True)
    event(_log, "task.abandoned", level=logging.WARNING, task_id=task.id, trace_id=task.trace_id)
    return True


def _trouble(task: Task) -> Problem:
    if task.cancel_asked_at is not None:
        return TaskCancelled("the task was cancelled; nothing was charged")
    if task.has_job:
        return given_up(times=task.begun)
    return tasks.TaskEnded("the server stopped while it was under way; nothing was charged")


async def _submit_stranded(house: House) -> None:
    """A task without a holder comes back by its job; if that was lost, it gets another."""
    lease = timedelta(seconds=house.queue_policy.lease_seconds)
    async with house.database.transaction() as tx:
        before = house.clock.now() - _STRANDED_AFTER_LEASES * lease
        for task in await tasks.stranded(tx, before=before, count=_BATCH):
            await tx.together(
                jobs.submit(
                    kind=paint_kind(task.engine),
                    subject_id=task.id,
                    priority=task.priority,
                    line=line_of(house, task),
                )
            )


async def _clear_leftovers(house: House) -> None:
    async with house.database.statement() as tx:
        ended = await tasks.with_leftovers(tx, count=_BATCH)
    for task in ended:
        async with house.database.statement() as tx:
            stored = await images.images_of(tx, task_ids=[task.id])
        await _remove(house, task, but={image.storage_key for image in stored[task.id]})
        async with house.database.statement() as tx:
            await tasks.cleared(tx, id_=task.id)


async def _expire(house: House) -> None:
    """Remove the pictures of tasks that have been kept for long enough. Their rows stay."""
    before = house.clock.now() - house.keep
    async with house.database.statement() as tx:
        old = await tasks.kept_too_long(tx, before=before, count=_BATCH)
    for task in old:
        await _remove(house, task, but=set())
        async with house.database.transaction() as tx:
            await tasks.expire(tx, id_=task.id, now=house.clock.now())
            await images.expire(tx, task_id=task.id, now=house.clock.now())
    if old:
        event(_log, "tasks.expired", count=len(old))


async def _remove(house: House, task: Task, *, but: set[str]) -> None:
    prefix = image_rules.storage_prefix(task_id=task.id, created_at=task.created_at)
    async for key in house.storage.keys(prefix):
        if key not in but:
            await house.storage.delete(key)
