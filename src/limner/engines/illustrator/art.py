"""Glyphs: their drawings out of the compiled zip, and how much of the 128 x 128 box each one really fills.

`Art` reads a drawing when it is first asked for, and keeps it. Measuring needs Skia, and happens once per glyph.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limner.engines.illustrator import figures, raster, traits

FOLDER = Path(__file__).parent / "art"
BOX = 128.0
_MEASURE = 128
_HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 128 128">'


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What a glyph fills of its box, in the box's units; `foot_left` to `foot_right` is where it touches the ground."""

    left: float
    top: float
    right: float
    bottom: float
    foot_left: float
    foot_right: float

    @property
    def width(self) -> float:
        """From its leftmost to its rightmost point."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From its highest to its lowest point."""
        return self.bottom - self.top


class Art:
    """The drawings of one art folder."""

    def __init__(self, *, kinds: Mapping[str, str], folder: Path = FOLDER) -> None:
        self._kinds = kinds
        self._zip = zipfile.ZipFile(folder / "glyphs.zip")
        self._slugs = frozenset(self._zip.namelist())
        self._bodies: dict[str, str] = {}
        self._extents: dict[str, Extent] = {}

    def __contains__(self, slug: str) -> bool:
        """Whether there is a drawing called `slug`."""
        return slug in self._slugs

    def body(self, slug: str) -> str:
        """The inside of the glyph's SVG: 128 x 128 units, ids i0, i1, and so on; heads and busts come with a body."""
        if slug not in self._bodies:
            self._bodies[slug] = figures.of_our_own(slug) or self._whole(slug)
        return self._bodies[slug]

    def areas(self, slug: str) -> dict[str, int]:
        """How many pixels of a small picture of the glyph each colour has."""
        return _colours(self.body(slug), top=0, bottom=_MEASURE)

    def _whole(self, slug: str) -> str:
        body = self._zip.read(slug).decode()
        is_person = traits.is_bust(slug, self._kinds.get(slug, ""))
        return figures.whole(slug, body, is_person=is_person, cloth=_cloth(body) if is_person else None) or body

    def extent(self, slug: str) -> Extent:
        """What the glyph fills of its box."""
        if slug not in self._extents:
            self._extents[slug] = measured(self.body(slug))
        return self._extents[slug]


def _cloth(body: str) -> str | None:
    """The commonest colour along the lower edge of a bust; None for a drawing that does not end in clothes."""
    seen = _colours(body, top=112, bottom=118)
    if sum(seen.values()) < 6 * 56:  # a bust is at least that wide at its end; a figure on its feet is not
        return None
    return min(seen, key=lambda colour: (-seen[colour], colour))


def _colours(body: str, *, top: int, bottom: int) -> dict[str, int]:
    rows = raster.pixels_of(f"{_HEAD}{body}</svg>", width=_MEASURE, height=_MEASURE, transparent=True)[top:bottom]
    solid = rows[rows[:, :, 3] > 250].astype(np.uint32)  # noqa: PLR2004
    values, counts = np.unique(solid[:, 0] << 16 | solid[:, 1] << 8 | solid[:, 2], return_counts=True)
    return {f"#{value:06x}": int(count) for value, count in zip(values.tolist(), counts.tolist(), strict=True)}


def measured(body: str) -> Extent:
    """What `body` fills of a 128 x 128 box, seen at one pixel per unit."""
    solid = raster.alpha_of(f"{_HEAD}{body}</svg>", size=_MEASURE) > 100  # noqa: PLR2004
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if rows.size == 0:
        return Extent(left=0, top=0, right=BOX, bottom=BOX, foot_left=32, foot_right=96)
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    feet = np.flatnonzero(solid[max(top, bottom - 8) : bottom].any(axis=0))
    return Extent(
        left=float(columns[0]),
        top=float(top),
        right=float(columns[-1] + 1),
        bottom=float(bottom),
        foot_left=float(feet[0]),
        foot_right=float(feet[-1] + 1),
    )
