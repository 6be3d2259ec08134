"""The plain values on the way to a picture: what a prompt wishes for (`Wish`), and what will be drawn (`Scene`).

Both are frozen and know nothing of words or SVG. Lengths in a scene are in units of a thousandth of its shorter side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

SUBJECTS_MAX = 24


class Called(Enum):
    """What the description may call a thing: the caller's word, the drawing's name, or the name in place of the word."""

    OWN = "own"
    NAME = "name"
    STAND_IN = "stand-in"


class Doubt(Enum):
    """Why something that was said may be missing in the picture; all but NEVER are settled by looking at the scene."""

    NEVER = "never"
    PLACE = "place"
    TIME = "time"
    WEATHER = "weather"
    SKY = "sky"
    ACTION = "action"
    MANNER = "manner"
    RELATION = "relation"
    COUNT = "count"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A piece of the prompt, in the caller's own letters, that may not have been drawn as said.

    `value` is its meaning; `of` and `to` are the places in `Wish.wanted` of the things it is about (-1: none).
    """

    text: str
    doubt: Doubt = Doubt.NEVER
    value: str = ""
    of: int = -1
    to: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One noun of the prompt: which glyph, how many, in which colours (in turn), and how large.

    `noun` and `size_word` are the caller's own words for it, for the description alone: they draw nothing.
    """

    slug: str
    count: int = 1
    colours: tuple[str, ...] = ()
    size: str | None = None
    noun: str = field(default="", compare=False)
    called: Called = field(default=Called.NAME, compare=False)
    size_word: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was understood of a prompt. `said`: what may not come out as it was said, in the order of the prompt."""

    language: str
    wanted: tuple[Wanted, ...] = ()
    place: str | None = None
    time: str | None = None
    weather: str | None = None
    sky: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    said: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One glyph in the picture. (`x`, `y`) is where the middle of its lowest edge stands; `span` is its box's side.

    `sink` is how much of it, from below, is under water; `depth` orders the drawing, far (0) to near (1). `grants` is the
    place in `Wish.wanted` of what it was placed for (-1: nobody asked for it).
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
    grants: int = -1


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
