"""A task from the queue, from taking it in hand to its end: what a worker does."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta
from uuid import UUID

from limner.db.steps import FORGIVING
from limner.domain.problem import Problem
from limner.domain.spec import Partial, Spec
from limner.engines import EngineBusy, EngineUnavailable
from limner.flow import spans
from limner.flow.generate import Broken, log_failure, may_lie_about, settled
from limner.flow.hands import Hand, TaskCancelled
from limner.flow.house import House
from limner.flow.perform import Performed, perform
from limner.flow.settle import pass_on, settle_badly
from limner.flow.stage import Keeps
from limner.kit.logs import event
from limner.storage import StorageFailed
from limner.tasks import service as tasks
from limner.tasks.models import Task

_log = logging.getLogger(__name__)
_BUSY_SECONDS = 2.0
_BUSY_SECONDS_MAX = 60.0


async def work(house: House, *, task_id: UUID) -> float | None:
    """Perform a task if it is to be performed. Seconds after which somebody should look again; None: nobody need.

    Cancelled (the node stops), it puts the task back into the queue. What goes wrong with the task is the task's; what is
    raised (the database is away) leaves it as it is, to be begun again when its lease is over.
    """
    now = house.clock.now()
    step = tasks.begin(
        id_=task_id,
        node_id=house.node_id,
        until=now + timedelta(seconds=house.queue_policy.lease_seconds),
        now=now,
    )
    # Undone, it would be in the queue as before, and would not let itself be ended by us.
    _, task = await house.database.together(FORGIVING, step, order=(task_id,))
    if task is None or not task.is_open:
        return None
    if task.node_id is None:
        assert task.lease_until is not None, "a task in other hands has a lease"
        return max(0.5, (task.lease_until - now).total_seconds())
    house.news.tell(task.id, "running")
    with spans.performing(house, task, kind="consumer"), house.hands.holding(task.id) as hand:
        if task.cancel_asked_at is not None:
            hand.tell("cancel")
        try:
            return await _worked(house, task, hand)
        except Problem as problem:
            log_failure(problem, task=task)
            if isinstance(problem, tasks.TaskEnded):
                return None
            raise


async def _worked(house: House, task: Task, hand: Hand) -> float | None:
    if task.begun > house.queue_policy.attempts_max:
        await _ended(house, task, trouble=given_up(times=task.begun - 1), leftovers=True)
        return None
    started = time.perf_counter()
    spec = Spec.of(prompt=task.request["prompt"], choices=task.choices)
    try:
        performed = await hand.stoppable(perform(house, task=task, spec=spec, audience=_Audience(house, task)))
    except asyncio.CancelledError:
        await asyncio.shield(_hand_back(house, task))
        raise
    except TaskCancelled as cancelled:
        await _ended(house, task, trouble=cancelled, leftovers=True)
        return None
    except Problem:
        raise
    except Exception:  # noqa: BLE001 - a bug: it is said out loud, and the task ends
        _log.exception("task.broke", extra={"fields": {"task_id": task.id, "trace_id": task.trace_id}})
        broken = Broken("something went wrong on the server; nothing was charged")
        await _ended(house, task, trouble=broken, leftovers=True)
        return None
    if performed.passed_on:
        await pass_on(house, task, performed=performed)
        return None
    if not performed.count:
        return await _came_to_nothing(house, task, performed)
    await settled(house, task=task, performed=performed)
    event(
        _log,
        "task.finished",
        task_id=task.id,
        model=task.model,
        pictures=performed.count,
        wanted=spec.n,
        seconds=time.perf_counter() - started,
        trace_id=task.trace_id,
    )
    return None


async def _came_to_nothing(house: House, task: Task, performed: Performed) -> float | None:
    trouble = performed.trouble
    assert trouble is not None
    passes = isinstance(trouble, (EngineBusy, EngineUnavailable, StorageFailed))
    if passes and (isinstance(trouble, EngineBusy) or task.begun < house.queue_policy.attempts_max):
        await _hand_back(house, task, counts=not isinstance(trouble, EngineBusy))
        return min(max(_BUSY_SECONDS, trouble.retry_after_seconds or 0.0), _BUSY_SECONDS_MAX)
    await _ended(house, task, trouble=trouble, leftovers=may_lie_about(performed), performed=performed)
    return None


async def _ended(
    house: House, task: Task, *, trouble: Problem, leftovers: bool, performed: Performed | None = None
) -> None:
    await settle_badly(house, task, trouble=trouble, leftovers=leftovers, performed=performed)
    log_failure(trouble, task=task)
    house.tracer.fail(trouble.code)


async def _hand_back(house: House, task: Task, *, counts: bool = False) -> None:
    step = tasks.hand_back(id_=task.id, node_id=house.node_id, counts=counts)
    await house.database.together(step, order=(task.id,))
    event(_log, "task.handed_back", task_id=task.id, trace_id=task.trace_id)


def given_up(*, times: int) -> tasks.TaskEnded:
    """Why a task is not begun once more."""
    return tasks.TaskEnded(
        f"the task was begun {times} times and the worker that had it disappeared each time; nothing was charged"
    )


class _Audience:
    """Tells everybody: those on this node at once, as they are told of the end; through the database all others, too.

    Otherwise the end would overtake, on this node, what was shown right before it. A partial picture comes with the number
    of the beginning that it is of: one of an earlier worker may still be on its way when the next one shows its first.
    """

    def __init__(self, house: House, task: Task) -> None:
        self._house, self._task = house, task

    wants_bytes = False

    async def progress(self, share: float) -> None:
        async with self._house.database.statement() as tx:
            await tasks.tell_progress(
                tx, id_=self._task.id, node_id=self._house.node_id, share=min(1.0, max(0.0, share))
            )
        self._house.news.tell(self._task.id, f"progress {min(1.0, max(0.0, share))}")

    async def partial(self, partial: Partial, *, keep: Keeps) -> None:
        name = await keep(partial)
        async with self._house.database.statement() as tx:
            await tasks.tell_partial(tx, id_=self._task.id, name=name, begun=self._task.begun)
        self._house.news.tell(self._task.id, f"partial {name} {self._task.begun}")
