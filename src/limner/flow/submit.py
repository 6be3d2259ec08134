"""An asynchronous call: a task that its caller does not wait for, or only for a while."""

from __future__ import annotations

from dataclasses import dataclass, replace

from limner.domain.ask import Ask
from limner.domain.principal import Principal
from limner.flow.admit import Terms, admit
from limner.flow.generate import check_same
from limner.flow.house import House
from limner.flow.wait import look, until_ended
from limner.limits.models import Allowance
from limner.tasks import service as tasks
from limner.tasks.models import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A task that was accepted, now or (`is_repeat`) when it was asked for first under the same idempotency key.

    `was_waited_for`: `task` is how it stands after the wait.
    """

    task: Task
    allowance: Allowance | None
    is_repeat: bool
    was_waited_for: bool = False


async def submit(
    house: House,
    *,
    principal: Principal,
    ask: Ask,
    trace_id: str,
    terms: Terms,
    wait_seconds: float = 0,
) -> Submitted:
    """Let the request in and leave it to the queue. With `wait_seconds`, wait so long for it to end.

    Raises the `Problem` that keeps it out; one that it ends with is the task's.
    """
    assert terms.is_async
    try:
        admitted = await admit(house, principal=principal, ask=ask, trace_id=trace_id, terms=terms)
    except tasks.KeyUsed as used:
        check_same(used, terms=terms)
        submitted = Submitted(task=await look(house, task_id=used.task_id), allowance=None, is_repeat=True)
    else:
        submitted = Submitted(task=admitted.task, allowance=admitted.allowance, is_repeat=False)
    if wait_seconds <= 0:
        return submitted
    ended = await until_ended(house, task_id=submitted.task.id, seconds=wait_seconds)
    return replace(submitted, task=ended, was_waited_for=True)
