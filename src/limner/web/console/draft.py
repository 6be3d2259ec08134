"""What somebody has filled into the form of the start page, as the request that it stands for. Pure.

The code beside the form, the price under it and what Try sends are all made from `Draft.body`, so they cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

import orjson

from limner.catalog.abilities import Abilities, Fixed, Parameter, Value
from limner.web.console.snippets import in_order
from limner.web.console.snippets.request import Value as Sent

GIVEN: Final = "given"
"""The form's field that names what was chosen on purpose: it stays in the code, also when it is the default."""
EXAMPLE: Final = "A cute baby sea otter"
_NUMBER_CHARACTERS_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A parameter as the form shows it. `value`: what holds. `excluded`: values that something else rules out."""

    parameter: Parameter
    value: Value | None
    is_given: bool
    excluded: frozenset[Fixed]

    @property
    def name(self) -> str:
        """As the API calls it."""
        return self.parameter.name

    @property
    def text(self) -> str:
        """The value as one types it."""
        return typed(self.value) if self.parameter.kind == "loose" else str(self.value or "")

    @property
    def values(self) -> list[str]:
        """What can be chosen now."""
        return [value for value in self.parameter.values if value not in self.excluded]

    @property
    def has_choice(self) -> bool:
        """Whether there is anything to choose."""
        return not self.parameter.is_fixed


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The form as it stands. `body`: the request, field by field, as it would be sent."""

    model: str
    choices: tuple[Choice, ...]
    body: Mapping[str, Sent]

    def choice(self, name: str) -> Choice | None:
        """The one of that name; None: the model has none, or it cannot be chosen beside the rest."""
        return next((choice for choice in self.choices if choice.name == name), None)

    @property
    def given(self) -> str:
        """The names of what was chosen on purpose."""
        return " ".join(choice.name for choice in self.choices if choice.is_given)


def draft_of(form: Mapping[str, str], *, abilities: Abilities) -> Draft:
    """The draft that the form's fields make for this model; what the model does not take is left out."""
    chosen = set(form.get(GIVEN, "").split())
    given: dict[str, Value] = {}
    for parameter in abilities.parameters:
        value = _value(form.get(parameter.name), parameter)
        if value is not None and parameter.takes(value) and _is_meant(value, parameter, chosen):
            given[parameter.name] = value
        elif parameter.name == "prompt":
            given["prompt"] = form.get("prompt", "")
    for name in tuple(given):
        excluded, value = abilities.excluded(name, given=given), given[name]
        if excluded == "all" or (isinstance(value, (str, int)) and value in excluded):
            del given[name]
    choices = tuple(
        _choice(parameter, given, abilities)
        for parameter in abilities.parameters
        if abilities.excluded(parameter.name, given=given) != "all"
    )
    return Draft(model=abilities.model, choices=choices, body=in_order({"model": abilities.model, **given}))


def _choice(parameter: Parameter, given: Mapping[str, Value], abilities: Abilities) -> Choice:
    excluded = abilities.excluded(parameter.name, given=given)
    assert excluded != "all", "left out by the caller"
    return Choice(
        parameter=parameter,
        value=given.get(parameter.name, parameter.default),
        is_given=parameter.name in given and parameter.name != "prompt",
        excluded=excluded,
    )


def _is_meant(value: Value, parameter: Parameter, chosen: AbstractSet[str]) -> bool:
    """Whether the field says something. One of a few values is always chosen in a form: it counts when somebody did it."""
    return parameter.name in chosen or (parameter.kind != "choice" and value != parameter.default)


def _value(text: str | None, parameter: Parameter) -> Value | None:
    """What a field's text is; None: nothing was filled in, or nothing that a number could be."""
    if text is None or not text.strip():
        return None
    if parameter.kind == "number":
        digits = text.strip()
        return int(digits) if digits.isdecimal() and len(digits) <= _NUMBER_CHARACTERS_MAX else None
    if parameter.kind == "decimal":
        return _decimal(text.strip())
    if parameter.kind == "loose":
        return _loose(text.strip())
    return text.replace("\r\n", "\n") if parameter.name == "prompt" else text.strip()


def _decimal(text: str) -> Value | None:
    found = re.fullmatch(r"[0-9]{1,9}([.,][0-9]{1,9})?", text, re.ASCII)
    return float(text.replace(",", ".")) if found else None


def _loose(text: str) -> Value | None:
    """JSON where it is some, else the words themselves."""
    try:
        value: Value | None = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return value


def typed(value: Any) -> str:
    """A value of a parameter that may be anything, as one types it: words as they are, unless they would be read as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) and _loose(value.strip()) == value else orjson.dumps(value).decode()
