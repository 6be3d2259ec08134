"""The painting itself, all in one process: `Studio.paint` turns one picture of a `Spec` into a `Picture`.

Only painting processes import this module (Skia, numpy and the codecs come with it); `painter` is the one that calls.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image

from limner.domain.spec import Background, OutputFormat, Partial, Picture, Quality, Spec, Style
from limner.engines.illustrator import animate, raster
from limner.engines.illustrator.art import Art
from limner.engines.illustrator.compose import compose
from limner.engines.illustrator.describe import describe
from limner.engines.illustrator.manners import without_hands
from limner.engines.illustrator.parse import parse
from limner.engines.illustrator.retell import retell
from limner.engines.illustrator.retouch import Retouch
from limner.engines.illustrator.scene import Scene, Wish
from limner.engines.illustrator.svg import Drawing, drawing_of
from limner.engines.illustrator.traits import size_of
from limner.engines.illustrator.words import Lexicon
from limner.kit import encode

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DETAIL = {Quality.LOW: 0, Quality.STANDARD: 1, Quality.HD: 2}
_DETAIL_BY_COMPLEXITY = {"low": 0, "medium": 1, "high": 2}
_PAPER = "#f6f3ec"
Shows = Callable[[Partial], None]
_Stage = TypeVar("_Stage")


class Studio:
    """The art, the words, and how to paint with them. Making one reads two files."""

    def __init__(self) -> None:
        self._lexicon = Lexicon()
        self._art = Art(kinds=self._lexicon.kinds)

    def paint(self, spec: Spec, *, index: int, seed: int, show: Shows | None = None) -> Picture:
        """Picture `index` of `spec`, painted with `seed` (the picture's own, already counted up).

        `show` is told of unfinished ones, `spec.partials` of them where there are so many stages.
        """
        prompt = "" if spec.is_variation else without_hands(spec.prompt) if spec.images else spec.prompt
        wish = parse(prompt, lexicon=self._lexicon)
        work = self._retouched if spec.images else self._composed
        data, words = work(spec, wish, index=index, seed=seed, show=show)
        return Picture(
            index=index,
            data=data,
            output_format=spec.output_format,
            width=spec.width,
            height=spec.height,
            seed=seed,
            revised_prompt=words,
            notes=_unheeded(spec),
        )

    def _composed(self, spec: Spec, wish: Wish, *, index: int, seed: int, show: Shows | None) -> tuple[bytes, str]:
        """A picture from words alone, and what it shows."""
        transparent = spec.background is Background.TRANSPARENT
        scene = self._scene(wish, spec=spec, seed=seed, width=spec.width, height=spec.height, transparent=transparent)
        words = describe(scene, wish, names=self._lexicon.names, kinds=self._lexicon.kinds)
        if spec.output_format is OutputFormat.GIF:
            frames = animate.frames_of(
                scene, draw=self._drawing, width=spec.width, height=spec.height, count=spec.frames
            )
            return animate.gif(frames, milliseconds=spec.frame_milliseconds), words
        is_svg = spec.output_format is OutputFormat.SVG
        drawing = drawing_of(scene, art=self._art, for_pixels=not is_svg)
        if show is not None:
            for number, end in enumerate(_some(drawing.stages, spec.partials)):
                svg = _on_paper(drawing, spec=spec, end=end)
                pixels = raster.pixels_of(svg, width=spec.width, height=spec.height, transparent=transparent)
                show(_partial(pixels, spec=spec, index=index, number=number))
        svg = drawing.document(width=spec.width, height=spec.height)
        if is_svg:
            return svg.encode(), words
        pixels = raster.pixels_of(svg, width=spec.width, height=spec.height, transparent=transparent)
        return _encoded(pixels, spec), words

    def _retouched(self, spec: Spec, wish: Wish, *, index: int, seed: int, show: Shows | None) -> tuple[bytes, str]:
        """A picture from those that were given, and what was done to them."""
        work = Retouch(
            spec=spec,
            wish=wish,
            seed=seed,
            size_of=lambda slug: size_of(slug, self._lexicon.kinds.get(slug, "")),
            compose=functools.partial(self._scene, spec=spec, seed=seed),
            draw=self._drawing,
            draw_over=functools.partial(drawing_of, art=self._art, for_pixels=True, over=True),
        )
        steps = [step.image for step in work.steps()]
        image = steps.pop()
        words = retell(work.told, wish, prompt=spec.prompt, names=self._lexicon.names, kinds=self._lexicon.kinds)
        if spec.output_format is OutputFormat.GIF:
            frames = animate.drifting(image, count=spec.frames)
            return animate.gif(frames, milliseconds=spec.frame_milliseconds), words
        if show is not None:
            for number, step in enumerate(_some(steps, spec.partials)):
                show(_partial(np.asarray(step), spec=spec, index=index, number=number))
        if spec.output_format is OutputFormat.SVG:
            return _framed(image, spec=spec), words
        return _encoded(np.asarray(image), spec), words

    def _scene(self, wish: Wish, *, spec: Spec, seed: int, width: int, height: int, transparent: bool) -> Scene:
        return compose(
            wish,
            width=width,
            height=height,
            detail=_DETAIL_BY_COMPLEXITY.get(spec.complexity or "", _DETAIL[spec.quality]),
            vivid=spec.style is Style.VIVID,
            transparent=transparent,
            seed=seed,
            kind_of=lambda slug: self._lexicon.kinds.get(slug, ""),
            extent_of=self._art.extent,
            mood=int.from_bytes(hashlib.sha256(spec.prompt.encode("utf-8", "replace")).digest()[:4]),
        )

    def _drawing(self, scene: Scene) -> Drawing:
        return drawing_of(scene, art=self._art, for_pixels=True)


def _some(stages: Sequence[_Stage], count: int) -> Sequence[_Stage]:
    """So many of them, spread evenly; all of them, where there are no more."""
    total = len(stages)
    return [stages[(place + 1) * total // count - 1] for place in range(count)] if count < total else stages


def _unheeded(spec: Spec) -> tuple[str, ...]:
    """A sentence for each hint that makes no difference here."""
    said = (("input_fidelity", spec.input_fidelity), ("svg", spec.svg))
    return tuple(
        f"the illustrator is not told {name}: it made no difference" for name, value in said if value is not None
    )


def _encoded(pixels: NDArray[np.uint8], spec: Spec) -> bytes:
    small = spec.quality is Quality.HD
    if spec.output_format is OutputFormat.PNG:
        return encode.png(pixels, small=small, text={"Software": "limner"})
    if spec.output_format is OutputFormat.JPEG:
        return encode.jpeg(pixels, output_compression=spec.output_compression)
    return encode.webp(pixels, output_compression=spec.output_compression, small=small)


def _partial(pixels: NDArray[np.uint8], *, spec: Spec, index: int, number: int) -> Partial:
    return Partial(index=index, number=number, data=_encoded(pixels, spec), output_format=spec.output_format)


def _on_paper(drawing: Drawing, *, spec: Spec, end: int) -> str:
    """The drawing as far as `end`, on paper, so that what is not there yet is not black."""
    svg = drawing.document(width=spec.width, height=spec.height, end=end)
    if spec.background is Background.TRANSPARENT:
        return svg
    head, mark, rest = svg.partition("</defs>")
    return f'{head}{mark}<rect width="100%" height="100%" fill="{_PAPER}"/>{rest}'


def _framed(image: Image.Image, *, spec: Spec) -> bytes:
    """Pixels in an SVG document, for those who want one of a picture that was pixels to begin with."""
    data = base64.b64encode(encode.png(np.asarray(image))).decode()
    size = f'width="{spec.width}" height="{spec.height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {size} '
        f'viewBox="0 0 {spec.width} {spec.height}"><image {size} xlink:href="data:image/png;base64,{data}"/></svg>'
    ).encode()
