"""A synchronous call, from start to end: a task that its caller waits for."""

from __future__ import annotations

import asyncio
import logging
import time
from uuid import UUID

from limner.credits import service as credit_book
from limner.domain.ask import Ask
from limner.domain.principal import Principal
from limner.domain.problem import IdempotencyKeyReused, Problem, kept_problem
from limner.domain.spec import Spec
from limner.flow import spans
from limner.flow.admit import AS_USUAL, Admitted, Terms, admit
from limner.flow.deliver import Delivery, kept_result, result_of
from limner.flow.hands import Hand, TaskCancelled
from limner.flow.house import House
from limner.flow.perform import Performed, TaskTimedOut, perform
from limner.flow.settle import Settled, pass_on, settle_badly, settle_well
from limner.flow.stage import Audience
from limner.flow.wait import until_ended
from limner.kit.logs import event
from limner.storage import FileMissing, StorageFailed
from limner.tasks import service as tasks
from limner.tasks.models import Task

_log = logging.getLogger(__name__)


class Interrupted(Problem):
    """The server was stopped in the middle of it."""

    code = "interrupted"
    status = 503


class StillUnderWay(Problem):
    """The task that was waited for has not ended; it goes on, and can be asked for later."""

    code = "still_under_way"
    status = 504


class Broken(Problem):
    """A bug of ours; what it was is in the log, under the trace id."""

    code = "internal"
    status = 500


async def generate(house: House, *, principal: Principal, ask: Ask, trace_id: str, terms: Terms = AS_USUAL) -> Delivery:
    """Admit, perform, settle, deliver. Raises the `Problem` that stopped it; then nothing was charged.

    A task of an engine that this node does not perform is waited for instead. So is one that the caller's idempotency
    key stands for already: it is answered again, and nothing is made or charged.
    """
    try:
        admitted = await admit(house, principal=principal, ask=ask, trace_id=trace_id, terms=terms)
    except tasks.KeyUsed as used:
        return await repeat(house, used, terms=terms, principal=principal)
    if admitted.task.has_job:
        ended = await waited_for(house, task_id=admitted.task.id)
        return await delivery_of(house, task=ended, admitted=admitted)
    return await generate_here(house, admitted)


async def repeat(house: House, used: tasks.KeyUsed, *, terms: Terms, principal: Principal) -> Delivery:
    """The answer to the task that the key stands for, once that has ended. Raises `IdempotencyKeyReused` if it was another request."""
    check_same(used, terms=terms)
    ended = await waited_for(house, task_id=used.task_id)
    assert ended.account_id == principal.account_id, "keys are kept by account"
    return await delivery_of(house, task=ended, admitted=None)


async def waited_for(house: House, *, task_id: UUID) -> Task:
    """The task, once it has ended. Raises `StillUnderWay` when that takes longer than a task may take."""
    task = await until_ended(house, task_id=task_id, seconds=house.task_seconds)
    if task.is_open:
        raise StillUnderWay(
            f"the task {task_id} is still {task.status} and goes on: ask for it at /v1/images/tasks/{task_id},"
            " or ask asynchronously in the first place"
        )
    return task


def check_same(used: tasks.KeyUsed, *, terms: Terms) -> None:
    """Raises `IdempotencyKeyReused` unless the key was used for this very request."""
    assert terms.claim is not None
    if used.fingerprint != terms.claim.fingerprint:
        raise IdempotencyKeyReused(used.message, param="Idempotency-Key")


async def delivery_of(house: House, *, task: Task, admitted: Admitted | None, with_bytes: bool = False) -> Delivery:
    """The answer of a task that has ended in other hands. Raises the `Problem` that it ended with.

    `with_bytes`: beside the links, where it is one for links.
    """
    if task.status != "succeeded":
        assert task.error_code is not None
        raise kept_problem(code=task.error_code, message=task.error_message or "")
    if task.expired_at is not None:
        raise FileMissing("the task's pictures were kept for as long as they are kept here: paint them again")
    async with house.database.statement() as tx:
        balance = await credit_book.balance(tx, account_id=task.account_id)
    return Delivery(
        result=await kept_result(house, task=task, with_bytes=with_bytes),
        trace_id=task.trace_id,
        charged=task.charged or 0,
        credits_left=balance.free,
        allowance=admitted.allowance if admitted else None,
        is_repeat=admitted is None,
    )


async def generate_here(house: House, admitted: Admitted, *, audience: Audience | None = None) -> Delivery:
    """Perform and settle a task that is in this node's hands, and give its answer. Raises the `Problem` that it came to nothing by."""
    task, spec = admitted.task, admitted.spec
    started = time.perf_counter()
    try:
        with spans.performing(house, task), house.hands.holding(task.id) as hand:
            performed = await performed_or_ended(house, task=task, spec=spec, hand=hand, audience=audience)
            done = None if performed.passed_on else await settled(house, task=task, performed=performed)
    except Problem as problem:
        log_failure(problem, task=task)
        raise
    if done is None:
        ended = await waited_for(house, task_id=task.id)
        return await delivery_of(house, task=ended, admitted=admitted, with_bytes=audience is not None)
    event(
        _log,
        "task.finished",
        level=logging.DEBUG,  # the request's own line follows at once
        task_id=task.id,
        model=task.model,
        pictures=performed.count,
        wanted=spec.n,
        seconds=time.perf_counter() - started,
        trace_id=task.trace_id,
    )
    return Delivery(
        result=result_of(
            house, task=task, spec=spec, performed=performed, ended_at=done.at, with_bytes=audience is not None
        ),
        trace_id=task.trace_id,
        charged=task.price * performed.count,
        credits_left=done.free,
        allowance=admitted.allowance,
    )


def log_failure(problem: Problem, *, task: Task) -> None:
    """One line for a task that came to nothing."""
    cause = {"cause": str(problem.__cause__)[:300]} if problem.__cause__ else {}
    level = logging.WARNING if cause else logging.INFO
    event(_log, "task.failed", level=level, task_id=task.id, code=problem.code, trace_id=task.trace_id, **cause)


async def settled(house: House, *, task: Task, performed: Performed) -> Settled:
    """Settle what was performed."""
    try:
        done = await settle_well(house, task=task, performed=performed)
    except tasks.TaskEnded:
        # The sweeper was quicker, and may have looked for files before the last of ours was stored.
        await _mark_leftovers(house, task)
        raise
    if performed.partials:
        await _mark_leftovers(house, task)
    return done


async def _mark_leftovers(house: House, task: Task) -> None:
    async with house.database.statement() as tx:
        await tasks.mark_leftovers(tx, id_=task.id)


async def performed_or_ended(
    house: House, *, task: Task, spec: Spec, hand: Hand, audience: Audience | None = None
) -> Performed:
    """Perform, and see to it that a task that comes to nothing is ended, whatever stopped it. Raises what did.

    One whose next engine is on other nodes has been passed on to them.
    """
    try:
        performed = await hand.stoppable(perform(house, task=task, spec=spec, audience=audience))
    except asyncio.CancelledError:
        stopped = Interrupted("the server was stopped before the picture was done; nothing was charged")
        await asyncio.shield(settle_badly(house, task, trouble=stopped, leftovers=True))
        raise
    except TaskCancelled as cancelled:
        await settle_badly(house, task, trouble=cancelled, leftovers=True)
        raise
    except tasks.TaskEnded:
        await _mark_leftovers(house, task)
        raise
    except Exception:
        broken = Broken("something went wrong on the server; nothing was charged")
        await settle_badly(house, task, trouble=broken, leftovers=True)
        raise
    if performed.passed_on:
        await pass_on(house, task, performed=performed)
    elif not performed.count:
        assert performed.trouble is not None
        await settle_badly(
            house, task, trouble=performed.trouble, leftovers=may_lie_about(performed), performed=performed
        )
        raise performed.trouble
    return performed


def may_lie_about(performed: Performed) -> bool:
    """Whether files may be in storage that nobody knows of: one may have arrived though its acknowledgement did not."""
    return performed.partials or isinstance(performed.trouble, (TaskTimedOut, StorageFailed))
