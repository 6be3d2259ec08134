"""SVG text to pixels, with Skia on the CPU. Only painting processes import this module: Skia is 32 MB.

Skia knows `xlink:href` and no other; everything that writes SVG here follows that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import skia
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pixels_of(svg: str, *, width: int, height: int, transparent: bool) -> NDArray[np.uint8]:
    """The picture as (height, width, 4) when `transparent`, else (height, width, 3)."""
    rgba = _drawn(svg, width=width, height=height)
    if not transparent:
        # Pillow drops the alpha in 1 ms; numpy's strided copy takes 7.
        return np.asarray(Image.frombuffer("RGBA", (width, height), rgba, "raw", "RGBA", 0, 1).convert("RGB"))
    alpha = rgba[:, :, 3:4].astype(np.uint16)
    colour = rgba[:, :, :3].astype(np.uint16)
    straight = np.minimum((colour * 255 + alpha // 2) // np.maximum(alpha, 1), 255)
    return np.concatenate((straight, alpha), axis=2).astype(np.uint8)


def alpha_of(svg: str, *, size: int) -> NDArray[np.uint8]:
    """How opaque each pixel of a small drawing is: for measuring where it ends."""
    return _drawn(svg, width=size, height=size)[:, :, 3]


def _drawn(svg: str, *, width: int, height: int) -> NDArray[np.uint8]:
    canvas_pixels = np.zeros((height, width, 4), dtype=np.uint8)
    # MemoryStream must copy: without it the text is freed under the parser, and some drawings come back empty.
    dom = skia.SVGDOM.MakeFromStream(skia.MemoryStream(svg.encode(), True))  # noqa: FBT003 - Skia's signature
    if dom is None:
        raise ValueError("Skia could not read the scene's SVG.")
    info = skia.ImageInfo.Make(width, height, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
    surface = skia.Surface.MakeRasterDirect(info, canvas_pixels)
    dom.setContainerSize(skia.Size(width, height))
    with surface as canvas:
        dom.render(canvas)
    return canvas_pixels
