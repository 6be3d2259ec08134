"""The end of a task: write its pictures down, charge what was delivered, release the rest, call back. One statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from limner.attempts import service as attempts
from limner.attempts.models import Attempt
from limner.credits import service as credit_book
from limner.db import Tx
from limner.db.steps import Step
from limner.domain.problem import Problem
from limner.flow import notify
from limner.flow.admit import paint_kind
from limner.flow.hands import TaskCancelled
from limner.flow.house import House
from limner.flow.perform import Performed
from limner.images import service as images
from limner.images.models import Origin, StoredImage
from limner.jobs import service as jobs
from limner.kit.ids import uuid7
from limner.limits import service as limits
from limner.tasks import service as tasks
from limner.tasks.models import Task
from limner.usage import service as usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """`free`: what the account has free afterwards, in micro-credits. `at`: when the task ended."""

    free: int
    at: datetime


async def settle_well(house: House, *, task: Task, performed: Performed) -> Settled:
    """The task has pictures: charge for each of them.

    Raises `TaskEnded` if the task was given up meanwhile.
    """
    now = house.clock.now()
    charged = task.price * performed.count
    book = _close_book(house, task, charged=charged)
    steps = [
        tasks.succeed(id_=task.id, node_id=house.node_id, charged=charged, outcome=performed.outcome, now=now),
        *_pictures(house, task, performed.images),
        _note(house, task, status="succeeded", pictures=performed.count, charged=charged),
        *_attempts(house, task, performed.attempts),
        *_places(task),
        book,
        *_line(house, task),
        *notify.release(house, task),
    ]
    results = await house.database.together(*steps, order=(task.account_id, task.api_key_id))
    house.news.tell(task.id, "succeeded")
    engine = performed.outcome.engine if performed.outcome else task.engine
    house.measures.task_ended(engine=engine, status="succeeded")
    house.measures.charged(charged)
    return Settled(free=results[steps.index(book)], at=now)


async def settle_badly(
    house: House, task: Task, *, trouble: Problem, leftovers: bool, performed: Performed | None = None
) -> None:
    """The task has nothing to show: charge nothing, keep the reason. `leftovers`: files of it may lie in storage.

    `performed`: what was tried. Raises `TaskEnded` if the task was given up meanwhile.
    """
    async with house.database.statement() as tx:
        await end_badly(
            tx, house, task=task, node_id=house.node_id, trouble=trouble, leftovers=leftovers, performed=performed
        )


async def end_badly(
    tx: Tx,
    house: House,
    *,
    task: Task,
    node_id: UUID | None,
    trouble: Problem,
    leftovers: bool,
    performed: Performed | None = None,
) -> None:
    """The same, in a transaction that is open already. `node_id` None: whoever had it in hand is gone."""
    status: Literal["cancelled", "failed"] = "cancelled" if isinstance(trouble, TaskCancelled) else "failed"
    await tx.together(
        tasks.fail(
            id_=task.id,
            node_id=node_id,
            status=status,
            code=trouble.code,
            message=trouble.message,
            outcome=performed.outcome if performed else None,
            leftovers=leftovers,
            now=house.clock.now(),
        ),
        _note(house, task, status=status, code=trouble.code),
        *_attempts(house, task, performed.attempts if performed else ()),
        *_places(task),
        _close_book(house, task, charged=0),
        *_line(house, task),
        *notify.release(house, task),
    )
    house.news.tell(task.id, status)
    house.measures.task_ended(engine=task.engine, status=status)


async def settle_unbegun(house: House, task: Task, *, trouble: TaskCancelled) -> None:
    """End a task that nobody has begun, free of charge. Raises `TaskEnded` if somebody has."""
    async with house.database.statement() as tx:
        await tx.together(
            tasks.cancel_queued(id_=task.id, code=trouble.code, message=trouble.message, now=house.clock.now()),
            _note(house, task, status="cancelled", code=trouble.code),
            *_places(task),
            _close_book(house, task, charged=0),
            jobs.withdraw(subject_id=task.id, width=house.queue_policy.account_concurrent),
            *notify.release(house, task),
        )
    house.news.tell(task.id, "cancelled")
    house.measures.task_ended(engine=task.engine, status="cancelled")


async def pass_on(house: House, task: Task, *, performed: Performed) -> None:
    """The task's next engine is on other nodes: put it into the queue for them. Whoever waits for it goes on waiting.

    Raises `TaskEnded` if the task was given up meanwhile.
    """
    assert performed.passed_on is not None
    assert performed.outcome is not None, "somebody was tried before"
    async with house.database.transaction() as tx:
        await tx.together(
            tasks.pass_on(id_=task.id, node_id=house.node_id, engine=performed.passed_on, outcome=performed.outcome),
            *_attempts(house, task, performed.attempts),
            jobs.move(kind=paint_kind(performed.passed_on), subject_id=task.id, priority=task.priority),
        )
    house.news.tell(task.id, "queued")


def _pictures(house: House, task: Task, stored: Sequence[StoredImage]) -> list[Step[Any]]:
    if not stored:
        return []
    return [
        images.add(
            task_id=task.id,
            account_id=task.account_id,
            origin=_origin(task),
            images=stored,
            now=house.clock.now(),
        )
    ]


def _attempts(house: House, task: Task, tried: Sequence[Attempt]) -> list[Step[Any]]:
    if not tried:
        return []
    return [
        attempts.note(
            ids=[uuid7() for _ in tried],
            task_id=task.id,
            account_id=task.account_id,
            model=task.model,
            attempts=tried,
            now=house.clock.now(),
        )
    ]


def _origin(task: Task) -> Origin:
    return Origin(
        api_key_id=task.api_key_id,
        model=task.model,
        prompt=task.request["prompt"],
        quality=task.choices.get("quality"),
        style=task.choices.get("style"),
        price=task.price,
    )


def _note(
    house: House, task: Task, *, status: str, code: str | None = None, pictures: int = 0, charged: int = 0
) -> Step[None]:
    return usage.note(
        account_id=task.account_id,
        task_id=task.id,
        api_key_id=task.api_key_id,
        model=task.model,
        status=status,
        error_code=code,
        pictures=pictures,
        charged=charged,
        began_at=task.created_at,
        now=house.clock.now(),
    )


# Rows that many requests share are locked in the same order everywhere: the key's, the account's, the lines'.


def _places(task: Task) -> list[Step[Any]]:
    """Give back the key's place that the task took."""
    return [] if task.is_async else [limits.give_back(api_key_id=task.api_key_id)]


def _line(house: House, task: Task) -> list[Step[Any]]:
    """Let the next one of the account's line go ahead."""
    width = house.queue_policy.account_concurrent
    return [jobs.leave(subject_id=task.id, width=width)] if task.is_async else []


def _close_book(house: House, task: Task, *, charged: int) -> Step[int]:
    return credit_book.settle(
        id_=uuid7(),
        account_id=task.account_id,
        api_key_id=task.api_key_id,
        task_id=task.id,
        held=task.held,
        charged=charged,
        reason=f"pictures by {task.model}" if charged else "nothing to charge",
        now=house.clock.now(),
    )
