"""An asynchronous call: a task that its caller need not wait for."""

from __future__ import annotations

from dataclasses import dataclass

from limner.domain.ask import Ask
from limner.domain.principal import Principal
from limner.flow.admit import Terms, admit
from limner.flow.generate import check_same
from limner.flow.house import House
from limner.flow.wait import look
from limner.limits.models import Allowance
from limner.tasks import service as tasks
from limner.tasks.models import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A task that was accepted, now or (`is_repeat`) when it was asked for first under the same idempotency key."""

    task: Task
    allowance: Allowance | None
    is_repeat: bool


async def submit(house: House, *, principal: Principal, ask: Ask, trace_id: str, terms: Terms) -> Submitted:
    """Let the request in and leave it to the queue. Raises the `Problem` that keeps it out."""
    assert terms.is_async
    try:
        admitted = await admit(house, principal=principal, ask=ask, trace_id=trace_id, terms=terms)
    except tasks.KeyUsed as used:
        check_same(used, terms=terms)
        return Submitted(task=await look(house, task_id=used.task_id), allowance=None, is_repeat=True)
    return Submitted(task=admitted.task, allowance=admitted.allowance, is_repeat=False)
