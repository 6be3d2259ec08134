"""A synchronous call, from start to end: a task that its caller waits for."""

from __future__ import annotations

import asyncio
import logging
import time

from limner.domain.ask import Ask
from limner.domain.principal import Principal
from limner.domain.problem import Problem
from limner.flow.admit import Admitted, admit
from limner.flow.deliver import Delivery, deliver
from limner.flow.house import House
from limner.flow.perform import Performed, TaskTimedOut, perform
from limner.flow.settle import settle_badly, settle_well
from limner.kit.logs import event
from limner.storage import StorageFailed
from limner.tasks import service as tasks

_log = logging.getLogger(__name__)


class Interrupted(Problem):
    """The server was stopped in the middle of it."""

    code = "interrupted"
    status = 503


class Broken(Problem):
    """A bug of ours; what it was is in the log, under the trace id."""

    code = "internal"
    status = 500


async def generate(house: House, *, principal: Principal, ask: Ask, trace_id: str, as_links: bool) -> Delivery:
    """Admit, perform, settle, deliver. Raises the `Problem` that stopped it; then nothing was charged."""
    admitted = await admit(house, principal=principal, ask=ask, trace_id=trace_id)
    house.running.add(admitted.task.id)
    started = time.perf_counter()
    try:
        performed = await _performed(house, admitted)
        if not performed.images:
            assert performed.trouble is not None
            raise performed.trouble
        free = await _settled(house, admitted, performed)
    except Problem as problem:
        cause = {"cause": str(problem.__cause__)[:300]} if problem.__cause__ else {}
        level = logging.WARNING if cause else logging.INFO
        event(_log, "task.failed", level=level, task_id=admitted.task.id, code=problem.code, trace_id=trace_id, **cause)
        raise
    finally:
        house.running.discard(admitted.task.id)
    delivery = deliver(house, admitted, performed, as_links=as_links, credits_left=free)
    event(
        _log,
        "task.finished",
        level=logging.DEBUG,  # the request's own line follows at once
        task_id=admitted.task.id,
        model=admitted.task.model,
        pictures=len(performed.images),
        wanted=admitted.spec.n,
        seconds=time.perf_counter() - started,
        trace_id=trace_id,
    )
    return delivery


async def _settled(house: House, admitted: Admitted, performed: Performed) -> int:
    try:
        return await settle_well(house, admitted, performed)
    except tasks.TaskEnded:
        # The sweeper was quicker, and may have looked for files before the last of ours was stored.
        async with house.database.statement() as tx:
            await tasks.mark_leftovers(tx, id_=admitted.task.id)
        raise


async def _performed(house: House, admitted: Admitted) -> Performed:
    """Perform, and see to it that a task that comes to nothing is ended, whatever stopped it."""
    try:
        performed = await perform(house, admitted)
    except asyncio.CancelledError:
        stopped = Interrupted("the server was stopped before the picture was done; nothing was charged")
        await asyncio.shield(settle_badly(house, admitted.task, trouble=stopped, leftovers=True))
        raise
    except Exception:
        broken = Broken("something went wrong on the server; nothing was charged")
        await settle_badly(house, admitted.task, trouble=broken, leftovers=True)
        raise
    if not performed.images:
        assert performed.trouble is not None
        # A file may have arrived in storage though its acknowledgement did not: late, or lost.
        may_lie_about = isinstance(performed.trouble, (TaskTimedOut, StorageFailed))
        await settle_badly(house, admitted.task, trouble=performed.trouble, leftovers=may_lie_about)
    return performed
