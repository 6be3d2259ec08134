"""The sheet that a picture is drawn on: gathers SVG elements and gradients in drawing order.

It escapes nothing, because no text of a caller ever reaches it: only numbers, and colours and art of our own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

from limner.engines.illustrator.colour import rgb
from limner.engines.illustrator.light import Light
from limner.engines.illustrator.scene import Scene

Stop = tuple[float, str, float]
STRIPS_MAX = 200


class Sheet:
    """One picture's SVG while it grows. `rng` is the backdrop's own dice, thrown from the scene's seed."""

    def __init__(self, *, scene: Scene, light: Light, in_strips: bool = False) -> None:
        self.in_strips = in_strips
        self._fades: dict[str, Sequence[Stop]] = {}
        self.scene = scene
        self.light = light
        self.width = scene.width
        self.height = scene.height
        self.horizon = scene.horizon
        self.detail = scene.detail
        self.vivid = scene.vivid
        self.rng = random.Random(f"{scene.seed} backdrop {scene.place}")  # noqa: S311 - a picture, not a secret
        self.defs: list[str] = []
        self.body: list[str] = []
        self._known: dict[str, str] = {}

    def put(self, *elements: str) -> None:
        """Draw over what is there."""
        self.body.extend(elements)

    def define(self, prefix: str, text: str) -> str:
        """Put `text`, which names itself {id}, among the definitions, once; its id."""
        if text not in self._known:
            self._known[text] = f"{prefix}{len(self._known)}"
            self.defs.append(text.replace("{id}", self._known[text]))
        return self._known[text]

    def vertical(self, *stops: Stop) -> str:
        """A gradient from the top of what it fills to its bottom, as a paint."""
        paint = self._linear(stops, 'x1="0" y1="0" x2="0" y2="1"')
        if all(opacity == 1 for _, _, opacity in stops):
            self._fades[paint] = stops
        return paint

    def across(self, *stops: Stop) -> str:
        """A gradient from left to right, as a paint."""
        return self._linear(stops, 'x1="0" y1="0" x2="1" y2="0"')

    def slanting(self, *stops: Stop) -> str:
        """A gradient from the upper left to the lower right, as a paint."""
        return self._linear(stops, 'x1="0" y1="0" x2="1" y2="1"')

    def radial(self, *stops: Stop, focus: tuple[float, float] = (0.5, 0.5)) -> str:
        """A gradient from the middle outwards, as a paint."""
        # A focus, even in the middle, makes Skia draw black on ellipses: say it only where it matters, on circles.
        where = 'cx="0.5" cy="0.5" r="0.5"' + (
            f' fx="{focus[0]:.2f}" fy="{focus[1]:.2f}"' if focus != (0.5, 0.5) else ""
        )
        name = self.define("r", f'<radialGradient id="{{id}}" {where}>{_stops(stops)}</radialGradient>')
        return f"url(#{name})"

    def glow(self, x: float, y: float, radius: float, colour: str, strength: float) -> None:
        """A soft light."""
        paint = self.radial(
            (0, colour, strength), (0.35, colour, strength * 0.5), (0.7, colour, strength * 0.13), (1, colour, 0)
        )
        self.put(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{paint}"/>')

    def soft(self, x: float, y: float, rx: float, ry: float, *stops: Stop, turn: float = 0.0) -> None:
        """A soft-edged ellipse. Drawn as a squeezed circle: Skia paints radial gradients black on true ellipses."""
        squeeze = f"translate({x:.1f} {y:.1f})" + (f" rotate({turn:g})" if turn else "") + f" scale(1 {ry / rx:.4f})"
        self.put(f'<circle r="{rx:.1f}" transform="{squeeze}" fill="{self.radial(*stops)}"/>')

    def band(self, top: float, bottom: float, paint: str) -> None:
        """A rectangle as wide as the picture, a little wider than needed so that no edge shows.

        Skia takes 20 ms for a gradient over a million pixels and 3 ms for the same in plain strips, so a picture that is to
        become pixels has strips, one for each step that 8 bits can show; one that stays SVG has the gradient.
        """
        if self.in_strips and paint in self._fades:
            self.put(*_strips(top, bottom, width=self.width + 4, stops=self._fades[paint]))
            return
        self.put(
            f'<rect x="-2" y="{top:.1f}" width="{self.width + 4:.1f}" height="{max(1.0, bottom - top):.1f}" fill="{paint}"/>'
        )

    def _linear(self, stops: Sequence[Stop], direction: str) -> str:
        name = self.define("l", f'<linearGradient id="{{id}}" {direction}>{_stops(stops)}</linearGradient>')
        return f"url(#{name})"


def _strips(top: float, bottom: float, *, width: float, stops: Sequence[Stop]) -> list[str]:
    strips = []
    for (start, one, _), (end, other, _) in pairwise(stops):
        first, last = rgb(one), rgb(other)
        count = max(1, min(STRIPS_MAX, max(abs(a - b) for a, b in zip(first, last, strict=True))))
        for index in range(count):
            share = (index + 0.5) / count
            colour = "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(first, last, strict=True))
            at = start + (end - start) * index / count
            y = top + (bottom - top) * at
            # Each strip reaches under the next few: in small pictures a strip is less than a pixel, and seams would show.
            deep = (bottom - top) * (end - start) / count * 3 + 6.0
            deep = min(deep, bottom - y)
            strips.append(f'<path d="M-2 {y:.2f}h{width:.0f}v{deep:.2f}h{-width:.0f}z" fill="#{colour}"/>')
    return strips


def _stops(stops: Sequence[Stop]) -> str:
    return "".join(
        f'<stop offset="{offset:g}" stop-color="{colour}"'
        + (f' stop-opacity="{opacity:.3g}"/>' if opacity < 1 else "/>")
        for offset, colour, opacity in stops
    )
