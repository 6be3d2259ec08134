"""The engines of this node with their upstreams and devices, and what they did not manage, for whoever runs the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from limner.accounts import service as accounts
from limner.attempts import service as attempts
from limner.attempts.models import KeptAttempt, Lost
from limner.engines import Health
from limner.flow.house import House

_ATTEMPTS_MAX: Final = 50
_LOST_DAYS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineHere:
    """An engine of this node. `parts`: its upstreams or devices, as far as there is something to tell of them.

    `models`: those that it paints in the first place; `fallback_for`: those that come to it when others do not manage.
    """

    name: str
    plug: str
    is_open: bool
    parts: Sequence[Health]
    models: tuple[str, ...]
    fallback_for: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machinery:
    """All engines of this node, and of the whole database: the last tries that came to nothing, newest first.

    `lost`: what was charged to us within `lost_days` and never arrived. `names`: what the attempts' accounts are called.
    """

    engines: Sequence[EngineHere]
    attempts: Sequence[KeptAttempt]
    names: Mapping[UUID, str]
    lost: Sequence[Lost]
    lost_days: int

    @property
    def parts(self) -> int:
        """How many upstreams and devices there are."""
        return sum(len(engine.parts) for engine in self.engines)

    @property
    def lost_pictures(self) -> int:
        """How many pictures were charged to us and never arrived."""
        return sum(one.pictures for one in self.lost)


async def said_of(house: House, *, task_id: UUID) -> list[KeptAttempt]:
    """The tries of a task that came to nothing, in their order, with what was said: for operators."""
    async with house.database.statement() as tx:
        return await attempts.of_task(tx, task_id=task_id)


async def machinery(house: House, *, engine: str | None = None) -> Machinery:
    """How the engines are. `engine`: only its attempts."""
    async with house.database.statement() as tx:
        latest = await attempts.latest(tx, engine=engine, count=_ATTEMPTS_MAX)
        lost = await attempts.lost(tx, since=house.clock.now() - timedelta(days=_LOST_DAYS))
        names = await accounts.names(tx, ids=list({one.account_id for one in latest}))
    models = house.catalog.models()
    return Machinery(
        engines=[
            EngineHere(
                name=name,
                plug=stand.plug,
                is_open=stand.is_open,
                parts=stand.engine.health(),
                models=tuple(model.name for model in models if model.engine == name),
                fallback_for=tuple(
                    model.name for model in models if any(one.engine == name for one in model.fallbacks)
                ),
            )
            for name, stand in sorted(house.engines.items())
        ],
        attempts=latest,
        names=names,
        lost=lost,
        lost_days=_LOST_DAYS,
    )
