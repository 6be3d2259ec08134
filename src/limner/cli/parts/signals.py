"""What a signal does to a process that serves or works: the first one ends it well, the next one does not wait."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager

from limner.worker.loops import Ending


class Stop:
    """What the first signal and the next ones do: before there is anything to end well, give up; then, set `ending`."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.ending = Ending()
        self.was_asked = False
        self._task = task
        self._heed: Callable[[], None] | None = None

    def is_up(self, heed: Callable[[], None]) -> None:
        """From now on it ends well; `heed` is called at every signal, when `ending` says how."""
        self._heed = heed

    def ask(self) -> None:
        """Take one signal."""
        if self._heed is None:
            self._task.cancel()
        else:
            (self.ending.now if self.was_asked else self.ending.soon).set()
            self._heed()
        self.was_asked = True


@contextmanager
def stopping_by_signal() -> Generator[Stop]:
    """Have Ctrl-C and SIGTERM ask the `Stop` while the block runs, and after it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    stop = Stop(task)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.ask)
    try:
        yield stop
    except asyncio.CancelledError:
        if not stop.was_asked:
            raise
    # The handlers stay until the loop is closed: a second Ctrl-C while the house closes must not tear it down.
