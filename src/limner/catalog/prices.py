"""What an operator's change of a model is checked by, and what it does to prices. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from limner.catalog import chains, rules
from limner.catalog.models import Definition, Fallback, Model, Profile
from limner.catalog.profiles import PROFILES
from limner.domain.problem import InvalidValue
from limner.domain.spec import Cause, Quality

PRICE_MAX: Final = 10**12
"""Micro-credits: a million credits for one picture."""
DESCRIPTION_CHARACTERS_MAX: Final = 300
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """What a picture of a size class and quality costs before and after a change, in micro-credits; None: nothing did."""

    size_class: str
    quality: Quality
    before: int | None
    after: int | None

    @property
    def is_changed(self) -> bool:
        """Whether it is another price."""
        return self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Models as operators want them: those on offer, those that are switched off, and why some could not be taken."""

    models: Mapping[str, Model]
    off: Mapping[str, Model]
    broken: Mapping[str, str]


def qualities(profile: Profile) -> tuple[Quality, ...]:
    """The qualities that a model of the profile paints in, the least work first."""
    return tuple(quality for quality in Quality if quality in profile.qualities.values())


def table(model: Model) -> dict[str, dict[Quality, int]]:
    """What the model costs, for every size class and quality that its profile has."""
    return {
        name: {quality: rules.price_in_class(model, name, quality=quality) for quality in qualities(model.profile)}
        for name in rules.size_classes(model.profile)
    }


def compared(before: Model | None, after: Model | None) -> list[PriceLine]:
    """The prices of both, beside each other."""
    old, new = (table(model) if model is not None else {} for model in (before, after))
    return [
        PriceLine(
            size_class=name,
            quality=quality,
            before=old.get(name, {}).get(quality),
            after=new.get(name, {}).get(quality),
        )
        for name in rules.SIZE_CLASSES
        for quality in Quality
        if quality in old.get(name, {}) or quality in new.get(name, {})
    ]


def definition_of(model: Model, *, is_offered: bool = True) -> Definition:
    """A model as an operator would have written it, with every price that its profile needs."""
    return Definition(
        is_offered=is_offered,
        engine=model.engine,
        profile=model.profile.name,
        description=model.description,
        prices=table(model),
        fallbacks=model.fallbacks,
    )


def model_from(name: str, definition: Definition) -> Model:
    """The model that a definition describes. Raises `KeyError` for a profile that does not exist."""
    return Model(
        name=name,
        engine=definition.engine,
        profile=PROFILES[definition.profile],
        description=definition.description,
        prices=definition.prices,
        fallbacks=definition.fallbacks,
    )


def check(name: str, definition: Definition, *, base: Model | None, engines: Collection[str]) -> None:
    """Whether a model may be like this. Raises `InvalidValue` with the field at fault.

    `base`: the model as it comes with limner or the settings, None: there is none.
    """
    if base is None and not NAME.fullmatch(name):
        raise InvalidValue("a model's name has up to 64 letters, digits, dots, colons and dashes", param="name")
    if definition.engine not in engines:
        raise InvalidValue(
            f"there is no engine '{definition.engine[:40]}'; there is {', '.join(sorted(engines))}", param="engine"
        )
    fault = chains.fault(definition.engine, definition.fallbacks, engines=engines)
    if fault is not None:
        raise InvalidValue(fault, param="fallbacks")
    if definition.profile not in PROFILES:
        raise InvalidValue(
            f"there is no profile '{definition.profile[:40]}'; there is {', '.join(sorted(PROFILES))}", param="profile"
        )
    if base is not None and base.profile.name != definition.profile:
        raise InvalidValue(f"the model '{name}' keeps the profile {base.profile.name}", param="profile")
    if len(definition.description) > DESCRIPTION_CHARACTERS_MAX or not definition.description.isprintable():
        raise InvalidValue(
            f"a description has up to {DESCRIPTION_CHARACTERS_MAX} characters, on one line", param="description"
        )
    _check_prices(definition.prices, profile=PROFILES[definition.profile])


def _check_prices(prices: Mapping[str, Mapping[Quality, int]], *, profile: Profile) -> None:
    classes, known = rules.size_classes(profile), qualities(profile)
    if not any(prices.values()):
        raise InvalidValue("a model has one price at least; 0 is one", param="prices")
    for name, row in prices.items():
        if name not in classes:
            raise InvalidValue(
                f"the profile {profile.name} has no sizes of the class {name[:40]}: its classes are {', '.join(classes)}",
                param=f"prices.{name[:40]}",
            )
        if not row:
            raise InvalidValue(f"there is no price for the class {name}", param=f"prices.{name}")
        for quality, price in row.items():
            param = f"prices.{name}.{quality.value}"
            if quality not in known:
                raise InvalidValue(
                    f"the profile {profile.name} has no quality {quality.value}: it has "
                    f"{', '.join(one.value for one in known)}",
                    param=param,
                )
            if not 0 <= price <= PRICE_MAX:
                raise InvalidValue("a price is 0 to 1,000,000 credits for a picture", param=param)


def offered(base: Mapping[str, Model], latest: Mapping[str, Definition], *, engines: Collection[str]) -> Offered:
    """What is on offer: the base, with what operators want put over it. Aliases follow their model.

    What cannot be taken here (an engine or a profile that this node does not have) stays as in the base.
    """
    models, off, broken = dict(base), dict[str, Model](), dict[str, str]()
    for name, definition in latest.items():
        if definition.engine not in engines:
            broken[name] = f"there is no engine {definition.engine} here"
        elif definition.profile not in PROFILES:
            broken[name] = f"there is no profile {definition.profile} here"
        else:
            models[name] = model_from(name, definition)
            if not definition.is_offered:
                off[name] = models.pop(name)
    for name, model in base.items():
        if model.alias_of is None or name in latest or model.alias_of not in latest:
            continue
        if model.alias_of in off:
            off[name] = models.pop(name)
        elif model.alias_of not in broken:
            followed = models[model.alias_of]
            models[name] = replace(followed, name=name, description=model.description, alias_of=model.alias_of)
    return Offered(models=models, off=off, broken=broken)


def to_json(definition: Definition | None) -> dict[str, Any] | None:
    """As it is kept."""
    if definition is None:
        return None
    return {
        "is_offered": definition.is_offered,
        "engine": definition.engine,
        "profile": definition.profile,
        "description": definition.description,
        "prices": {
            name: {quality.value: price for quality, price in row.items()} for name, row in definition.prices.items()
        },
        "fallbacks": [
            {"engine": one.engine, "on": [cause.value for cause in Cause if cause in one.on]}
            for one in definition.fallbacks
        ],
    }


def from_json(kept: Mapping[str, Any] | None) -> Definition | None:
    """The same back."""
    if kept is None:
        return None
    return Definition(
        is_offered=kept["is_offered"],
        engine=kept["engine"],
        profile=kept["profile"],
        description=kept["description"],
        prices={
            name: {Quality(quality): price for quality, price in row.items()} for name, row in kept["prices"].items()
        },
        # What was kept before there were chains has none.
        fallbacks=tuple(
            Fallback(engine=one["engine"], on=frozenset(Cause(word) for word in one["on"]))
            for one in kept.get("fallbacks", ())
        ),
    )
