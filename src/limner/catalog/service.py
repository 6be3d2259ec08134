"""The catalogue: models by name."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from types import MappingProxyType

from limner.catalog.models import Model
from limner.catalog.profiles import PROFILES
from limner.domain.money import micro
from limner.domain.problem import Problem
from limner.domain.spec import Quality

_FLAT = "4k"


class UnknownModel(Problem):
    """There is no model of that name."""

    code = "unknown_model"
    status = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomModel:
    """A model that the operator adds, or puts on another engine: one price, in micro-credits, for every picture."""

    name: str
    engine: str
    profile: str
    description: str
    price: int


class Catalog:
    """All models on offer."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = MappingProxyType(dict(models))

    def models(self) -> Sequence[Model]:
        """Every model, by name."""
        return [self._models[name] for name in sorted(self._models)]

    def model(self, name: str) -> Model:
        """The model of that name. Raises `UnknownModel`, naming the nearest ones."""
        found = self._models.get(name)
        if found is None:
            near = difflib.get_close_matches(name[:80], self._models, n=3, cutoff=0.4) or sorted(self._models)[:3]
            raise UnknownModel(
                f"there is no model '{name[:80]}' here; there is {', '.join(near)} (GET /v1/models lists all)",
                param="model",
            )
        return found


def shipped(*, engine: str) -> dict[str, Model]:
    """The models that come with limner, all on one engine."""
    data = tomllib.loads(resources.files("limner.catalog").joinpath("models.toml").read_text(encoding="utf-8"))
    prices = {
        table: {size: {Quality(q): micro(c) for q, c in row.items()} for size, row in rows.items()}
        for table, rows in data["prices"].items()
    }
    models: dict[str, Model] = {}
    for name, record in data["models"].items():
        model = Model(
            name=name,
            engine=engine,
            profile=PROFILES[record["profile"]],
            description=record["description"],
            prices=prices[record["prices"]],
        )
        models[name] = model
        for alias in record.get("aliases", ()):
            models[alias] = replace(model, name=alias, description=f"The same as {name}.")
    return models


def catalog_of(*, engine: str, custom: Sequence[CustomModel]) -> Catalog:
    """What comes with limner, with the operator's models added or put in place of what was there."""
    models = shipped(engine=engine)
    for entry in custom:
        models[entry.name] = Model(
            name=entry.name,
            engine=entry.engine,
            profile=PROFILES[entry.profile],
            description=entry.description or f"Painted by the engine {entry.engine}.",
            prices={_FLAT: {Quality.LOW: entry.price}},
        )
    return Catalog(models)
