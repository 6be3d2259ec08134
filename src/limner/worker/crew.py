"""Hands for one kind of job: takes as many as there is room for, keeps them, and lets go of them well."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias
from uuid import UUID

from limner.domain.problem import Problem
from limner.jobs.models import Job
from limner.jobs.queue import Queue
from limner.kit.logs import event

Act: TypeAlias = Callable[[UUID], Awaitable[float | None]]

_log = logging.getLogger(__name__)
_LOOK_EVERY_SECONDS: Final = 2.0
_AT_ONCE_MAX: Final = 32
_TROUBLE_SECONDS: Final = 1.0
_GATHER_SECONDS: Final = 0.005


class Crew:
    """`act` does a job, given its subject; its answer is the seconds after which to do it again, or None.

    `at_once`: how many jobs are in hand at most.
    """

    def __init__(self, queue: Queue, *, kind: str, at_once: int, act: Act) -> None:
        self.kind = kind
        self._queue = queue
        self._at_once = at_once
        self._act = act
        self._in_hand: set[asyncio.Task[None]] = set()
        self._bell = asyncio.Event()
        # Whether there may be jobs for which there was no room. If not, only the bell tells of new ones: looking again
        # after every job would be half of all that the database is asked.
        self._may_wait = False

    def ring(self) -> None:
        """There may be something to do."""
        self._bell.set()

    async def run(self) -> None:
        """Take jobs until cancelled; those in hand go on."""
        while True:
            self._bell.clear()
            try:
                while await self._fill():
                    pass
            except Exception as error:  # noqa: BLE001 - said out loud, and tried again
                event(_log, "crew.failed", level=logging.ERROR, kind=self.kind, error=repr(error))
                await asyncio.sleep(_TROUBLE_SECONDS)
            try:
                async with asyncio.timeout(_LOOK_EVERY_SECONDS):
                    await self._bell.wait()
            except TimeoutError:
                continue
            if self._in_hand:
                # Nobody is idle meanwhile: see what else comes, and take it all at once.
                await asyncio.sleep(_GATHER_SECONDS)

    async def finish(self) -> None:
        """Until nothing is in hand. Take no more before this."""
        while self._in_hand:
            await asyncio.wait(self._in_hand)

    async def hand_back(self) -> None:
        """Have what is in hand put back."""
        for task in self._in_hand:
            task.cancel()
        await self.finish()

    async def _fill(self) -> bool:
        """Take what there is room for; whether there may be more for which there is room."""
        count = min(self._at_once - len(self._in_hand), _AT_ONCE_MAX)
        if count <= 0:
            self._may_wait = True
            return False
        jobs = await self._queue.take(kind=self.kind, count=count)
        self._may_wait = len(jobs) == count
        for job in jobs:
            task = asyncio.create_task(self._do(job))
            self._in_hand.add(task)
            task.add_done_callback(self._let_go)
        return self._may_wait

    def _let_go(self, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        if self._may_wait:
            self._bell.set()

    async def _do(self, job: Job) -> None:
        try:
            again = await self._act(job.subject_id)
            if again is None:
                self._queue.done(job)
            else:
                await self._put_back(job, after_seconds=again)
        except asyncio.CancelledError:
            await asyncio.shield(self._put_back(job, after_seconds=0))
            raise
        except Exception as error:  # noqa: BLE001 - nobody waits for it here; the job comes again
            level = logging.WARNING if isinstance(error, Problem) else logging.ERROR
            event(_log, "job.failed", level=level, kind=self.kind, subject_id=job.subject_id, error=repr(error))
            self._queue.drop(job)

    async def _put_back(self, job: Job, *, after_seconds: float) -> None:
        try:
            await self._queue.again(job, after_seconds=after_seconds)
        except Problem as problem:  # it comes again by itself when its heartbeats are missed
            event(_log, "job.not_put_back", level=logging.WARNING, kind=self.kind, error=problem.message)
            self._queue.drop(job)
        else:
            asyncio.get_running_loop().call_later(after_seconds, self.ring)
