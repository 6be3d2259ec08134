"""The house: everything that the acts need, chosen once by bootstrap and handed to each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from limner.catalog.service import Catalog
from limner.db import Database
from limner.domain.principal import Principal
from limner.engines import Engine
from limner.kit.clock import Clock
from limner.limits.models import Policy
from limner.storage import Storage


@dataclass(slots=True)
class EngineStand:
    """An engine and whether it is open: opened at its first task, so that one that nobody asks costs nothing."""

    engine: Engine
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _is_open: bool = False

    async def ready(self) -> Engine:
        """The engine, open."""
        if not self._is_open:
            async with self._lock:
                if not self._is_open:
                    await self.engine.open()
                    self._is_open = True
        return self.engine

    async def close(self) -> None:
        """Close it if it was opened."""
        if self._is_open:
            self._is_open = False
            await self.engine.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What a node works with.

    `node_id` is new at every start. `policy` is what keys may do that have no limits of their own. `lease_seconds`: how
    long the node may be silent before others take its tasks for abandoned. `running`: the tasks that this node has in hand,
    whose leases it extends. `principals`: callers seen before, by their key's hash; a guess, which every admission checks.
    """

    database: Database
    storage: Storage
    engines: Mapping[str, EngineStand]
    catalog: Catalog
    clock: Clock
    node_id: UUID
    policy: Policy
    public_url: str
    link_secrets: Sequence[bytes]
    link_seconds: int
    task_seconds: int
    lease_seconds: int
    blocked_words: tuple[str, ...]
    running: set[UUID] = field(default_factory=set)
    principals: dict[bytes, Principal] = field(default_factory=dict)
