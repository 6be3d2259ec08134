"""What a profile says of the pictures that a request starts from: how many, how large, which mask; and of what size the answer is. Pure."""

from __future__ import annotations

import math
from typing import Final

from limner.catalog.models import FreeSizes, ImageRules, Profile
from limner.domain.ask import Act, Ask, Given
from limner.domain.problem import InvalidValue, Problem, UnknownParameter

_PNG: Final = "image/png"
_MEGA: Final = 1_000_000


class InputFidelityNotTaken(Problem):
    """The model keeps to its pictures as it does, and is not told how closely."""

    code = "invalid_input_fidelity_model"
    status = 400


def check(ask: Ask, *, profile: Profile, model: str, images_max: int | None) -> None:
    """Raises a `Problem` that names the picture at fault. `images_max`: how many the engine can start from."""
    if ask.act is Act.GENERATION:
        return
    rules = profile.images
    if rules is None:
        raise UnknownParameter(f"the model '{model}' paints from words alone: leave image out", param="image")
    if images_max is not None and len(ask.images) > images_max:
        most = f"from {images_max} pictures at most" if images_max else "from words alone"
        raise InvalidValue(
            f"the engine behind the model '{model}' starts {most}, not from {len(ask.images)}", param="image"
        )
    if len(ask.images) > rules.count_max:
        one = "one picture" if rules.count_max == 1 else f"{rules.count_max} pictures"
        raise InvalidValue(f"the model '{model}' takes {one} at most, not {len(ask.images)}", param="image")
    for place, image in enumerate(ask.images):
        _check_image(image, rules=rules, model=model, param=f"image[{place}]" if len(ask.images) > 1 else "image")
    first = ask.images[0]
    if ask.mask is not None:
        _check_over("mask", ask.mask, first=first, bytes_max=rules.mask_bytes_max)
    elif rules.needs_clear and ask.act is Act.EDIT and first.alpha != "clear":
        raise InvalidValue(
            f"the model '{model}' paints anew where the picture is transparent, and this one is nowhere:"
            " send a mask, or a png with a transparent part",
            param="image",
        )
    if ask.markup is not None:
        _check_markup(ask, first=first, rules=rules, model=model)


def _check_image(image: Given, *, rules: ImageRules, model: str, param: str) -> None:
    if image.media_type not in rules.media_types:
        names = ", ".join(one.removeprefix("image/") for one in rules.media_types)
        raise InvalidValue(
            f"the model '{model}' takes pictures as {names}; this is a {image.media_type.removeprefix('image/')}",
            param=param,
        )
    if image.bytes >= rules.bytes_max:
        raise InvalidValue(
            f"the model '{model}' takes pictures of less than {rules.bytes_max // _MEGA} MB;"
            f" this one has {image.bytes / _MEGA:.1f} MB",
            param=param,
        )
    if rules.is_square and image.width != image.height:
        raise InvalidValue(
            f"the model '{model}' takes square pictures; this one is {image.width}x{image.height}", param=param
        )


def _check_over(name: str, picture: Given, *, first: Given, bytes_max: int) -> None:
    """A mask or a markup: a png that lies over the first picture."""
    if picture.media_type != _PNG:
        raise InvalidValue(f"{name} must be a png; this is a {picture.media_type.removeprefix('image/')}", param=name)
    if picture.bytes >= bytes_max:
        raise InvalidValue(
            f"{name} must have less than {bytes_max // _MEGA} MB; it has {picture.bytes / _MEGA:.1f} MB", param=name
        )
    if (picture.width, picture.height) != (first.width, first.height):
        raise InvalidValue(
            f"{name} must be as large as the first picture, {first.width}x{first.height}; it is"
            f" {picture.width}x{picture.height}",
            param=name,
        )
    if picture.alpha == "none":
        raise InvalidValue(f"{name} must have an alpha channel: it can be seen through nowhere", param=name)
    if picture.alpha == "opaque":
        what = "to be painted anew" if name == "mask" else "not drawn upon"
        raise InvalidValue(
            f"{name} must be wholly transparent where the picture is {what}: it is so nowhere", param=name
        )


def _check_markup(ask: Ask, *, first: Given, rules: ImageRules, model: str) -> None:
    assert ask.markup is not None
    if not rules.takes_markup:
        raise UnknownParameter(f"the model '{model}' has no parameter 'markup': leave it out", param="markup")
    if ask.mask is not None:
        raise InvalidValue("markup and mask exclude each other: send one of them", param="markup")
    _check_over("markup", ask.markup, first=first, bytes_max=rules.mask_bytes_max)


def check_fidelity(ask: Ask, *, profile: Profile, model: str) -> None:
    """Raises a `Problem` where the model is not told so how closely to keep to its pictures."""
    if ask.input_fidelity is None:
        return
    if not profile.input_fidelities:
        raise InputFidelityNotTaken(
            f"the model '{model}' always keeps closely to its pictures: leave input_fidelity out",
            param="input_fidelity",
        )
    if ask.input_fidelity not in profile.input_fidelities:
        raise InvalidValue(
            f"input_fidelity must be {' or '.join(profile.input_fidelities)} for the model '{model}',"
            f" not '{ask.input_fidelity[:40]}'",
            param="input_fidelity",
        )


def size_like(width: int, height: int, *, profile: Profile) -> tuple[int, int]:
    """The profile's size whose shape is nearest to that of a picture; where sizes are free, the picture's own, brought within them."""
    if not isinstance(profile.sizes, FreeSizes):
        shape = math.log(width / height)
        return min(
            profile.sizes, key=lambda size: (round(abs(math.log(size[0] / size[1]) - shape), 6), -size[0] * size[1])
        )
    return _within(width, height, sizes=profile.sizes)


def _within(width: int, height: int, *, sizes: FreeSizes) -> tuple[int, int]:
    ratio = min(max(width / height, 1 / sizes.ratio_max), sizes.ratio_max)
    pixels = min(max(width * height, sizes.pixels_min), sizes.pixels_max)
    high = math.sqrt(pixels / ratio)
    wide = high * ratio
    scale = min(1.0, sizes.edge_max / max(wide, high))
    step = sizes.step

    def stepped(edge: float, *, up: bool) -> int:
        steps = math.ceil(edge / step) if up else math.floor(edge / step)
        return min(max(steps * step, math.ceil(sizes.edge_min / step) * step), sizes.edge_max // step * step)

    # Rounded so that neither bound of pixels nor the ratio is passed: up where there are few, down where there are many.
    up = wide * high * scale**2 < math.sqrt(sizes.pixels_min * sizes.pixels_max)
    found = stepped(wide * scale, up=up), stepped(high * scale, up=up)
    long, short = max(found), min(found)
    if long > sizes.ratio_max * short:
        long = sizes.ratio_max * short // step * step
        if long * short < sizes.pixels_min:
            short += step
            long = sizes.ratio_max * short // step * step
    return (long, short) if found[0] >= found[1] else (short, long)
