"""From what was asked to what is painted, by the model's profile; and what it costs. Pure.

What a profile does not know is refused with the parameter's name and with what would be right: nothing is dropped.
"""

from __future__ import annotations

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
_SEED_MAX: Final = 2**63 - 1
_IDENTIFIER_CHARACTERS_MAX: Final = 512


def spec_for(ask: Ask, *, model: Model) -> Spec:
    """Everything an engine needs to know. Raises a `Problem` that names the parameter at fault."""
    profile = model.profile
    for name in ask.given():
        if name not in profile.parameters:
            raise UnknownParameter(f"the model '{model.name}' has no parameter '{name}': leave it out", param=name)
    _check_prompt(ask.prompt, profile=profile, model=model.name)
    _between("n", ask.n, low=1, high=profile.n_max, model=model.name)
    _between("output_compression", ask.output_compression, low=0, high=100, model=model.name)
    _between("seed", ask.seed, low=0, high=_SEED_MAX, model=model.name)
    _one_of("moderation", ask.moderation, ("auto", "low"), model=model.name)
    for name, text in (("user", ask.user), ("safety_identifier", ask.safety_identifier)):
        if text is not None and len(text) > _IDENTIFIER_CHARACTERS_MAX:
            raise InvalidValue(f"{name} may have at most {_IDENTIFIER_CHARACTERS_MAX} characters", param=name)
    width, height = _size(ask.size, profile=profile, model=model.name)
    quality = _one_of("quality", ask.quality, profile.qualities, model=model.name) or "auto"
    style = _one_of("style", ask.style, tuple(Style), model=model.name) or Style.VIVID
    output_format = OutputFormat(
        _one_of("output_format", ask.output_format, profile.output_formats, model=model.name) or "png"
    )
    background = _one_of("background", ask.background, ("transparent", "opaque", "auto"), model=model.name)
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
        output_compression=100 if ask.output_compression is None else ask.output_compression,
        seed=ask.seed,
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


def price(model: Model, *, width: int, height: int, quality: Quality) -> int:
    """Micro-credits for one picture.

    A size class that the table lacks costs what the next larger one does (the largest there is, beyond the last);
    a quality that it lacks costs what the dearest below it does, so that no picture is free by omission.
    """
    classes = [*(name for name, _ in _SIZE_CLASSES), _LARGEST_CLASS]
    wanted = classes.index(size_class(width=width, height=height))
    listed = [name for name in classes if name in model.prices]
    row = model.prices[next((name for name in listed if classes.index(name) >= wanted), listed[-1])]
    qualities = list(Quality)
    upto = [row[q] for q in qualities[: qualities.index(quality) + 1] if q in row]
    return max(upto) if upto else min(row.values())


def _check_prompt(prompt: str, *, profile: Profile, model: str) -> None:
    if not prompt.strip():
        raise MissingParameter("prompt is empty: say what to paint", param="prompt")
    if len(prompt) > profile.prompt_characters_max:
        raise InvalidValue(
            f"prompt has {len(prompt)} characters; the model '{model}' takes at most {profile.prompt_characters_max}",
            param="prompt",
        )


def _check_together(ask: Ask, *, output_format: OutputFormat, background: str | None) -> None:
    if background == "transparent" and output_format is OutputFormat.JPEG:
        raise InvalidValue("a transparent background needs output_format png, webp or svg", param="background")
    lossless = output_format in {OutputFormat.PNG, OutputFormat.SVG}
    if lossless and ask.output_compression not in {None, 100}:
        raise InvalidValue(
            f"output_compression is for jpeg and webp; {output_format.value} is lossless: leave it out",
            param="output_compression",
        )


def _size(size: str | None, *, profile: Profile, model: str) -> tuple[int, int]:
    if size is None or size == "auto":
        return profile.default_size
    found = _SIZE.fullmatch(size)
    if found is None:
        raise InvalidValue(f"size must be like 1024x1024 or auto, not '{_short(size)}'", param="size")
    width, height = int(found[1]), int(found[2])
    if isinstance(profile.sizes, FreeSizes):
        _check_free_size(width, height, sizes=profile.sizes, model=model)
    elif (width, height) not in profile.sizes:
        allowed = ", ".join(f"{w}x{h}" for w, h in profile.sizes)
        raise InvalidValue(f"the model '{model}' paints {allowed} (or auto), not {width}x{height}", param="size")
    return width, height


def _check_free_size(width: int, height: int, *, sizes: FreeSizes, model: str) -> None:
    long, short, pixels = max(width, height), min(width, height), width * height
    if width % sizes.step or height % sizes.step:
        fault = f"width and height must be multiples of {sizes.step}"
    elif long > sizes.edge_max:
        fault = f"the longest edge must be {sizes.edge_max} pixels or less"
    elif short < sizes.edge_min:
        fault = f"the shortest edge must be {sizes.edge_min} pixels or more"
    elif pixels < sizes.pixels_min:
        fault = f"width times height must be {sizes.pixels_min} or more"
    elif pixels > sizes.pixels_max:
        fault = f"width times height must be {sizes.pixels_max} or less"
    elif long > sizes.ratio_max * short:
        fault = f"the long edge may be {sizes.ratio_max} times the short one at most"
    else:
        return
    raise InvalidValue(f"size {width}x{height} is not for the model '{model}': {fault}", param="size")


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
