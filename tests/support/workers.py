"""A node's work beside its requests, and who waits for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from limner.domain.ask import Ask
from limner.flow.admit import Terms
from limner.flow.house import House
from limner.flow.submit import submit
from limner.flow.wait import until_ended
from limner.tasks.models import Task
from limner.web.dialects.images.render import callback_body
from limner.worker.loops import Duties, working
from support.asks import OTTER
from support.people import Person, until_quiet


@asynccontextmanager
async def at_work(house: House, *, stop_seconds: float = 5, concurrent: int = 8) -> AsyncIterator[None]:
    """The house's loops, for as long as the block runs."""
    duties = Duties(renders=callback_body, stop_seconds=stop_seconds, concurrent=concurrent)
    async with working(house, duties):
        yield
    await until_quiet(house)


async def submitted(
    house: House, person: Person, *, prompt: str = OTTER, terms: Terms | None = None, n: int = 1
) -> Task:
    """Their asynchronous task, accepted."""
    ask = Ask(prompt=prompt, model="dall-e-2", size="256x256", n=n)
    terms = terms or Terms(is_async=True)
    return (await submit(house, principal=person.principal, ask=ask, trace_id="trace-1", terms=terms)).task


async def ended(house: House, task: Task, *, seconds: float = 5) -> Task:
    """The task when it has ended."""
    task = await until_ended(house, task_id=task.id, seconds=seconds)
    assert not task.is_open, f"the task is still {task.status}"
    return task
