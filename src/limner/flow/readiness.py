"""Whether this node can do its work now: its database, its storage, its queue.

Looking is cheap and writes nothing: the storage is asked for a file that is not there. Only when the last picture could
not be kept is a small file written and removed again, until that goes well.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from limner.domain.problem import Problem
from limner.flow.house import House
from limner.jobs import service as jobs
from limner.kit.logs import event
from limner.storage import FileMissing, StorageFailed

_CHECK_SECONDS: Final = 2.0
_GOOD_FOR: Final = timedelta(seconds=1)
_TRIAL: Final = b"x"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """For each part None if it is well, else in one sentence what is wrong."""

    database: str | None
    storage: str | None
    queue: str | None

    @property
    def is_ready(self) -> bool:
        """Whether all of it is well."""
        return not self.troubles()

    def troubles(self) -> dict[str, str]:
        """What is wrong, by part."""
        parts = {"database": self.database, "storage": self.storage, "queue": self.queue}
        return {name: trouble for name, trouble in parts.items() if trouble is not None}


class Readiness:
    """Looks at most once a second, however many ask."""

    def __init__(self, house: House, *, check_seconds: float = _CHECK_SECONDS) -> None:
        self._house = house
        self._check_seconds = check_seconds
        self._lock = asyncio.Lock()
        self._last: tuple[datetime, Report] | None = None

    async def look(self) -> Report:
        """How things are now, or were within the last second."""
        async with self._lock:
            now = self._house.clock.now()
            if self._last is not None and now - self._last[0] < _GOOD_FOR:
                return self._last[1]
            report = await self._looked()
            self._say(report)
            self._last = (self._house.clock.now(), report)
            return report

    async def _looked(self) -> Report:
        database, storage, queue = await asyncio.gather(
            self._checked("database", self._database()),
            self._checked("storage", self._storage()),
            self._checked("queue", self._queue()),
        )
        return Report(database=database, storage=storage, queue=queue)

    async def _checked(self, part: str, check: Awaitable[str | None]) -> str | None:
        try:
            async with asyncio.timeout(self._check_seconds):
                return await check
        except TimeoutError:
            return f"the {part} did not answer within {self._check_seconds:g} seconds"
        except Problem as problem:
            return problem.message
        except Exception as error:  # noqa: BLE001 - whoever asks is told that it is not well; what it was is in the log
            event(_log, "check.failed", level=logging.ERROR, part=part, error=type(error).__name__)
            return f"the {part} could not be looked at; the log says why"

    async def _database(self) -> None:
        async with self._house.database.statement() as tx:
            await tx.value("SELECT 1")

    async def _storage(self) -> None:
        key = f"ready/{self._house.node_id}"
        if self._house.signs.storage_failed:
            await self._house.storage.put(key, _TRIAL)
            self._house.signs.storage_failed = False
            await self._house.storage.delete(key)
        try:
            await self._house.storage.head(key)
        except FileMissing:
            return
        except StorageFailed:
            raise StorageFailed("the storage does not answer") from None

    async def _queue(self) -> str | None:
        signs = self._house.signs
        if not signs.listening.is_set():
            return "the connection that hears of new jobs is not up; it is being made anew"
        if signs.has_crews and not signs.crews_run:
            return "this process takes no jobs from the queue: it has only just started, or its loops have ended"
        async with self._house.database.statement() as tx:
            await jobs.answers(tx)
        return None

    def _say(self, report: Report) -> None:
        before = self._last[1] if self._last else None
        if report == before:
            return
        if not report.is_ready:
            event(_log, "node.not_ready", level=logging.WARNING, **report.troubles())
        elif before is not None:
            event(_log, "node.ready")
