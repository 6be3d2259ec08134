"""From what was asked to what is painted, by the model's profile; and what it costs. Pure.

What a profile does not know is refused with the parameter's name and with what would be right: nothing is dropped.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from limner.catalog import extras as extra_fields
from limner.catalog import pictures
from limner.catalog.models import FreeSizes, Model, Profile
from limner.domain.ask import Act, Ask, ResponseFormat
from limner.domain.problem import InvalidValue, MissingParameter, Problem, UnknownParameter
from limner.domain.spec import VARIATION, Background, OutputFormat, Quality, Spec, Style

SIZE_PATTERN: Final = "[1-9][0-9]{0,4}x[1-9][0-9]{0,4}"
"""How sizes are written."""
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
TRANSPARENT: Final = frozenset({OutputFormat.PNG, OutputFormat.WEBP, OutputFormat.SVG, OutputFormat.GIF})
"""The formats that can be seen through."""
WHOLE: Final = frozenset({OutputFormat.GIF, OutputFormat.SVG})
"""The formats that nothing unfinished is shown of."""
COMPRESSED: Final = frozenset({OutputFormat.JPEG, OutputFormat.WEBP})
"""The formats that lose something, and may be told how much."""


SEED: Final = "seed"
_ONLY_SEED: Final = frozenset({SEED})
# How it is done, not what is painted: a dialect's own, which every model has.
_MANNERS: Final = frozenset({"async", "callback_url", "callback_secret", "timeout", "trace_id"})


KEPT: Final = frozenset({"prompt", "model", "image", "mask", "n"})
"""What is never left out of a request, however lenient one is: it is what the request is about, or what it costs."""
PARTIALS_MAX: Final = 3
FRAMES: Final = (2, 16)
"""The fewest and the most pictures that a gif is made of."""
FRAMES_USUAL: Final = 9
FRAME_MILLISECONDS_USUAL: Final = 200
FRAME_MILLISECONDS_MAX: Final = 655_350
FRAMES_PIXELS_MAX: Final = 8_294_400
"""The most pixels that all frames of a gif have together."""
_FRAME_EDGE_USUAL: Final = 960
_FRAME_STEP: Final = 16
COMPLEXITIES: Final = ("low", "medium", "high")
EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""How hard may be thought before an svg is drawn."""
SVG_MODEL_CHARACTERS_MAX: Final = 128
_ONLY_GENERATIONS: Final = frozenset({"style"})
_ONLY_FROM_PICTURES: Final = frozenset({"image", "mask", "markup", "input_fidelity"})
_NOT_VARIATIONS: Final = frozenset({"prompt", "mask", "markup", "input_fidelity", "style"})


def parameters(profile: Profile, *, extras: Collection[str], act: Act = Act.GENERATION) -> frozenset[str]:
    """What a model of the profile takes for such a request, on an engine that takes these `extras`: a seed only if they have it."""
    found = (profile.parameters - _ONLY_SEED) | frozenset(extras)
    match act:
        case Act.GENERATION:
            return found - _ONLY_FROM_PICTURES
        case Act.EDIT:
            return found - _ONLY_GENERATIONS
        case Act.VARIATION:
            return found - _NOT_VARIATIONS


def spec_for(
    ask: Ask,
    *,
    model: Model,
    extras: Collection[str] = _ONLY_SEED,
    formats: Collection[OutputFormat] | None = None,
    images_max: int | None = None,
    lenient: bool = False,
) -> Spec:
    """Everything an engine needs to know, but for the pictures themselves. Raises a `Problem` that names the parameter at fault.

    `extras`: what the model's engine takes beyond its profile's parameters; `formats`, `images_max`: what it writes, and how
    many pictures it can start from; None: whatever is wanted. `lenient`, or a profile that is so: what cannot be is left out
    and named in `Spec.notes`, unless it is what the request is about (`KEPT`).
    """
    if ask.extras:
        ask = replace(ask, extras=extra_fields.normal(ask.extras, known=extras))
    notes = [note for one in (*ask.images, ask.mask, ask.markup) if one is not None for note in one.notes]
    while True:
        try:
            spec = _spec_for(ask, model=model, extras=extras, formats=formats, images_max=images_max)
        except Problem as problem:
            name = problem.param
            may = (lenient or model.profile.is_lenient) and name is not None and name not in KEPT
            if not may or name not in ask.given():
                raise
            assert name is not None
            ask = _without(ask, name)
            notes.append(f"{name} was left out: {problem.message.removesuffix(': leave it out')}")
        else:
            return replace(spec, notes=tuple(dict.fromkeys(notes)))


def _without(ask: Ask, name: str) -> Ask:
    if name in ask.extras:
        return replace(ask, extras={one: value for one, value in ask.extras.items() if one != name})
    nothing: dict[str, Any] = {name: None}
    return replace(ask, **nothing)


def _spec_for(
    ask: Ask,
    *,
    model: Model,
    extras: Collection[str],
    formats: Collection[OutputFormat] | None,
    images_max: int | None,
) -> Spec:
    profile, act = model.profile, ask.act
    _check_names(ask, known=parameters(profile, extras=extras, act=act), model=model.name)
    if act is not Act.VARIATION:
        _check_prompt(ask.prompt, profile=profile, model=model.name)
    pictures.check(ask, profile=profile, model=model.name, images_max=images_max)
    pictures.check_fidelity(ask, profile=profile, model=model.name)
    _between("n", ask.n, low=1, high=profile.n_max, model=model.name)
    _between("output_compression", ask.output_compression, low=0, high=COMPRESSION_MAX, model=model.name)
    _between("seed", ask.seed, low=0, high=SEED_MAX, model=model.name)
    _between("partial_images", ask.partial_images, low=0, high=PARTIALS_MAX, model=model.name)
    _between("frame_count", ask.frame_count, low=FRAMES[0], high=FRAMES[1], model=model.name)
    _between("frame_duration_ms", ask.frame_duration_ms, low=1, high=FRAME_MILLISECONDS_MAX, model=model.name)
    _one_of("moderation", ask.moderation, MODERATIONS, model=model.name)
    _one_of("complexity", ask.complexity, COMPLEXITIES, model=model.name)
    for name, text in (("user", ask.user), ("safety_identifier", ask.safety_identifier)):
        if text is not None and len(text) > IDENTIFIER_CHARACTERS_MAX:
            raise InvalidValue(f"{name} may have at most {IDENTIFIER_CHARACTERS_MAX} characters", param=name)
    for name, value in ask.extras.items():
        extra_fields.check(name, value)
    quality = _one_of("quality", ask.quality, profile.qualities, model=model.name) or "auto"
    style = _one_of("style", ask.style, tuple(Style), model=model.name) or Style.VIVID
    output_format = OutputFormat(
        _one_of("output_format", ask.output_format, profile.output_formats, model=model.name) or "png"
    )
    background = _one_of("background", ask.background, BACKGROUNDS, model=model.name)
    _check_together(ask, output_format=output_format, background=background)
    if formats is not None and output_format not in formats:
        names = ", ".join(sorted(formats))
        raise InvalidValue(
            f"the engine behind the model '{model.name}' writes {names}, not {output_format}", param="output_format"
        )
    is_gif = output_format is OutputFormat.GIF
    frames = (ask.frame_count or FRAMES_USUAL) if is_gif else 1
    width, height = _size(ask, profile=profile, model=model.name, frames=frames)
    return Spec(
        prompt=VARIATION if act is Act.VARIATION else ask.prompt,
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
        partials=ask.partial_images or 0,
        is_variation=act is Act.VARIATION,
        frames=frames,
        frame_milliseconds=max(10, round((ask.frame_duration_ms or FRAME_MILLISECONDS_USUAL) / 10) * 10),
        input_fidelity=ask.input_fidelity,
        complexity=ask.complexity,
        svg=None if ask.svg is None else dict(ask.svg),
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
        if name in known or (name == "prompt" and not ask.prompt):
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
    is_gif, is_svg = output_format is OutputFormat.GIF, output_format is OutputFormat.SVG
    for name in ("frame_count", "frame_duration_ms"):
        if getattr(ask, name) is not None and not is_gif:
            raise InvalidValue(f"{name} is for output_format gif: leave it out", param=name)
    if ask.svg is not None:
        _check_svg(ask.svg, is_svg=is_svg)
    if (is_gif or is_svg) and ask.partial_images:
        raise InvalidValue(
            f"{output_format} comes whole: there are no partial pictures of it, so leave partial_images out",
            param="partial_images",
        )
    if is_gif and ask.mask is not None:
        raise InvalidValue("a gif takes no mask: choose another output_format", param="output_format")
    if is_svg and (ask.n or 1) > 1:
        raise InvalidValue(
            "svg is made one at a time: leave n out, or choose another output_format", param="output_format"
        )
    if background == "transparent" and output_format not in TRANSPARENT:
        raise InvalidValue("a transparent background needs output_format png, webp, gif or svg", param="background")
    if output_format not in COMPRESSED and ask.output_compression not in {None, COMPRESSION_MAX}:
        raise InvalidValue(
            f"output_compression is for jpeg and webp; {output_format.value} is lossless: leave it out",
            param="output_compression",
        )


def _check_svg(svg: Mapping[str, Any], *, is_svg: bool) -> None:
    if not is_svg:
        raise InvalidValue("svg is for output_format svg: leave it out", param="svg")
    match svg:
        case {"model": str(model), **rest} if 0 < len(model) <= SVG_MODEL_CHARACTERS_MAX:
            reasoning = rest.pop("reasoning", None)
            is_good = reasoning is None or (
                isinstance(reasoning, dict)
                and reasoning.keys() <= {"effort"}
                and reasoning.get("effort") in (None, *EFFORTS)
            )
            if is_good and not rest:
                return
            raise InvalidValue(
                f'svg must be {{"model": ..., "reasoning": {{"effort": ...}}}}, the effort one of {", ".join(EFFORTS)}',
                param="svg",
            )
        case _:
            raise InvalidValue('svg must name a model: {"model": "..."}', param="svg")


def _size(ask: Ask, *, profile: Profile, model: str, frames: int) -> tuple[int, int]:
    size = ask.size
    if size is None or size == "auto":
        width, height = profile.default_size
        if ask.images:
            width, height = pictures.size_like(ask.images[0].width, ask.images[0].height, profile=profile)
        return (width, height) if frames == 1 else _frame_size(width, height, frames=frames)
    edges = edges_of(size)
    if edges is None:
        raise InvalidValue(f"size must be like 1024x1024 or auto, not '{_short(size)}'", param="size")
    width, height = edges
    if isinstance(profile.sizes, FreeSizes):
        fault = fault_of_size(width, height, sizes=profile.sizes, frames=frames)
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


def fault_of_size(width: int, height: int, *, sizes: FreeSizes, frames: int = 1) -> str | None:
    """What is wrong with a size, in words; None: nothing. `frames`: of a gif; the fewest pixels are those of all together."""
    long, short, pixels = max(width, height), min(width, height), width * height
    faults = (
        (width % sizes.step or height % sizes.step, f"width and height must be multiples of {sizes.step}"),
        (long > sizes.edge_max, f"the longest edge must be {sizes.edge_max} pixels or less"),
        (short < sizes.edge_min, f"the shortest edge must be {sizes.edge_min} pixels or more"),
        (pixels * frames < sizes.pixels_min, f"width times height must be {sizes.pixels_min} or more"),
        (
            frames > 1 and pixels * frames > FRAMES_PIXELS_MAX,
            f"{frames} frames of it have {pixels * frames:,} pixels, and may have {FRAMES_PIXELS_MAX:,}",
        ),
        (pixels > sizes.pixels_max, f"width times height must be {sizes.pixels_max} or less"),
        (long > sizes.ratio_max * short, f"the long edge may be {sizes.ratio_max} times the short one at most"),
    )
    return next((words for is_wrong, words in faults if is_wrong), None)


def _frame_size(width: int, height: int, *, frames: int) -> tuple[int, int]:
    """The size of a gif's frames where nobody says one: of that shape, and as large as all of them may be."""
    scale = min(1.0, math.sqrt(FRAMES_PIXELS_MAX / frames / (width * height)), _FRAME_EDGE_USUAL / max(width, height))
    return tuple(max(_FRAME_STEP, math.floor(edge * scale / _FRAME_STEP) * _FRAME_STEP) for edge in (width, height))  # type: ignore[return-value]


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
