"""The models on offer as operators change them: tried out first, then kept with their history, and heard of on every node.

A task keeps the price that it was admitted with.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from limner.audit import service as audit
from limner.audit.models import Actor, Subject
from limner.catalog import prices
from limner.catalog import service as catalog_book
from limner.catalog.models import Change, Definition, Model
from limner.catalog.prices import PriceLine
from limner.catalog.service import Catalog, UnknownModel
from limner.db import Database
from limner.domain.problem import InvalidValue, Problem
from limner.flow.house import House
from limner.kit.ids import uuid7
from limner.kit.logs import event

_log = logging.getLogger(__name__)
_LOOK_EVERY_SECONDS: Final = 60.0
_AGAIN_SECONDS: Final = 1.0
_HISTORY: Final = 100


class Offer:
    """Keeps a node's catalogue as the database has it: at once when told, and by looking now and then."""

    def __init__(self, database: Database, catalog: Catalog, *, engines: Collection[str]) -> None:
        self._database = database
        self._catalog = catalog
        self._engines = engines
        self._stale = asyncio.Event()

    def heard(self, _model: str) -> None:
        """A model has been changed."""
        self._stale.set()

    def gap(self) -> None:
        """Something may have been missed."""
        self._stale.set()

    async def look(self) -> None:
        """Take over what there is now."""
        await _take(self._database, self._catalog, engines=self._engines)

    async def run(self, *, every_seconds: float = _LOOK_EVERY_SECONDS) -> None:
        """Follow until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stale.wait(), every_seconds)
            self._stale.clear()
            try:
                await self.look()
            except Problem as problem:
                event(_log, "offer.not_read", level=logging.WARNING, error=problem.message)
                await asyncio.sleep(_AGAIN_SECONDS)
                self._stale.set()


async def _take(database: Database, catalog: Catalog, *, engines: Collection[str]) -> None:
    async with database.statement() as tx:
        latest = await catalog_book.latest(tx)
    wanted = {name: change.definition for name, change in latest.items() if change.definition is not None}
    for name, why in catalog.take(wanted, engines=engines).items():
        event(_log, "model.not_taken", level=logging.WARNING, model=name, error=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStands:
    """A model, on offer or not, and its last change. `is_base`: it comes with limner or the settings."""

    model: Model
    is_offered: bool
    is_base: bool
    last: Change | None

    @property
    def number(self) -> int:
        """Of the last change; 0: there was none."""
        return self.last.number if self.last else 0

    @property
    def is_changed(self) -> bool:
        """Whether it differs from how it comes."""
        return self.last is not None and self.last.definition is not None

    @property
    def definition(self) -> Definition:
        """As an operator would have written it."""
        return prices.definition_of(self.model, is_offered=self.is_offered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a change would do. `seen`: the number of the model's last change. `followers`: the aliases that go with it."""

    name: str
    seen: int
    before: Definition | None
    after: Definition
    lines: tuple[PriceLine, ...]
    followers: tuple[str, ...]

    @property
    def is_nothing(self) -> bool:
        """Whether it would stay as it is."""
        return self.before is not None and prices.to_json(self.before) == prices.to_json(self.after)


async def models_of_operator(house: House) -> list[ModelStands]:
    """Every model, also those that are switched off, by name."""
    async with house.database.statement() as tx:
        latest = await catalog_book.latest(tx)
    on = {model.name: (model, True) for model in house.catalog.models()}
    off = {model.name: (model, False) for model in house.catalog.off()}
    return [
        ModelStands(model=model, is_offered=is_offered, is_base=name in house.catalog.base, last=latest.get(name))
        for name, (model, is_offered) in sorted((on | off).items())
    ]


async def model_of_operator(house: House, *, name: str) -> ModelStands:
    """One of them. Raises `UnknownModel`."""
    found = next((one for one in await models_of_operator(house) if one.model.name == name), None)
    if found is None:
        raise UnknownModel(f"there is no model '{name[:80]}' here", param="name")
    return found


async def history_of(house: House, *, name: str) -> list[Change]:
    """What operators have made of it, newest first."""
    async with house.database.statement() as tx:
        return await catalog_book.history(tx, model=name, count=_HISTORY)


async def preview(house: House, *, name: str, definition: Definition | None, is_new: bool = False) -> Preview:
    """What it would be to have the model so; None: as it comes. Nothing is written.

    Raises `InvalidValue` with the field at fault, `UnknownModel` for one that there is not (unless it `is_new`).
    """
    known = {one.model.name: one for one in await models_of_operator(house)}
    stands, base = known.get(name), house.catalog.base.get(name)
    if is_new and stands is not None:
        raise InvalidValue(f"there is a model '{name[:80]}' already: change that", param="name")
    if not is_new and stands is None:
        raise UnknownModel(f"there is no model '{name[:80]}' here", param="name")
    if definition is None:
        if base is None:
            raise InvalidValue(f"'{name}' does not come with limner: switch it off instead", param="name")
        wanted = base
        if base.alias_of is not None and base.alias_of in known:
            wanted = known[base.alias_of].model
        definition = prices.definition_of(wanted)
    else:
        prices.check(name, definition, base=base, engines=house.engines)
    return Preview(
        name=name,
        seen=stands.number if stands else 0,
        before=stands.definition if stands else None,
        after=definition,
        lines=tuple(prices.compared(stands.model if stands else None, prices.model_from(name, definition))),
        followers=tuple(other for other, one in known.items() if one.model.alias_of == name and not one.is_changed),
    )


async def change_model(
    house: House, actor: Actor, *, name: str, definition: Definition | None, seen: int, is_new: bool = False
) -> Preview:
    """Have the model so from now on, on every node; None: as it comes. `seen`: as the preview said.

    Raises what `preview` does, and `ModelChanged` if somebody was quicker.
    """
    shown = await preview(house, name=name, definition=definition, is_new=is_new)
    verb = "model.added" if is_new else "model.reset" if definition is None else _verb(shown)
    async with house.database.transaction() as tx:
        await catalog_book.change(
            tx,
            model=name,
            seen=seen,
            made_by=actor.account_id,
            before=shown.before,
            definition=definition,
            now=house.clock.now(),
        )
        await audit.write(
            tx,
            id_=uuid7(),
            actor=actor,
            verb=verb,
            subject=Subject(kind="model", id=name, label=name),
            details=_details(shown),
            now=house.clock.now(),
        )
    await look_at_offer(house)
    event(_log, verb, model=name)
    return shown


async def look_at_offer(house: House) -> None:
    """Have this node's catalogue as the database has it, now."""
    await _take(house.database, house.catalog, engines=house.engines)


def _verb(shown: Preview) -> str:
    was, is_ = shown.before.is_offered if shown.before else False, shown.after.is_offered
    if was == is_:
        return "model.changed"
    return "model.switched_on" if is_ else "model.switched_off"


def _details(shown: Preview) -> Mapping[str, Any]:
    """What has changed, before and after."""
    before, after = prices.to_json(shown.before) or {}, prices.to_json(shown.after) or {}
    return {
        name: {"before": before.get(name), "after": value} for name, value in after.items() if before.get(name) != value
    }
