"""Colours: hex text to OKLCH and back, and the three things that pictures need: recolour, tint, grade.

OKLCH because equal steps look equal there: a recoloured cat keeps its light and dark fur. Pure functions of text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

HEX = re.compile(r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b")
# Below this chroma a colour counts as grey: it has no hue to move.
GREY_CHROMA = 0.04
# How far from the dominant hue a colour still belongs to it, in radians: a car's red body, but not its blue glass.
HUE_REACH = 0.9
# Greys between these are a coat or a wall; darker ones are outlines and eyes, lighter ones highlights.
_GREY_LOW, _GREY_HIGH = 0.36, 1.01

Lch = tuple[float, float, float]


@lru_cache(maxsize=8192)
def to_lch(colour: str) -> Lch:
    """'#a1b2c3' or '#abc' as lightness 0-1, chroma, hue in radians."""
    digits = colour.lstrip("#")
    if len(digits) == 3:  # noqa: PLR2004
        digits = "".join(letter * 2 for letter in digits)
    red, green, blue = (_linear(int(digits[at : at + 2], 16) / 255) for at in (0, 2, 4))
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.atan2(b, a)


def rgb(colour: str) -> tuple[int, int, int]:
    """'#a1b2c3' as three numbers to 255."""
    value = int(colour.lstrip("#"), 16)
    return value >> 16, value >> 8 & 255, value & 255


def to_hex(lch: Lch) -> str:
    """The nearest '#rrggbb': what the screen cannot show loses chroma, not hue or lightness."""
    lightness, chroma, hue = max(0.0, min(1.0, lch[0])), max(0.0, lch[1]), lch[2]
    parts = _rgb(lightness, chroma, hue)
    if not _shown(parts):
        # By halves, so that neighbouring colours of a gradient stay neighbours.
        low, high = 0.0, chroma
        for _ in range(9):
            chroma = (low + high) / 2
            low, high = (chroma, high) if _shown(_rgb(lightness, chroma, hue)) else (low, chroma)
        parts = _rgb(lightness, low, hue)
    return "#" + "".join(f"{round(255 * _gamma(max(0.0, min(1.0, part)))):02x}" for part in parts)


def _shown(parts: tuple[float, float, float]) -> bool:
    return all(-0.002 <= part <= 1.002 for part in parts)  # noqa: PLR2004


@lru_cache(maxsize=8192)
def mix(one: str, other: str, share: float) -> str:
    """`one` with `share` (0-1) of `other`, mixed as light is seen."""
    first, second = to_lch(one), to_lch(other)
    a = (1 - share) * first[1] * math.cos(first[2]) + share * second[1] * math.cos(second[2])
    b = (1 - share) * first[1] * math.sin(first[2]) + share * second[1] * math.sin(second[2])
    return to_hex(((1 - share) * first[0] + share * second[0], math.hypot(a, b), math.atan2(b, a)))


@lru_cache(maxsize=8192)
def shift(colour: str, light: float = 0.0, chroma: float = 1.0) -> str:
    """`colour` made lighter or darker by `light`, its chroma multiplied."""
    lightness, strength, hue = to_lch(colour)
    return to_hex((lightness + light, strength * chroma, hue))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tint:
    """The light that falls on things: mixed in with `share`, after chroma and lightness were scaled."""

    colour: str = "#ffffff"
    share: float = 0.0
    chroma: float = 1.0
    light: float = 1.0

    def __call__(self, colour: str) -> str:
        """`colour` as it looks in this light."""
        return _tinted(self, colour)


@lru_cache(maxsize=16384)
def _tinted(tint: Tint, colour: str) -> str:
    lightness, chroma, hue = to_lch(colour)
    graded = to_hex((lightness * tint.light, chroma * tint.chroma, hue))
    return mix(graded, tint.colour, tint.share) if tint.share else graded


def map_colours(svg: str, change: Callable[[str], str]) -> str:
    """`svg` with each hex colour changed. Its ids must not look like colours; the compiled art's do not."""
    return HEX.sub(lambda match: change(match[0].lower()), svg)


def recoloured(svg: str, target: str, *, areas: Mapping[str, int]) -> str:
    """`svg` with its main colour turned into `target`, its light and dark steps kept, its other hues left alone.

    `areas`: how many pixels each colour has. They decide what the main colour is: a duck's body, not its bright head.
    """
    goal = to_lch(target)
    hues: Counter[float] = Counter()
    grey = 0
    for colour, count in areas.items():
        lightness, chroma, hue = to_lch(colour)
        if chroma > GREY_CHROMA:
            hues[round(hue, 1)] += count
        elif _GREY_LOW < lightness < _GREY_HIGH:
            grey += count
    centre = max(hues, key=lambda hue: (_near_by(hues, hue), -hue), default=None)
    if centre is None or grey > 1.2 * _near_by(hues, centre):
        return map_colours(svg, lambda colour: _grey_to(colour, goal))
    seen = Counter(match.lower() for match in HEX.findall(svg))
    family = [c for c in seen if to_lch(c)[1] > GREY_CHROMA * 0.6 and _apart(to_lch(c)[2], centre) < HUE_REACH]
    if not family:
        return map_colours(svg, lambda colour: _grey_to(colour, goal))
    total = sum(seen[c] for c in family)
    middle = sum(to_lch(c)[0] * seen[c] for c in family) / total
    strongest = max(to_lch(c)[1] for c in family)
    moved = {c: _moved(to_lch(c), goal=goal, middle=middle, strongest=strongest) for c in family}
    return map_colours(svg, lambda colour: moved.get(colour, colour))


def _near_by(hues: Mapping[float, int], centre: float) -> int:
    return sum(count for hue, count in hues.items() if _apart(hue, centre) < 0.4)  # noqa: PLR2004


def _moved(lch: Lch, *, goal: Lch, middle: float, strongest: float) -> str:
    step = (lch[0] - middle) * 0.8
    if goal[1] < GREY_CHROMA:
        # Black, white and grey: the generic way gives a brown cat. White keeps its shades just below paper white.
        return to_hex((max(0.16, min(0.985, goal[0] + step * 0.6)), goal[1], goal[2]))
    return to_hex(
        (
            max(0.15, min(0.96, 0.86 * goal[0] + 0.14 * middle + step)),
            goal[1] * (0.62 + 0.4 * lch[1] / strongest),
            goal[2],
        )
    )


def _grey_to(colour: str, goal: Lch) -> str:
    lightness, chroma, _ = to_lch(colour)
    if chroma > GREY_CHROMA or not _GREY_LOW < lightness < _GREY_HIGH:  # outlines, eyes and highlights stay
        return colour
    return to_hex(
        (max(0.15, min(0.96, goal[0] + (lightness - 0.75) * 0.7)), goal[1] * (0.6 + 0.4 * lightness), goal[2])
    )


def _apart(one: float, other: float) -> float:
    return abs((one - other + math.pi) % (2 * math.pi) - math.pi)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004


def _gamma(part: float) -> float:
    return 12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055  # noqa: PLR2004


def _rgb(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
