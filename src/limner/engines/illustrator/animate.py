"""Moving pictures: a scene whose subjects sway, bob and hover, whose snow and rain fall, and a GIF of it that loops without a jump.

Only painting processes import this module.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from limner.engines.illustrator import raster
from limner.engines.illustrator.scene import Placed, Scene
from limner.engines.illustrator.svg import Drawing

_FLOATING: Final = frozenset({"hover", "fly", "float", "offshore"})
_BOB: Final = 11.0
_SWAY: Final = 2.4
_STEP: Final = 2.5
_ZOOM: Final = 0.05
_COLOURS: Final = 255
_OPAQUE_MIN: Final = 128
_CHANGED_MIN: Final = 6


def frames_of(
    scene: Scene, *, draw: Callable[[Scene], Drawing], width: int, height: int, count: int
) -> Iterator[Image.Image]:
    """`count` pictures of the scene, RGB or, on a transparent background, RGBA."""
    still = draw(scene)
    ground = None if scene.transparent else _part(still, 0, still.behind, width=width, height=height)
    front = _part(still, still.subjects[-1], still.before, width=width, height=height) if still.subjects else None
    fall = _part(still, still.before, still.falling, width=width, height=height)
    grading = _part(still, still.falling, None, width=width, height=height)
    falls = scene.weather in {"rain", "snow"}
    for frame in range(count):
        turn = frame / count
        moved = draw(
            replace(scene, placed=tuple(_moved(thing, turn=turn, place=at) for at, thing in enumerate(scene.placed)))
        )
        whole = ground.copy() if ground is not None else Image.new("RGBA", (width, height))
        dropped = ImageChops.offset(fall, 0, round(turn * height)) if fall is not None and falls else fall
        for layer in (_part(moved, moved.behind, _end(moved), width=width, height=height), front, dropped, grading):
            if layer is not None:
                whole.alpha_composite(layer)
        yield whole if scene.transparent else whole.convert("RGB")


def drifting(image: Image.Image, *, count: int) -> Iterator[Image.Image]:
    """A still picture, come nearer and gone back."""
    width, height = image.size
    for frame in range(count):
        near = 1 + _ZOOM * (1 - math.cos(2 * math.pi * frame / count)) / 2
        wide, high = width / near, height / near
        # A little to one side and back, so that no two frames are the same.
        aside = math.sin(2 * math.pi * frame / count) * 0.6
        left, top = (width - wide) / 2 * (1 + aside), (height - high) / 2
        box = (left, top, left + wide, top + high)
        yield image.resize((width, height), Image.Resampling.BICUBIC, box=box)


def gif(frames: Iterator[Image.Image], *, milliseconds: int) -> bytes:
    """The pictures as a GIF that goes on for ever. One palette for all; what does not move stays the same to the pixel."""
    first = next(frames)
    is_clear = first.mode == "RGBA"
    palette = _flat(first).quantize(_COLOURS, method=Image.Quantize.MEDIANCUT)
    shown = [_indexed(first, palette=palette)]
    for frame in frames:
        shown.append(_indexed(frame, palette=palette, before=(_flat(first), shown[0])))
    file = io.BytesIO()
    shown[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=shown[1:],
        duration=milliseconds,
        loop=0,
        disposal=2 if is_clear else 1,
        optimize=False,
        **({"transparency": _COLOURS} if is_clear else {}),
    )
    return file.getvalue()


def _end(drawing: Drawing) -> int:
    return drawing.subjects[-1] if drawing.subjects else drawing.behind


def _part(drawing: Drawing, start: int, end: int | None, *, width: int, height: int) -> Image.Image | None:
    """Some of the drawing's elements on nothing; None: there are none."""
    if not drawing.body[start:end]:
        return None
    svg = drawing.document(width=width, height=height, start=start, end=end)
    return Image.fromarray(raster.pixels_of(svg, width=width, height=height, transparent=True))


def _moved(thing: Placed, *, turn: float, place: int) -> Placed:
    """Each in a rhythm of its own; after a whole turn all are where they were, and at no time before."""
    phase = 2 * math.pi * (turn + 0.125 + place * 0.381966)
    if thing.stance in _FLOATING:
        return replace(thing, y=thing.y + _BOB * math.sin(phase), tilt=thing.tilt + 0.6 * _SWAY * math.cos(phase))
    return replace(thing, x=thing.x + _STEP * math.cos(phase), tilt=thing.tilt + _SWAY * math.sin(phase))


def _flat(frame: Image.Image) -> Image.Image:
    if frame.mode != "RGBA":
        return frame
    page = Image.new("RGB", frame.size, "white")
    page.paste(frame, mask=frame.getchannel("A"))
    return page


def _indexed(
    frame: Image.Image, *, palette: Image.Image, before: tuple[Image.Image, Image.Image] | None = None
) -> Image.Image:
    """The frame in the palette's colours. Dithered where it differs from the first, and there alone, or the rest would shimmer."""
    flat = _flat(frame)
    if before is None:
        indexed = flat.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    else:
        other, indexed = before[0], before[1].copy()
        changed = (
            ImageChops.difference(flat, other).convert("L").point(lambda value: 255 if value > _CHANGED_MIN else 0)
        )
        near = changed.filter(ImageFilter.MaxFilter(3))
        box = near.getbbox()
        if box is not None:
            part = flat.crop(box).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
            indexed.paste(part, box[:2], near.crop(box))
    if frame.mode == "RGBA":
        clear = np.asarray(frame.getchannel("A")) < _OPAQUE_MIN
        indexed = _with_pixels(indexed, np.where(clear, _COLOURS, np.asarray(indexed)).astype(np.uint8))
    return indexed


def _with_pixels(image: Image.Image, pixels: NDArray[np.uint8]) -> Image.Image:
    changed = Image.fromarray(pixels, mode="P")
    changed.putpalette(_entries(image))
    return changed


def _entries(image: Image.Image) -> Sequence[int]:
    entries = image.getpalette() or []
    return [*entries[: 3 * _COLOURS], *([0] * (768 - min(len(entries), 3 * _COLOURS)))]
