"""What is traced of a task, wherever it is performed, and what its callback takes. Names, numbers and codes only."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager

from limner.flow.house import House
from limner.kit.tracing import Kind, Span, origin_of
from limner.tasks.models import Task


def performing(house: House, task: Task, *, kind: Kind = "internal") -> AbstractContextManager[Span]:
    """A task in hand: within the request that asked for it, or, in another process, beside it in the same trace."""
    return _about(house, task, "task perform", kind=kind)


def calling_back(house: House, task: Task) -> AbstractContextManager[Span]:
    """One attempt to deliver a task's callback."""
    return _about(house, task, "callback", kind="client")


@contextmanager
def painting(house: House, *, engine: str) -> Generator[None]:
    """An engine at work on a task."""
    started = time.perf_counter()
    try:
        with house.tracer.span("engine paint", attributes={"limner.engine": engine}):
            yield
    finally:
        house.measures.painted(engine=engine, seconds=time.perf_counter() - started)


def _about(house: House, task: Task, name: str, *, kind: Kind) -> AbstractContextManager[Span]:
    if not house.tracer.is_on:
        return house.tracer.span(name)
    about = {
        "limner.task_id": str(task.id),
        # A caller may have given any text; then this is the only way from one to the other.
        "limner.trace_id": task.trace_id,
        "limner.model": task.model,
        "limner.engine": task.engine,
    }
    return house.tracer.span(name, kind=kind, origin=origin_of(task.trace_id), attributes=about)
