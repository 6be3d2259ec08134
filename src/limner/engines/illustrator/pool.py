"""The painting processes and who waits for them: `Pool.paint` gives one picture to the next free process.

A process that dies is replaced and its picture tried once more; one that is stuck is killed. An errand that nobody waits
for any longer is finished and thrown away, since starting a process costs more than most pictures.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from limner.domain.spec import Partial, Picture, Spec
from limner.engines import EngineBusy, EngineFailed, EngineTimeout
from limner.engines.illustrator.wire import LENGTH, READY

logger = logging.getLogger(__name__)

STARTING_SECONDS_MAX = 30.0
ATTEMPTS = 2
# A painter needs no secrets: of the server's environment it gets only what finds libraries and fonts.
_ENVIRONMENT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "SYSTEMROOT",
)
_SOURCE = Path(__file__).parents[3]
Shows = Callable[[Partial], None]


class _PainterDied(Exception):
    """The process ended in the middle of an errand."""


class _Painter:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ready: bool | None = None

    @classmethod
    async def start(cls, *, picture_seconds_max: float) -> _Painter:
        """Start a process; it is not ready yet."""
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        paths = [str(_SOURCE), *filter(None, [environment.get("PYTHONPATH")])]
        environment |= {"PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "limner.engines.illustrator.painter",
                str(picture_seconds_max),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=environment,
                # In a session of its own, so that Ctrl-C reaches the server alone, which then closes us in order.
                start_new_session=True,
            )
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def ready(self) -> None:
        """Wait until it can paint; EngineFailed when it cannot."""
        if self._ready:
            return
        try:
            async with asyncio.timeout(STARTING_SECONDS_MAX):
                answer = await self._read()
        except TimeoutError:
            raise EngineFailed("The illustrator's painting process did not start in time.") from None
        if answer != READY:
            raise EngineFailed(
                f"The illustrator's painting process cannot start: {answer.decode(errors='replace')}. "
                "Skia needs the system libraries libGL.so.1 and libEGL.so.1 (Debian: libgl1, libegl1)."
            )
        self._ready = True

    async def ask(self, errand: bytes, *, show: Shows) -> object:
        """One errand, one answer; `show` is told of the unfinished pictures that come before it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(LENGTH.pack(len(errand)))
            self._process.stdin.write(errand)
            await self._process.stdin.drain()
        except (ConnectionError, RuntimeError) as trouble:
            raise _PainterDied from trouble
        while isinstance(answer := pickle.loads(await self._read()), Partial):  # noqa: S301 - our own child wrote it
            show(answer)
        return answer

    async def end(self) -> None:
        """Kill it, and wait until it is gone."""
        if self._process.returncode is None:
            # Not Process.kill(): on Python 3.11 it reaps the process under asyncio's watcher, which then logs about it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def _read(self) -> bytes:
        assert self._process.stdout is not None
        try:
            (size,) = LENGTH.unpack(await self._process.stdout.readexactly(LENGTH.size))
            return await self._process.stdout.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as trouble:
            raise _PainterDied from trouble


class Pool:
    """As many painters as configured, and a bounded queue before them."""

    def __init__(self, *, processes: int, queue_length_max: int, picture_seconds_max: float) -> None:
        self._processes = processes
        self._queue_length_max = queue_length_max
        self._picture_seconds_max = picture_seconds_max
        self._idle: deque[_Painter] = deque()
        self._all: set[_Painter] = set()
        self._slots = asyncio.Semaphore(processes)
        self._errands: set[asyncio.Task[Picture]] = set()
        self._waiting = 0
        self._typical_seconds = 0.1

    async def open(self) -> None:
        """Start one process and wait until it is ready: what keeps one from starting keeps all.

        The others start when there is work for them; all at once they would share the cores, and the first picture
        would wait for every one.
        """
        try:
            first = await self._new()
            self._idle.append(first)
            await first.ready()
        except (_PainterDied, EngineFailed) as trouble:
            await self.close()
            if isinstance(trouble, EngineFailed):
                raise
            raise EngineFailed("The illustrator's painting process ended as it started.") from trouble

    async def close(self) -> None:
        """End every process, and every errand with it."""
        for errand in self._errands:
            errand.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)
        await asyncio.gather(*(painter.end() for painter in self._all))
        self._all.clear()
        self._idle.clear()

    def pids(self) -> list[int]:
        """The ids of the processes, for those who watch over memory."""
        return sorted(painter.pid for painter in self._all)

    def admit(self, pictures: int) -> None:
        """Count so many more as waiting, or EngineBusy; each must `leave` again, painted or not."""
        if self._waiting + pictures > self._queue_length_max + self._processes:
            seconds = max(1.0, round(self._waiting * self._typical_seconds / self._processes, 1))
            raise EngineBusy(
                f"The illustrator has {self._waiting} pictures to paint already. Ask again in {seconds:g} seconds.",
                retry_after_seconds=seconds,
            )
        self._waiting += pictures

    def leave(self, _errand: object) -> None:
        """One picture that was admitted is over. Fits a task's done callback, so that cancelled ones count too."""
        self._waiting -= 1

    async def paint(self, spec: Spec, *, index: int, seed: int, show: Shows) -> Picture:
        """One picture. Cancelling lets a process that has begun finish for nobody.

        `show` is told of unfinished ones as they come, each number once.
        """
        await self._slots.acquire()
        errand = asyncio.create_task(self._perform(spec, index=index, seed=seed, show=show))
        self._errands.add(errand)
        errand.add_done_callback(self._finished)
        return await asyncio.shield(errand)

    def _finished(self, errand: asyncio.Task[Picture]) -> None:
        self._errands.discard(errand)
        self._slots.release()
        if not errand.cancelled() and errand.exception() is not None:
            # Read, so that an errand which nobody waits for is not reported as forgotten; whoever waits has it too.
            logger.warning("illustrator.errand_failed reason=%s", type(errand.exception()).__name__)

    async def _perform(self, spec: Spec, *, index: int, seed: int, show: Shows) -> Picture:
        errand = pickle.dumps((spec, index, seed))
        began = time.monotonic()
        shown: set[int] = set()

        def show_once(partial: Partial) -> None:
            """A second attempt begins anew; whoever watches does not."""
            if partial.number not in shown:
                shown.add(partial.number)
                show(partial)

        for _ in range(ATTEMPTS):
            try:
                answer = await self._ask_one(errand, show=show_once)
            except _PainterDied:
                logger.warning("illustrator.painter_died index=%s", index)
                continue
            if not isinstance(answer, Picture):
                logger.error("illustrator.painting_broke reason=%s", answer)
                raise EngineFailed("The illustrator broke while it painted this picture.")
            self._typical_seconds += 0.2 * (time.monotonic() - began - self._typical_seconds)
            return answer
        raise EngineFailed("The illustrator's painting process ended twice while it painted this picture.")

    async def _ask_one(self, errand: bytes, *, show: Shows) -> object:
        """Send an errand to an idle painter. One that died, was stuck or was interrupted does not come back."""
        painter = self._idle.popleft() if self._idle else await self._new()
        try:
            await painter.ready()
            async with asyncio.timeout(self._picture_seconds_max):
                answer = await painter.ask(errand, show=show)
        except TimeoutError:
            await self._drop(painter)
            raise EngineTimeout(f"The picture took longer than {self._picture_seconds_max:g} seconds.") from None
        except BaseException:
            await self._drop(painter)
            raise
        self._idle.append(painter)
        return answer

    async def _new(self) -> _Painter:
        painter = await _Painter.start(picture_seconds_max=self._picture_seconds_max)
        self._all.add(painter)
        return painter

    async def _drop(self, painter: _Painter) -> None:
        self._all.discard(painter)
        await asyncio.shield(painter.end())
