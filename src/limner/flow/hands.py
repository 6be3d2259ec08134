"""The tasks that a node has in hand: what it keeps leases for, and what it can be told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, TypeVar
from uuid import UUID

from limner.domain.problem import Problem
from limner.tasks.service import TaskEnded

_Result = TypeVar("_Result")


class TaskCancelled(Problem):
    """Somebody who may has cancelled the task."""

    code = "cancelled"
    status = 409


class Hand:
    """One task in hand. What it is told from outside ends the work on it, if that is still under way."""

    def __init__(self) -> None:
        self.told: Literal["cancel", "lost"] | None = None
        self._work: asyncio.Task[Any] | None = None

    async def stoppable(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Do the work. Raises `TaskCancelled`, or `TaskEnded` when somebody else has ended the task."""
        under_way: asyncio.Task[_Result] = asyncio.create_task(work)
        self._work = under_way
        if self.told:
            under_way.cancel()
        try:
            return await under_way
        except asyncio.CancelledError:
            here = asyncio.current_task()
            if self.told is None or (here is not None and here.cancelling()):
                raise  # it is not the task that is to end, but whoever works on it
            if self.told == "cancel":
                raise TaskCancelled("the task was cancelled; nothing was charged") from None
            raise TaskEnded("the task was ended by somebody else meanwhile; nothing was charged") from None

    def tell(self, what: Literal["cancel", "lost"]) -> None:
        """Have it stopped."""
        self.told = self.told or what
        if self._work is not None:
            self._work.cancel()


class Hands:
    """All tasks in hand."""

    def __init__(self) -> None:
        self._held: dict[UUID, Hand] = {}

    @contextmanager
    def holding(self, task_id: UUID) -> Generator[Hand]:
        """Have a task in hand while the block runs."""
        hand = self._held[task_id] = Hand()
        try:
            yield hand
        finally:
            del self._held[task_id]

    def ids(self) -> tuple[UUID, ...]:
        """Which tasks."""
        return tuple(self._held)

    def cancel(self, task_id: UUID) -> None:
        """Somebody wants this task stopped; if it is in other hands, nothing happens."""
        if task_id in self._held:
            self._held[task_id].tell("cancel")

    def compare(self, known: Mapping[UUID, bool], *, asked: tuple[UUID, ...]) -> None:
        """What the database knows of the tasks in `asked`: those that are still ours, and whether to cancel them."""
        for task_id in asked:
            if task_id in self._held and known.get(task_id, True):
                self._held[task_id].tell("cancel" if task_id in known else "lost")
