"""Bars as SVG shapes, reckoned here, so that pages need no script to draw them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 600
HEIGHT: Final = 120
_FILLED: Final = 0.72
_LEAST: Final = 1.5
_TIDY: Final = (1, 2, 4, 6, 8, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A rectangle from `y` downwards. `kind`: its class in the stylesheet."""

    y: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One step's rectangles, drawn one over the other; `title` says what they stand for."""

    x: float
    width: float
    pieces: tuple[Piece, ...]
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Bars side by side; `top` is the value at the upper edge."""

    bars: tuple[Bar, ...]
    top: float
    label: str


def chart(
    steps: Sequence[tuple[str, Sequence[float]]], *, kinds: Sequence[str], label: str, least_top: float = 2
) -> Chart:
    """Bars for steps of a title and a value for each of `kinds`, the largest kind first."""
    top = tidy_top(max((value for _, values in steps for value in values), default=0), least=least_top)
    each = WIDTH / max(1, len(steps))
    bars = []
    for number, (title, values) in enumerate(steps):
        pieces = tuple(_piece(value / top, kind=kind) for value, kind in zip(values, kinds, strict=True) if value > 0)
        if pieces:
            x = round(each * (number + (1 - _FILLED) / 2), 2)
            bars.append(Bar(x=x, width=round(each * _FILLED, 2), pieces=pieces, title=title))
    return Chart(bars=tuple(bars), top=top, label=label)


def tidy_top(most: float, *, least: float) -> float:
    """The next number that is tidy, as its half is."""
    power = 1.0
    while power * _TIDY[-1] < most:
        power *= 10
    while power > most and power > least:
        power /= 10
    return max(least, next((step * power for step in _TIDY if step * power >= most), most))


def _piece(share: float, *, kind: str) -> Piece:
    height = round(max(_LEAST, HEIGHT * min(1.0, share)), 2)
    return Piece(y=round(HEIGHT - height, 2), height=height, kind=kind)
