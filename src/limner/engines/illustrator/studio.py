"""The painting itself, all in one process: `Studio.paint` turns one picture of a `Spec` into a `Picture`.

Only painting processes import this module (Skia, numpy and the codecs come with it); `painter` is the one that calls.
"""

from __future__ import annotations

import hashlib

from limner.domain.spec import Background, OutputFormat, Picture, Quality, Spec, Style
from limner.engines.illustrator import raster
from limner.engines.illustrator.art import Art
from limner.engines.illustrator.compose import compose
from limner.engines.illustrator.describe import describe
from limner.engines.illustrator.parse import parse
from limner.engines.illustrator.svg import svg_of
from limner.engines.illustrator.words import Lexicon
from limner.kit import encode

_DETAIL = {Quality.LOW: 0, Quality.STANDARD: 1, Quality.HD: 2}


class Studio:
    """The art, the words, and how to paint with them. Making one reads two files."""

    def __init__(self) -> None:
        self._lexicon = Lexicon()
        self._art = Art(kinds=self._lexicon.kinds)

    def paint(self, spec: Spec, *, index: int, seed: int) -> Picture:
        """Picture `index` of `spec`, painted with `seed` (the picture's own, already counted up)."""
        wish = parse(spec.prompt, lexicon=self._lexicon)
        scene = compose(
            wish,
            width=spec.width,
            height=spec.height,
            detail=_DETAIL[spec.quality],
            vivid=spec.style is Style.VIVID,
            transparent=spec.background is Background.TRANSPARENT,
            seed=seed,
            kind_of=lambda slug: self._lexicon.kinds.get(slug, ""),
            extent_of=self._art.extent,
            mood=int.from_bytes(hashlib.sha256(spec.prompt.encode("utf-8", "replace")).digest()[:4]),
        )
        svg = svg_of(
            scene,
            art=self._art,
            width=spec.width,
            height=spec.height,
            for_pixels=spec.output_format is not OutputFormat.SVG,
        )
        return Picture(
            index=index,
            data=_encoded(svg, spec),
            output_format=spec.output_format,
            width=spec.width,
            height=spec.height,
            seed=seed,
            revised_prompt=describe(scene, wish, names=self._lexicon.names, kinds=self._lexicon.kinds),
        )


def _encoded(svg: str, spec: Spec) -> bytes:
    if spec.output_format is OutputFormat.SVG:
        return svg.encode()
    transparent = spec.background is Background.TRANSPARENT
    pixels = raster.pixels_of(svg, width=spec.width, height=spec.height, transparent=transparent)
    small = spec.quality is Quality.HD
    if spec.output_format is OutputFormat.PNG:
        return encode.png(pixels, small=small, text={"Software": "limner"})
    if spec.output_format is OutputFormat.JPEG:
        return encode.jpeg(pixels, output_compression=spec.output_compression)
    return encode.webp(pixels, output_compression=spec.output_compression, small=small)
