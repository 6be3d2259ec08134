"""Pictures that the caller gave, as pixels: opened no larger than needed, cut to the picture's shape, never stretched.

Only painting processes import this module.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TypeAlias

from PIL import Image, ImageChops, ImageFilter

from limner.domain.spec import Source

Box: TypeAlias = tuple[int, int, int, int]
CLEAR_MIN = 8
"""A hole of fewer opaque steps than this, of 255, is none."""
_EXTRA_PIXELS = 2.0
_STRIP_PIXELS = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """A picture to paint on. `hole`: L, 255 where it is to be painted anew; None: nowhere. `alpha`: its own; None: opaque."""

    image: Image.Image
    hole: Image.Image | None = None
    alpha: Image.Image | None = None


def opened(source: Source, *, width: int, height: int) -> Image.Image:
    """The picture as RGB or RGBA of that size: its middle, if its shape is another."""
    with Image.open(io.BytesIO(source.data)) as image:
        return _cut(image, width=width, height=height)


def _cut(image: Image.Image, *, width: int, height: int) -> Image.Image:
    # A JPEG is decoded at a half, a quarter or an eighth where that is enough.
    image.draft("RGB", (width * 2, height * 2))
    clear = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    near = _nearer(image, step=int(min(image.width / width, image.height / height) // _EXTRA_PIXELS), clear=clear)
    scale = min(near.width / width, near.height / height)
    wide, high = min(width * scale, near.width), min(height * scale, near.height)  # floats may be a hair above
    left, top = (near.width - wide) / 2, (near.height - high) / 2
    small = near.resize((width, height), Image.Resampling.LANCZOS, box=(left, top, left + wide, top + high))
    return small.convert("RGBA") if clear else small


def _nearer(image: Image.Image, *, step: int, clear: bool) -> Image.Image:
    """As RGB or RGBa, a `step`th as large. In strips: another copy of a large one would be hundreds of megabytes."""
    if step <= 1:
        return _plain(image, clear=clear)
    near = Image.new("RGBa" if clear else "RGB", (-(-image.width // step), -(-image.height // step)))
    rows = max(1, _STRIP_PIXELS // (image.width * step)) * step
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(image.height, top + rows)))
        near.paste(_plain(strip, clear=clear).reduce(step), (0, top // step))
    return near


def _plain(image: Image.Image, *, clear: bool) -> Image.Image:
    # Premultiplied, or the colour that nobody sees would bleed into the edges.
    if clear:
        return image.convert("RGBA").convert("RGBa")
    return image if image.mode == "RGB" else image.convert("RGB")


def canvas_of(source: Source, mask: Source | None, *, width: int, height: int) -> Canvas:
    """The first picture. Without a mask, what is transparent in it is to be painted anew."""
    image = opened(source, width=width, height=height)
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    if mask is not None:
        over = opened(mask, width=width, height=height)
        hole = ImageChops.invert(over.getchannel("A")) if over.mode == "RGBA" else None
    else:
        hole = ImageChops.invert(alpha) if alpha is not None else None
    if hole is not None and hole.point(_seen).getbbox() is None:
        hole = None
    return Canvas(image=image.convert("RGB"), hole=hole, alpha=alpha)


def drawn_box(markup: Source, *, width: int, height: int) -> Box | None:
    """Around everything that was drawn on a layer; None: nothing was."""
    layer = opened(markup, width=width, height=height)
    if layer.mode != "RGBA":
        return None
    return layer.getchannel("A").point(_seen).getbbox()


def _seen(value: int) -> int:
    return 255 if value > CLEAR_MIN else 0


def softened(hole: Image.Image) -> Image.Image:
    """The hole with a soft edge that lies inside it: what is outside stays as it is, to the pixel."""
    radius = max(1.5, min(hole.size) / 256)
    inner = hole.filter(ImageFilter.GaussianBlur(radius * 2)).point(lambda value: max(0, value * 2 - 255))
    return ImageChops.darker(hole, inner)
