"""What happens to tasks, as it happens, on every node: for whoever waits for one.

News may be missed (a connection that is lost, a task that never was in the queue), so whoever waits also looks for
itself now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

ENDS: Final = frozenset({"succeeded", "failed", "cancelled"})
LOOK: Final = "look"
OVER: Final = "over"
"""The server stops: whoever only watches should go."""
_CANCEL: Final = "cancel"


class Watcher:
    """Hears what happens to one task."""

    def __init__(self) -> None:
        self._heard: asyncio.Queue[str] = asyncio.Queue()

    def put(self, what: str) -> None:
        """Something has happened."""
        self._heard.put_nowait(what)

    async def next(self, *, seconds: float) -> str:
        """What happened next, or `LOOK` after so long without news."""
        try:
            async with asyncio.timeout(seconds):
                return await self._heard.get()
        except TimeoutError:
            return LOOK


class News:
    """Passes on what is said about tasks (or inboxes, which nobody cancels)."""

    def __init__(self, *, on_cancel: Callable[[UUID], None] | None = None) -> None:
        self._watchers: dict[UUID, set[Watcher]] = {}
        self._on_cancel = on_cancel
        self._is_over = False

    def heard(self, said: str) -> None:
        """`<task> <what>`, as the database says it."""
        task, _, what = said.partition(" ")
        if what == _CANCEL and self._on_cancel is not None:
            self._on_cancel(UUID(task))
        else:
            self.tell(UUID(task), what)

    def tell(self, task_id: UUID, what: str) -> None:
        """Something happened to the task: running, succeeded, failed, cancelled, queued, `progress 0.4`, `partial <name> <begun>`."""
        for watcher in self._watchers.get(task_id, ()):
            watcher.put(what)

    def gap(self) -> None:
        """Something may have been missed: everybody looks for himself."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.put(LOOK)

    def close(self) -> None:
        """The server stops: nobody should go on watching for much longer."""
        self._is_over = True
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.put(OVER)

    @contextmanager
    def about(self, task_id: UUID) -> Generator[Watcher]:
        """Hear of one task while the block runs."""
        watcher = Watcher()
        if self._is_over:
            watcher.put(OVER)
        self._watchers.setdefault(task_id, set()).add(watcher)
        try:
            yield watcher
        finally:
            watchers = self._watchers[task_id]
            watchers.discard(watcher)
            if not watchers:
                del self._watchers[task_id]
