"""Jobs in hand: taking them, keeping them, giving them back. The only module that speaks to PgQueuer.

PgQueuer is asked for as many jobs as there is room for, never more; a job in hand is kept by heartbeats, by the
database's own clock, and goes to somebody else when they stop. Jobs that are done are written off together.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from limner.db import Database
from limner.jobs.models import Job

if TYPE_CHECKING:
    from pgqueuer.adapters.persistence.queries import Queries
    from pgqueuer.domain.models import Job as PgJob
    from pgqueuer.ports.driver import Driver

_DONE_TOGETHER_MAX: Final = 200
_GATHER_SECONDS: Final = 0.05
_CONNECTIONS_MAX: Final = 4


class Queue:
    """This node's hands in the queue. `stale_seconds`: after how long a silence a job is somebody else's."""

    def __init__(self, database: Database, *, node_id: UUID, stale_seconds: float) -> None:
        self._url = database.url
        self._node_id = node_id
        self._stale = timedelta(seconds=stale_seconds)
        self._database: Database | None = None
        self._queries: Queries | None = None
        self._in_hand: dict[int, PgJob] = {}
        self._done: list[PgJob] = []
        self._writing_off: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Load the library, which takes a while and is not needed to answer requests, and connect.

        On connections of its own: PgQueuer's statements are few and large, and planning one takes longer than running it.
        A crash of the database may undo the last of them: then a job is taken once more, and its subject says what is left.
        """
        self._database = await Database.open(
            self._url, connections_min=1, connections_max=_CONNECTIONS_MAX, is_forgiving=True
        )
        self._queries = await asyncio.to_thread(_queries, _Driver(self._database))

    async def close(self) -> None:
        """Write off what is done, and disconnect."""
        try:
            if self._writing_off is not None:
                await self._writing_off
        finally:
            if self._database is not None:
                await self._database.close()

    async def take(self, *, kind: str, count: int) -> list[Job]:
        """Up to `count` jobs of that kind: the first in the queue, and those whose holder has fallen silent."""
        from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
        from pgqueuer.ports.repository import EntrypointExecutionParameter

        taken = await self._library().dequeue(
            batch_size=count,
            entrypoints={QueueEntrypoint(kind): EntrypointExecutionParameter(concurrency_limit=0)},
            queue_manager_id=QueueManagerId(self._node_id),
            global_concurrency_limit=None,
            heartbeat_timeout=self._stale,
        )
        # One that this node has in hand already comes again when its heartbeats were late.
        new = [job for job in taken if job.id not in self._in_hand]
        self._in_hand.update({job.id: job for job in new})
        return [Job(number=job.id, kind=kind, subject_id=UUID(bytes=job.payload or b"")) for job in new]

    async def beat(self) -> None:
        """Say that the jobs in hand are being worked on."""
        if self._in_hand:
            await self._library().update_heartbeat([job.id for job in self._in_hand.values()])

    def done(self, job: Job) -> None:
        """The job has been done: it is written off soon."""
        self._done.append(self._in_hand[job.number])
        if self._writing_off is None or self._writing_off.done():
            self._writing_off = asyncio.create_task(self._write_off())

    async def again(self, job: Job, *, after_seconds: float = 0) -> None:
        """Put the job back into the queue, for anybody to take after so long."""
        await self._library().retry_job(self._in_hand[job.number], timedelta(seconds=after_seconds), None)
        self._in_hand.pop(job.number, None)

    def drop(self, job: Job) -> None:
        """Let go of a job without a word: it goes to somebody when its heartbeats are missed."""
        self._in_hand.pop(job.number, None)

    async def _write_off(self) -> None:
        while self._done:
            await asyncio.sleep(_GATHER_SECONDS)
            batch, self._done = self._done[:_DONE_TOGETHER_MAX], self._done[_DONE_TOGETHER_MAX:]
            try:
                await self._library().log_jobs([(job, "successful", None) for job in batch])
            finally:
                # A job that could not be written off comes again, and its subject will say that it is done.
                for job in batch:
                    self._in_hand.pop(job.id, None)

    def _library(self) -> Queries:
        assert self._queries is not None, "open() comes first"
        return self._queries


def _queries(driver: _Driver) -> Queries:
    from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder
    from pgqueuer.adapters.persistence.queries import Queries

    from limner.db.queue_names import queue_names

    names = queue_names()
    return Queries(cast("Driver", driver), qbe=QueryBuilderEnvironment(names), qbq=QueryQueueBuilder(names))


class _Driver:
    """PgQueuer's statements on our pool. What it would need to run loops of its own is left out: the loops are ours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch(self, query: str, *args: Any) -> list[dict[str, object]]:
        async with self._database.statement() as tx:
            return [dict(row) for row in await tx.rows(query, *args)]

    async def execute(self, query: str, *args: Any) -> str:
        async with self._database.statement() as tx:
            return str(await tx.run(query, *args))
