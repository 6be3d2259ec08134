"""The catalogue: models by name, and what operators have made of them."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import resources
from types import MappingProxyType
from typing import Final
from uuid import UUID

from limner.catalog import prices, queries
from limner.catalog.models import Change, Definition, Fallback, Model
from limner.catalog.profiles import PROFILES
from limner.db import Row, Tx
from limner.domain.money import micro
from limner.domain.problem import Problem
from limner.domain.spec import Quality

CHANNEL: Final = queries.CHANNEL
_FLAT: Final = "4k"
_NEW_PROFILE: Final = "open"


class UnknownModel(Problem):
    """There is no model of that name."""

    code = "unknown_model"
    status = 404


class ModelChanged(Problem):
    """Somebody else has changed the model meanwhile."""

    code = "model_changed"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomModel:
    """A model that the operator adds, or makes something else of: what is not said, a name that is there keeps.

    A new name has the profile `open` and costs nothing unless that is said. `price`: micro-credits for every picture.
    `engine`, `fallbacks` None: as the models that come with limner; a model on another engine has no fallbacks then.
    """

    name: str
    engine: str | None = None
    profile: str | None = None
    description: str = ""
    price: int | None = None
    fallbacks: tuple[Fallback, ...] | None = None


class Catalog:
    """All models on offer: those that it was made of, as operators have changed them since (`take`)."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self.base: Final[Mapping[str, Model]] = MappingProxyType(dict(models))
        """As limner and the settings have them."""
        self._offered = prices.offered(self.base, {}, engines=())

    def models(self) -> Sequence[Model]:
        """Every model, by name."""
        found = self._offered.models
        return [found[name] for name in sorted(found)]

    def model(self, name: str) -> Model:
        """The model of that name. Raises `UnknownModel`, naming the nearest ones."""
        offered = self._offered
        found = offered.models.get(name)
        if found is not None:
            return found
        near = difflib.get_close_matches(name[:80], offered.models, n=3, cutoff=0.4) or sorted(offered.models)[:3]
        others = f"there is {', '.join(near)} (GET /v1/models lists all)" if near else "there is none at all"
        if name in offered.off:
            raise UnknownModel(f"the model '{name[:80]}' has been switched off here; {others}", param="model")
        raise UnknownModel(f"there is no model '{name[:80]}' here; {others}", param="model")

    def off(self) -> Sequence[Model]:
        """The models that are switched off, by name."""
        found = self._offered.off
        return [found[name] for name in sorted(found)]

    def take(self, latest: Mapping[str, Definition], *, engines: Collection[str]) -> Mapping[str, str]:
        """Put what operators want over the base, all at once. What could not be taken here, and why."""
        self._offered = prices.offered(self.base, latest, engines=engines)
        return self._offered.broken

    def as_made(self) -> Catalog:
        """Another one, of the base alone."""
        return Catalog(self.base)


def shipped(
    *, engine: str, fallbacks: tuple[Fallback, ...] = (), engines: Collection[str] | None = None
) -> dict[str, Model]:
    """The models that come with limner, all on one engine with these fallbacks; but those that are an engine's own name.

    These are on that engine, if it is among `engines` (None: all on the one).
    """
    data = tomllib.loads(resources.files("limner.catalog").joinpath("models.toml").read_text(encoding="utf-8"))
    prices = {
        table: {size: {Quality(q): micro(c) for q, c in row.items()} for size, row in rows.items()}
        for table, rows in data["prices"].items()
    }
    models: dict[str, Model] = {}
    for name, record in data["models"].items():
        own = record.get("engine", engine)
        is_own = own != engine and engines is not None and own in engines
        model = Model(
            name=name,
            engine=own if is_own else engine,
            profile=PROFILES[record["profile"]],
            description=record["description"],
            prices=prices[record["prices"]],
            fallbacks=() if is_own else fallbacks,
        )
        models[name] = model
        for alias in record.get("aliases", ()):
            models[alias] = replace(model, name=alias, description=f"The same as {name}.", alias_of=name)
    return models


def catalog_of(
    *,
    engine: str,
    custom: Sequence[CustomModel],
    fallbacks: tuple[Fallback, ...] = (),
    engines: Collection[str] | None = None,
) -> Catalog:
    """What comes with limner, with the operator's models added or made of what was there. Aliases follow their model."""
    base = shipped(engine=engine, fallbacks=fallbacks, engines=engines)
    models = dict(base)
    for entry in custom:
        models[entry.name] = _custom(entry, base=base, engine=engine, fallbacks=fallbacks)
    named = {entry.name for entry in custom}
    for name, model in base.items():
        if model.alias_of is not None and model.alias_of in named and name not in named:
            followed = models[model.alias_of]
            models[name] = replace(followed, name=name, description=model.description, alias_of=model.alias_of)
    return Catalog(models)


def _custom(entry: CustomModel, *, base: Mapping[str, Model], engine: str, fallbacks: tuple[Fallback, ...]) -> Model:
    there = base.get(entry.name)
    like = base[there.alias_of] if there is not None and there.alias_of is not None else there
    usual = engine if like is None else like.engine
    own = entry.engine or usual
    if entry.fallbacks is not None:
        chain = entry.fallbacks
    elif like is not None and own == like.engine:
        chain = like.fallbacks
    else:
        chain = fallbacks if own == engine else ()
    flat = {_FLAT: {Quality.LOW: entry.price or 0}}
    return Model(
        name=entry.name,
        engine=own,
        profile=PROFILES[entry.profile] if entry.profile else like.profile if like else PROFILES[_NEW_PROFILE],
        description=entry.description or (like.description if like else f"Painted by the engine {own}."),
        prices=like.prices if like is not None and entry.price is None else flat,
        fallbacks=chain,
    )


# what operators change --------------------------------------------------------------------------------------------------


async def latest(tx: Tx) -> dict[str, Change]:
    """The last change of every model that was ever changed."""
    return {row["model"]: _change(row) for row in await tx.rows(queries.LATEST)}


async def history(tx: Tx, *, model: str, count: int) -> list[Change]:
    """The last `count` changes of a model, newest first."""
    return [_change(row) for row in await tx.rows(queries.HISTORY, model, count)]


async def change(
    tx: Tx,
    *,
    model: str,
    seen: int,
    made_by: UUID | None,
    before: Definition | None,
    definition: Definition | None,
    now: datetime,
) -> Change:
    """One more change; every node hears of it. `seen`: the number of the last one that its maker knew, 0: none.

    Raises `ModelChanged` if there is a later one.
    """
    added = await tx.run(queries.CHANGE, model, seen, made_by, prices.to_json(before), prices.to_json(definition), now)
    if added == 0:
        raise ModelChanged(f"the model '{model}' has been changed meanwhile: look at it again, then decide")
    return Change(model=model, number=seen + 1, made_by=made_by, before=before, definition=definition, created_at=now)


def _change(row: Row) -> Change:
    return Change(
        **{**dict(row), "before": prices.from_json(row["before"]), "definition": prices.from_json(row["definition"])}
    )
