"""What goes into a device process, and what comes out of it: plain values that can be pickled, and no torch.

`job_of` makes a `Job` of a `Spec` and a `Recipe`, and checks on the way what the model cannot do. A studio answers jobs
with `Step`, `Unfinished` and `Done`, or raises a `Trouble`.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from typing_extensions import override

from limner.domain.spec import Background, OutputFormat, Quality, Spec
from limner.engines import EngineCannot
from limner.engines.diffusers_local.recipes import Dtype, Keeping, Quantised, Recipe

EXTRAS: Final = ("seed", "steps", "guidance_scale", "negative_prompt", "strength", "lora")
"""The parameters beyond a profile's that a model may take; `extras_of` says which of them one does."""

STEPS_MAX: Final = 200
GUIDANCE_MAX: Final = 50.0
LORA_SCALE_MAX: Final = 4.0
LORAS_MAX: Final = 4
_SEED_BITS: Final = 53
_NOT_WRITTEN: Final = frozenset({OutputFormat.SVG, OutputFormat.GIF})


Compiling = Literal["off", "on", "measured"]
Cache = Literal["off", "first_block", "taylorseer", "sea"]
Tiling = Literal["auto", "always", "off"]


# in ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """A small set of weights that changes how a model paints: a folder, a file, or the hub's name of one on disk."""

    where: str
    file: str | None = None
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a studio is opened with.

    `model`: a folder, or the hub's name of a model that is on disk; nothing is ever downloaded. `device`: cpu, mps, cuda:0.
    `dtype` None: the recipe's on an accelerator, float32 on the cpu. `keeping`, `quantised` None: chosen from the device's
    memory. `compiling`, `cache`: tried when the studio is warmed up, and dropped if they break or (but for compiling "on")
    do not pay.
    `preview`: a tiny decoder for unfinished pictures, a folder or the hub's name; None: the recipe's, if it is on disk.
    `tiling`: whether large pictures are decoded in pieces; auto: when memory ran out. `threads`: of the cpu, None: torch's.
    """

    model: str
    recipe: Recipe
    device: str = "cpu"
    dtype: Dtype | None = None
    keeping: Keeping | None = None
    quantised: Quantised | None = None
    loras: Mapping[str, Lora] = field(default_factory=dict)
    compiling: Compiling = "off"
    cache: Cache = "off"
    cache_threshold: float | None = None
    tiling: Tiling = "auto"
    attention: str | None = None
    preview: str | None = None
    revision: str | None = None
    variant: str | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What opening a studio came to. `notes`: what was chosen and why, a sentence each. `bytes_used`: of the device."""

    pipeline: str
    dtype: str
    seconds: float
    bytes_used: int | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request as a studio paints it: one picture per seed, every number decided.

    `width` x `height`: what the model makes; `final_width` x `final_height`: what is handed out, cropped or scaled from it.
    `guidance` None: the model has none. `images`: encoded files, upright; `mask`: a png, painted anew where transparent.
    `strength` (0-1): how much of the picture that it starts from is painted over; None: the recipe's, where one is needed.
    `loras`: names and scales. `partials`: unfinished pictures wanted of each. `is_watched`: somebody wants to hear of steps.
    `is_exact`: the seed was asked for, so each picture is painted alone: in a batch the last bits may differ. `small`: spend
    more time on a smaller file. `pictures_at_once`: the most pictures in one call of the model.
    """

    prompt: str = field(repr=False)
    negative_prompt: str | None = field(default=None, repr=False)
    width: int
    height: int
    final_width: int
    final_height: int
    steps: int
    guidance: float | None
    seeds: tuple[int, ...]
    images: tuple[bytes, ...] = field(default=(), repr=False)
    mask: bytes | None = field(default=None, repr=False)
    strength: float | None = None
    loras: tuple[tuple[str, float], ...] = ()
    partials: int = 0
    output_format: OutputFormat = OutputFormat.PNG
    output_compression: int = 100
    small: bool = False
    is_watched: bool = True
    is_exact: bool = False
    pictures_at_once: int = 1

    @property
    def key(self) -> tuple[object, ...] | None:
        """Jobs with the same one may go into one call of the model; None: this one is painted by itself."""
        if self.images or self.is_exact or self.pictures_at_once == 1:
            return None
        has_negative = self.negative_prompt is not None
        return (self.width, self.height, self.steps, self.guidance, self.loras, has_negative, self.pictures_at_once)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a caller should know of the size."""
        made, final = (self.width, self.height), (self.final_width, self.final_height)
        if made == final:
            return ()
        done = "cropped" if is_surplus(made, final) else "scaled"
        return (f"made at {made[0]}x{made[1]}, then {done} to {final[0]}x{final[1]}",)


_SURPLUS_MAX: Final = 128


def is_surplus(made: tuple[int, int], wanted: tuple[int, int]) -> bool:
    """Whether one is the other, but for what rounding up to a multiple put around it: that is cut off."""
    return all(0 <= a - b < _SURPLUS_MAX for a, b in zip(made, wanted, strict=True))


def extras_of(recipe: Recipe, *, has_loras: bool) -> tuple[str, ...]:
    """The parameters beyond a profile's that a model with this recipe takes; `has_loras`: the operator named some."""
    left_out = set()
    if recipe.guidance_parameter is None:
        left_out.add("guidance_scale")
    if not recipe.takes_negative:
        left_out.add("negative_prompt")
    if not recipe.takes_strength:
        left_out.add("strength")
    if not has_loras:
        left_out.add("lora")
    return tuple(name for name in EXTRAS if name not in left_out)


def job_of(
    spec: Spec,
    recipe: Recipe,
    *,
    loras: Mapping[str, float] | None = None,
    pictures_at_once: int = 1,
    is_watched: bool = True,
) -> Job:
    """The job that paints `spec` by `recipe`.

    `loras`: those that there are, with the scale that is theirs unless the caller says one. Raises `EngineCannot`, naming
    the field, for what a model with this recipe is not able to do.
    """
    if spec.background is Background.TRANSPARENT and not recipe.makes_transparent:
        raise EngineCannot("this model paints no transparent backgrounds: background is opaque", param="background")
    if spec.output_format in _NOT_WRITTEN:
        raise EngineCannot(f"this model writes png, jpeg and webp, no {spec.output_format}", param="output_format")
    _check_pictures(spec, recipe)
    extras = dict(spec.extras)
    unknown = sorted(set(extras) - set(EXTRAS))
    if unknown:
        raise EngineCannot(f"this model takes no {unknown[0]}; it takes {', '.join(EXTRAS)}", param=unknown[0])
    painted = recipe.painted_size(spec.width, spec.height)
    first = secrets.randbits(_SEED_BITS) if spec.seed is None else spec.seed
    strength = _strength(extras.get("strength"), spec=spec, recipe=recipe)
    return Job(
        prompt=spec.prompt,
        negative_prompt=_negative(extras.get("negative_prompt"), recipe=recipe),
        width=painted[0],
        height=painted[1],
        final_width=spec.width,
        final_height=spec.height,
        steps=_steps(extras.get("steps"), quality=spec.quality, recipe=recipe),
        guidance=_guidance(extras.get("guidance_scale"), quality=spec.quality, recipe=recipe),
        seeds=tuple(first + index for index in range(spec.n)),
        images=tuple(image.data for image in spec.images),
        mask=None if spec.mask is None else spec.mask.data,
        strength=strength,
        loras=_loras(extras.get("lora"), known=loras or {}),
        partials=spec.partials,
        output_format=spec.output_format,
        output_compression=spec.output_compression,
        small=spec.quality is Quality.HD,
        is_watched=is_watched,
        is_exact=spec.seed is not None,
        pictures_at_once=pictures_at_once,
    )


def _check_pictures(spec: Spec, recipe: Recipe) -> None:
    """Raise `EngineCannot` for pictures that the model cannot start from."""
    if len(spec.images) > recipe.images_max:
        most = "no picture" if recipe.images_max == 0 else f"at most {recipe.images_max}"
        raise EngineCannot(f"this model starts from {most}; it was given {len(spec.images)}", param="image")
    if not spec.images and recipe.images_min > 0:
        raise EngineCannot("this model only changes pictures: it needs one to start from", param="image")
    if spec.is_variation and recipe.takes_strength:
        # It paints what the words say over the picture: ours say nothing of what is to be seen there.
        raise EngineCannot(
            "this model makes no variations: it needs words for what to paint over the picture, as an edit has",
            param="image",
        )
    if spec.mask is not None and not recipe.takes_mask:
        raise EngineCannot("this model takes no mask", param="mask")
    if spec.mask is not None and not spec.images:
        raise EngineCannot("a mask needs a picture that it belongs to", param="mask")
    if spec.markup is not None:
        raise EngineCannot("this model takes no markup: say in words what is meant", param="markup")


def hints_of(spec: Spec) -> tuple[str, ...]:
    """A sentence for each thing that was said, and that makes no difference here."""
    said = (("input_fidelity", spec.input_fidelity), ("complexity", spec.complexity))
    return tuple(
        f"this model is not told {name}: '{word}' made no difference" for name, word in said if word is not None
    )


def _steps(given: Any, *, quality: Quality, recipe: Recipe) -> int:
    if given is None:
        return recipe.steps[quality]
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= STEPS_MAX:
        raise EngineCannot(f"steps is a whole number from 1 to {STEPS_MAX}; not {given!r}", param="steps")
    return given


def _guidance(given: Any, *, quality: Quality, recipe: Recipe) -> float | None:
    if given is None:
        return None if recipe.guidance is None else recipe.guidance[quality]
    if recipe.guidance_parameter is None:
        raise EngineCannot("this model has no guidance: it was trained to do without", param="guidance_scale")
    return _number(given, "guidance_scale", most=GUIDANCE_MAX)


def _negative(given: Any, *, recipe: Recipe) -> str | None:
    if given is None or given == "":
        return None
    if not isinstance(given, str):
        raise EngineCannot(f"negative_prompt is a text; not {type(given).__name__}", param="negative_prompt")
    if not recipe.takes_negative:
        raise EngineCannot(
            "this model takes no negative prompt: it has no guidance to use one", param="negative_prompt"
        )
    return given


def _strength(given: Any, *, spec: Spec, recipe: Recipe) -> float | None:
    if given is None:
        return None
    if not spec.images or not recipe.takes_strength:
        why = "this model takes pictures as references" if spec.images else "there is no picture to start from"
        raise EngineCannot(f"strength means nothing here: {why}", param="strength")
    strength = _number(given, "strength", most=1.0)
    if strength == 0:
        raise EngineCannot("strength is above 0: with 0 nothing would be painted", param="strength")
    return strength


def _loras(given: Any, *, known: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Sorted by name, so that the same ones in another order are the same job."""
    if given is None:
        return ()
    wanted: dict[str, float] = {}
    for one in given if isinstance(given, (list, tuple)) else [given]:
        is_named = isinstance(one, Mapping) and set(one) <= {"name", "scale"}
        name = one["name"] if is_named and "name" in one else one
        if not isinstance(name, str):
            raise EngineCannot(
                'lora is a name, an object such as {"name": "ink", "scale": 0.8}, or a list of them', param="lora"
            )
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise EngineCannot(f"there is no lora called {name!r}; there is {there}", param="lora")
        scale = one.get("scale", known[name]) if is_named else known[name]
        wanted[name] = _number(scale, "lora", most=LORA_SCALE_MAX, least=-LORA_SCALE_MAX)
    if len(wanted) > LORAS_MAX:
        raise EngineCannot(f"at most {LORAS_MAX} loras go together", param="lora")
    return tuple(sorted(wanted.items()))


def _number(given: Any, name: str, *, most: float, least: float = 0.0) -> float:
    is_number = isinstance(given, (int, float)) and not isinstance(given, bool) and math.isfinite(given)
    if not is_number or not least <= given <= most:
        raise EngineCannot(f"{name} is a number from {least:g} to {most:g}; not {given!r}", param=name)
    return float(given)


# out ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """`number` of `of` steps of this job are done, over all its pictures."""

    number: int
    of: int


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A picture of this job as far as it has come: an encoded file of the job's format, `number` counting up from 0."""

    index: int
    number: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """A finished picture of this job. `notes`: what the caller should know, beyond the job's own."""

    index: int
    data: bytes = field(repr=False)
    seed: int
    notes: tuple[str, ...] = ()


Told = Step | Unfinished | Done
"""What a studio tells of a job while it paints."""


class Trouble(Exception):
    """Why a job came to nothing. What was told before stands. `said`: the library's own words, for the operator only."""

    def __init__(self, message: str, said: str = "", param: str | None = None) -> None:
        super().__init__(message, said, param)
        self.message = message
        self.said = said
        self.param = param

    @override
    def __str__(self) -> str:
        return self.message


class Cannot(Trouble):
    """The model is not able to do that; `param` says which field. The studio is as well as before."""


class OutOfMemory(Trouble):
    """The device's memory does not hold it, not even in smaller parts. The studio has freed what it could."""


class DeviceLost(Trouble):
    """The device does not answer any more. The process is of no use: end it."""


class Broke(Trouble):
    """The model broke while it painted. The studio may be asked again."""


class Refused(Trouble):
    """The model's own checker does not let the picture through."""


class Cancelled(Exception):
    """Nobody wants what is being painted any more: every job of the call was cancelled."""
