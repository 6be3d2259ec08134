"""What the metrics say of the database, asked of it when somebody looks, and not again for a moment."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Final

from limner.domain.problem import Problem
from limner.flow import notify
from limner.flow.admit import paint_kind
from limner.flow.house import House
from limner.jobs import service as jobs
from limner.kit.logs import event
from limner.kit.metrics import Exposition, Labels
from limner.tasks import service as tasks
from limner.tasks.models import OPEN

_GOOD_FOR: Final = timedelta(seconds=2)
_ASK_SECONDS: Final = 2.0
_log = logging.getLogger(__name__)


class Figures:
    """The process's metrics with those figures among them."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._lock = asyncio.Lock()
        self._looked_at: datetime | None = None

    async def told(self, accept: str) -> Exposition:
        """All metrics, in the form that the header asks for. What the database does not tell is left out."""
        async with self._lock:
            now = self._house.clock.now()
            if self._looked_at is None or now - self._looked_at >= _GOOD_FOR:
                await self._look()
                self._looked_at = now
        measures, pool = self._house.measures, self._house.database.use()
        measures.connections.show({("in_use",): pool.in_use, ("idle",): pool.idle})
        measures.connections_max.show({(): pool.most})
        return await asyncio.to_thread(measures.board.told, accept)

    async def _look(self) -> None:
        measures = self._house.measures
        try:
            async with asyncio.timeout(_ASK_SECONDS), self._house.database.statement() as tx:
                counts = await tasks.counts(tx)
                depths = await jobs.depths(tx)
        except (Problem, TimeoutError) as error:
            event(_log, "figures.missing", level=logging.DEBUG, error=type(error).__name__)
            for gauge in (measures.tasks, measures.queue_depth, measures.queue_oldest):
                gauge.show({})
            return
        measures.tasks.show(self._no_tasks() | {(engine, status): float(count) for engine, status, count, _ in counts})
        measures.queue_depth.show(self._no_jobs() | {(depth.kind,): float(depth.count) for depth in depths})
        measures.queue_oldest.show(self._no_jobs() | {(depth.kind,): depth.oldest_seconds for depth in depths})

    # What there is none of is 0, not absent: an alarm that compares it would be silent for ever.

    def _no_tasks(self) -> dict[Labels, float]:
        return {(engine, status): 0.0 for engine in self._house.engines for status in sorted(OPEN)}

    def _no_jobs(self) -> dict[Labels, float]:
        kinds = [*map(paint_kind, self._house.engines), notify.CALLBACK]
        return {(kind,): 0.0 for kind in kinds}
