"""Fields that engines know beyond a profile's: of which type and range they are, and under which names they come. Pure.

The names of the left are ours, and are vLLM-Omni's and SGLang's wherever these agree; the aliases are theirs where they do
not, and those of Diffusers and of the programs around Stable Diffusion.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from limner.domain.problem import InvalidValue

Kind = Literal["number", "decimal", "text", "loose"]
TEXT_CHARACTERS_MAX: Final = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """One such field. number: a whole one; decimal: any; both from `low` to `high`. loose: any JSON value.

    `aliases`: under which names it comes as well.
    """

    name: str
    kind: Kind
    low: float | None = None
    high: float | None = None
    aliases: tuple[str, ...] = ()

    def fault(self, value: object) -> str | None:
        """What is wrong with a value, in words; None: nothing."""
        match self.kind:
            case "loose":
                return None
            case "text":
                if not isinstance(value, str):
                    return "must be text in quotes"
                return f"may have {TEXT_CHARACTERS_MAX} characters" if len(value) > TEXT_CHARACTERS_MAX else None
            case "number" | "decimal":
                whole = self.kind == "number"
                is_one = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
                if is_one and (self.low or 0) <= value <= (self.high or 0):  # type: ignore[operator]
                    return None
                return f"must be {'a whole number' if whole else 'a number'} from {self.low:g} to {self.high:g}"


_KNOWN: Final = (
    Extra(
        name="steps",
        kind="number",
        low=1,
        high=200,
        aliases=("num_inference_steps", "inference_steps", "num_steps", "sampling_steps"),
    ),
    Extra(name="guidance_scale", kind="decimal", low=0, high=100, aliases=("cfg_scale", "guidance")),
    Extra(name="true_cfg_scale", kind="decimal", low=0, high=100, aliases=("true_cfg",)),
    Extra(name="negative_prompt", kind="text"),
    Extra(name="strength", kind="decimal", low=0, high=1, aliases=("denoising_strength",)),
    Extra(name="flow_shift", kind="decimal", low=0, high=100, aliases=("shift",)),
    Extra(name="lora", kind="loose", aliases=("loras", "lora_weights")),
)
EXTRAS: Final[Mapping[str, Extra]] = {one.name: one for one in _KNOWN}
"""By their names."""
_OURS: Final = {alias: one.name for one in _KNOWN for alias in one.aliases}


def normal(given: Mapping[str, Any], *, known: Collection[str]) -> dict[str, Any]:
    """The fields under the names by which an engine that takes the `known` ones knows them; the others as they came.

    Raises `InvalidValue` for two that say the same in different ways.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        ours = name if name in known or _OURS.get(name) not in known else _OURS[name]
        if ours in found and found[ours] != value:
            raise InvalidValue(
                f"{name} is another name for {ours}, which is there as well: send one of them", param=name
            )
        found[ours] = value
    return found


def from_text(name: str, text: str) -> object:
    """A form's field as JSON would have it: a number or a list where it is one, unless it is known to be words."""
    known = EXTRAS.get(_OURS.get(name, name))
    if known is not None and known.kind == "text":
        return text
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return text if isinstance(value, str) or value is None else value


def check(name: str, value: object) -> None:
    """Raises `InvalidValue` where a field that is known here has a value that it cannot have."""
    fault = EXTRAS[name].fault(value) if name in EXTRAS else None
    if fault is not None:
        raise InvalidValue(f"{name} {fault}", param=name)
