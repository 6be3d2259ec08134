"""From what was asked to what is painted, by the model's profile; and what it costs. Pure.

What a profile does not know is refused with the parameter's name and with what would be right: nothing is dropped.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from typing import Final

from limner.catalog.models import FreeSizes, Model, Profile
from limner.domain.ask import Ask, ResponseFormat
from limner.domain.problem import InvalidValue, MissingParameter, UnknownParameter
from limner.domain.spec import Background, OutputFormat, Quality, Spec, Style

_SIZE: Final = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", re.ASCII)
_SIZE_CLASSES: Final = (
    ("256", 256 * 256),
    ("512", 512 * 512),
    ("1k", 1_100_000),
    ("wide", 2_000_000),
    ("2k", 4_500_000),
)
_LARGEST_CLASS: Final = "4k"

SIZE_CLASSES: Final = (*(name for name, _ in _SIZE_CLASSES), _LARGEST_CLASS)
"""The classes by which sizes are priced, smallest first."""
SEED_MAX: Final = 2**63 - 1
COMPRESSION_MAX: Final = 100
_NAME_SHOWN: Final = 80
IDENTIFIER_CHARACTERS_MAX: Final = 512
RESPONSE_FORMATS: Final[tuple[ResponseFormat, ...]] = ("url", "b64_json")
BACKGROUNDS: Final = ("transparent", "opaque", "auto")
MODERATIONS: Final = ("auto", "low")
TRANSPARENT: Final = frozenset({OutputFormat.PNG, OutputFormat.WEBP, OutputFormat.SVG})
"""The formats that can be seen through."""
COMPRESSED: Final = frozenset({OutputFormat.JPEG, OutputFormat.WEBP})
"""The formats that lose something, and may be told how much."""


SEED: Final = "seed"
_ONLY_SEED: Final = frozenset({SEED})
# How it is done, not what is painted: a dialect's own, which every model has.
_MANNERS: Final = frozenset({"async", "callback_url", "callback_secret", "timeout", "trace_id"})


def parameters(profile: Profile, *, extras: Collection[str]) -> frozenset[str]:
    """What a model of the profile takes, on an engine that takes these `extras`: a seed only if they have it."""
    return (profile.parameters - _ONLY_SEED) | frozenset(extras)


def spec_for(ask: Ask, *, model: Model, extras: Collection[str] = _ONLY_SEED) -> Spec:
    """Everything an engine needs to know. Raises a `Problem` that names the parameter at fault.

    `extras`: what the model's engine takes beyond its profile's parameters.
    """
    profile = model.profile
    _check_names(ask, known=parameters(profile, extras=extras), model=model.name)
    _check_prompt(ask.prompt, profile=profile, model=model.name)
    _between("n", ask.n, low=1, high=profile.n_max, model=model.name)
    _between("output_compression", ask.output_compression, low=0, high=COMPRESSION_MAX, model=model.name)
    _between("seed", ask.seed, low=0, high=SEED_MAX, model=model.name)
    _one_of("moderation", ask.moderation, MODERATIONS, model=model.name)
    for name, text in (("user", ask.user), ("safety_identifier", ask.safety_identifier)):
        if text is not None and len(text) > IDENTIFIER_CHARACTERS_MAX:
            raise InvalidValue(f"{name} may have at most {IDENTIFIER_CHARACTERS_MAX} characters", param=name)
    width, height = _size(ask.size, profile=profile, model=model.name)
    quality = _one_of("quality", ask.quality, profile.qualities, model=model.name) or "auto"
    style = _one_of("style", ask.style, tuple(Style), model=model.name) or Style.VIVID
    output_format = OutputFormat(
        _one_of("output_format", ask.output_format, profile.output_formats, model=model.name) or "png"
    )
    background = _one_of("background", ask.background, BACKGROUNDS, model=model.name)
    _check_together(ask, output_format=output_format, background=background)
    return Spec(
        prompt=ask.prompt,
        n=ask.n or 1,
        width=width,
        height=height,
        quality=profile.qualities[quality],
        style=Style(style),
        background=Background.TRANSPARENT if background == "transparent" else Background.OPAQUE,
        output_format=output_format,
        output_compression=COMPRESSION_MAX if ask.output_compression is None else ask.output_compression,
        seed=ask.seed,
        model=model.name,
        quality_word=quality,
        size_word=ask.size or "auto",
        extras=dict(ask.extras),
        moderation=None if ask.moderation == "auto" else ask.moderation,
        user=ask.user if ask.safety_identifier is None else ask.safety_identifier,
    )


def response_format_for(ask: Ask, *, default: ResponseFormat) -> ResponseFormat:
    """How the pictures are to be answered."""
    match ask.response_format:
        case None:
            return default
        case "url":
            return "url"
        case "b64_json":
            return "b64_json"
        case other:
            raise InvalidValue(
                f"response_format must be url or b64_json, not '{_short(other)}'", param="response_format"
            )


def size_class(*, width: int, height: int) -> str:
    """The class by which a size is priced."""
    return next((name for name, pixels in _SIZE_CLASSES if width * height <= pixels), _LARGEST_CLASS)


def size_classes(profile: Profile) -> tuple[str, ...]:
    """The classes that the profile's sizes are in, smallest first."""
    if not isinstance(profile.sizes, FreeSizes):
        found = {size_class(width=width, height=height) for width, height in profile.sizes}
        return tuple(name for name in SIZE_CLASSES if name in found)
    bounds = [*(pixels for _, pixels in _SIZE_CLASSES), profile.sizes.pixels_max]
    classes = zip(SIZE_CLASSES, [0, *bounds], bounds, strict=False)
    return tuple(
        name
        for name, above, upto in classes
        if upto >= profile.sizes.pixels_min and above < min(upto, profile.sizes.pixels_max)
    )


def price(model: Model, *, width: int, height: int, quality: Quality) -> int:
    """Micro-credits for one picture.

    A size class that the table lacks costs what the next larger one does (the largest there is, beyond the last);
    a quality that it lacks costs what the dearest below it does, so that no picture is free by omission.
    """
    return price_in_class(model, size_class(width=width, height=height), quality=quality)


def price_in_class(model: Model, name: str, *, quality: Quality) -> int:
    """The same for any picture of a size class."""
    wanted = SIZE_CLASSES.index(name)
    listed = [one for one in SIZE_CLASSES if one in model.prices]
    row = model.prices[next((one for one in listed if SIZE_CLASSES.index(one) >= wanted), listed[-1])]
    qualities = list(Quality)
    upto = [row[q] for q in qualities[: qualities.index(quality) + 1] if q in row]
    return max(upto) if upto else min(row.values())


def _check_names(ask: Ask, *, known: Collection[str], model: str) -> None:
    for name in ask.given():
        if name in known:
            continue
        near = (
            difflib.get_close_matches(name[:_NAME_SHOWN], sorted({*known, *_MANNERS}), n=1)
            if name in ask.extras
            else ()
        )
        hint = f"did you mean '{near[0]}'?" if near else "leave it out"
        raise UnknownParameter(
            f"the model '{model}' has no parameter '{name[:_NAME_SHOWN]}': {hint}", param=name[:_NAME_SHOWN]
        )


def _check_prompt(prompt: str, *, profile: Profile, model: str) -> None:
    if not prompt.strip():
        raise MissingParameter("prompt is empty: say what to paint", param="prompt")
    if len(prompt) > profile.prompt_characters_max:
        raise InvalidValue(
            f"prompt has {len(prompt)} characters; the model '{model}' takes at most {profile.prompt_characters_max}",
            param="prompt",
        )


def _check_together(ask: Ask, *, output_format: OutputFormat, background: str | None) -> None:
    if background == "transparent" and output_format not in TRANSPARENT:
        raise InvalidValue("a transparent background needs output_format png, webp or svg", param="background")
    if output_format not in COMPRESSED and ask.output_compression not in {None, COMPRESSION_MAX}:
        raise InvalidValue(
            f"output_compression is for jpeg and webp; {output_format.value} is lossless: leave it out",
            param="output_compression",
        )


def _size(size: str | None, *, profile: Profile, model: str) -> tuple[int, int]:
    if size is None or size == "auto":
        return profile.default_size
    edges = edges_of(size)
    if edges is None:
        raise InvalidValue(f"size must be like 1024x1024 or auto, not '{_short(size)}'", param="size")
    width, height = edges
    if isinstance(profile.sizes, FreeSizes):
        fault = fault_of_size(width, height, sizes=profile.sizes)
        if fault is not None:
            raise InvalidValue(f"size {width}x{height} is not for the model '{model}': {fault}", param="size")
    elif (width, height) not in profile.sizes:
        allowed = ", ".join(f"{w}x{h}" for w, h in profile.sizes)
        raise InvalidValue(f"the model '{model}' paints {allowed} (or auto), not {width}x{height}", param="size")
    return width, height


def edges_of(size: str) -> tuple[int, int] | None:
    """Width and height in pixels from the wire's way of writing them; None: it is not a size."""
    found = _SIZE.fullmatch(size)
    return None if found is None else (int(found[1]), int(found[2]))


def fault_of_size(width: int, height: int, *, sizes: FreeSizes) -> str | None:
    """What is wrong with a size, in words; None: nothing."""
    long, short, pixels = max(width, height), min(width, height), width * height
    faults = (
        (width % sizes.step or height % sizes.step, f"width and height must be multiples of {sizes.step}"),
        (long > sizes.edge_max, f"the longest edge must be {sizes.edge_max} pixels or less"),
        (short < sizes.edge_min, f"the shortest edge must be {sizes.edge_min} pixels or more"),
        (pixels < sizes.pixels_min, f"width times height must be {sizes.pixels_min} or more"),
        (pixels > sizes.pixels_max, f"width times height must be {sizes.pixels_max} or less"),
        (long > sizes.ratio_max * short, f"the long edge may be {sizes.ratio_max} times the short one at most"),
    )
    return next((words for is_wrong, words in faults if is_wrong), None)


def _one_of(name: str, value: str | None, allowed: Collection[str], *, model: str) -> str | None:
    if value is not None and value not in allowed:
        raise InvalidValue(
            f"{name} must be one of {', '.join(allowed)} for the model '{model}', not '{_short(value)}'", param=name
        )
    return value


def _between(name: str, value: int | None, *, low: int, high: int, model: str) -> None:
    if value is None or low <= value <= high:
        return
    right = f"must be {low}" if low == high else f"must be a whole number from {low} to {high}"
    raise InvalidValue(f"{name} {right} for the model '{model}', not {value}", param=name)


def _short(value: str) -> str:
    """A caller's text, cut to what a message can bear."""
    longest = 40
    return value if len(value) <= longest else value[:longest] + "..."


_BYTES_PER_TOKEN: Final = 4
_TOKENS_AT_1024: Final = {Quality.LOW: 272, Quality.STANDARD: 1056, Quality.HD: 4160}


def text_tokens(prompt: str) -> int:
    """A prompt's tokens as `usage` tells them: a quarter of its UTF-8 bytes, which is what tokenizers come to on average."""
    return max(1, -(-len(prompt.encode("utf-8", "replace")) // _BYTES_PER_TOKEN))


def image_tokens(*, width: int, height: int, quality: Quality) -> int:
    """A picture's tokens as `usage` tells them: OpenAI's published figures for 1024x1024, in proportion to the pixels."""
    return round(_TOKENS_AT_1024[quality] * width * height / 1024**2)
