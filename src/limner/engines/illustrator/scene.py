"""The plain values on the way to a picture: what a prompt wishes for (`Wish`), and what will be drawn (`Scene`).

Both are frozen and know nothing of words or SVG. Lengths in a scene are in units of a thousandth of its shorter side.
"""

from __future__ import annotations

from dataclasses import dataclass

SUBJECTS_MAX = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One noun of the prompt: which glyph, how many, in which colours (in turn), and how large."""

    slug: str
    count: int = 1
    colours: tuple[str, ...] = ()
    size: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was understood of a prompt. `unknown`: the words that mean nothing here, in their order, each once."""

    language: str
    wanted: tuple[Wanted, ...] = ()
    place: str | None = None
    time: str | None = None
    weather: str | None = None
    sky: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One glyph in the picture. (`x`, `y`) is where the middle of its lowest edge stands; `span` is its box's side.

    `sink` is how much of it, from below, is under water; `depth` orders the drawing, far (0) to near (1).
    """

    slug: str
    x: float
    y: float
    span: float
    depth: float
    flip: bool = False
    tilt: float = 0.0
    colour: str | None = None
    stance: str = "stand"
    sink: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that the drawing depends on; equal scenes give equal bytes. `detail` is 0 (low), 1 or 2 (hd)."""

    width: float
    height: float
    place: str
    time: str
    weather: str | None
    sky: tuple[str, ...]
    placed: tuple[Placed, ...]
    horizon: float
    vivid: bool
    detail: int
    transparent: bool
    seed: int
    mood: str = ""
