"""Outlines that backdrops are made of, as SVG path data. Pure functions of numbers and dice."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

Point = tuple[float, float]


def smooth(points: Sequence[Point], *, closed: bool = False) -> str:
    """A curve through all `points`."""
    count = len(points)
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for index in range(count if closed else count - 1):
        before = points[(index - 1) % count] if closed else points[max(0, index - 1)]
        start, end = points[index], points[(index + 1) % count]
        after = points[(index + 2) % count] if closed else points[min(count - 1, index + 2)]
        parts.append(
            f"C{start[0] + (end[0] - before[0]) / 6:.1f} {start[1] + (end[1] - before[1]) / 6:.1f} "
            f"{end[0] - (after[0] - start[0]) / 6:.1f} {end[1] - (after[1] - start[1]) / 6:.1f} {end[0]:.1f} {end[1]:.1f}"
        )
    return "".join(parts) + ("Z" if closed else "")


def hills(rng: random.Random, *, width: float, base: float, rise: float, step: float, floor: float) -> str:
    """Rolling land: a wavy top between `base - rise` and `base`, filled down to `floor`."""
    return under(ridge_line(rng, width=width, base=base, rise=rise, step=step), floor=floor)


def ridge_line(rng: random.Random, *, width: float, base: float, rise: float, step: float) -> list[Point]:
    """The top of rolling land, from beyond the left edge to beyond the right one."""
    phase, points, x = rng.random() * 6.28, [], -step
    long = step * rng.uniform(2.2, 3.6)
    while x < width + step * 2:
        wave = 0.5 + 0.35 * math.sin(x / long * 2 + phase) + rng.uniform(-0.15, 0.15)
        points.append((x, base - rise * wave))
        x += step * rng.uniform(0.8, 1.2)
    return points


def under(line: Sequence[Point], *, floor: float) -> str:
    """The area between a line and `floor`."""
    return f"{smooth(line)}L{line[-1][0]:.1f} {floor:.1f}L{line[0][0]:.1f} {floor:.1f}Z"


def waves(rng: random.Random, *, width: float, y: float, height: float, length: float, floor: float) -> str:
    """Water with a swell of regular waves."""
    x, up, points = -length * rng.random() - length * 0.5, True, []
    while x < width + length:
        points.append((x, y + (-height if up else height) * rng.uniform(0.6, 1.0)))
        x += length * 0.5 * rng.uniform(0.85, 1.15)
        up = not up
    return under(points, floor=floor)


def cloud(rng: random.Random, *, x: float, y: float, width: float) -> list[tuple[float, float, float]]:
    """The puffs of a cloud standing on the level `y`: circles, highest in the middle."""
    puffs = []
    count = rng.randint(5, 7)
    for index in range(count):
        at = (index + 0.5) / count
        tall = math.sin(at * math.pi) ** 0.8
        radius = width * (0.085 + 0.115 * tall * rng.uniform(0.75, 1.15))
        puffs.append((x - width / 2 + width * (0.08 + 0.84 * at), y - radius * 0.72, radius))
    return puffs


def pine(*, x: float, y: float, height: float) -> str:
    """A fir tree's outline."""
    half, parts = height * 0.26, []
    for top, bottom, wide in ((0, 0.42, 0.55), (0.2, 0.68, 0.78), (0.44, 0.94, 1.0)):
        upper, lower = y - height * (1 - top), y - height * (1 - bottom)
        parts.append(
            f"M{x:.1f} {upper:.1f}Q{x + half * wide * 0.35:.1f} {(upper + lower) / 2:.1f} {x + half * wide:.1f} {lower:.1f}"
            f"Q{x:.1f} {lower + height * 0.03:.1f} {x - half * wide:.1f} {lower:.1f}"
            f"Q{x - half * wide * 0.35:.1f} {(upper + lower) / 2:.1f} {x:.1f} {upper:.1f}Z"
        )
    stem = height * 0.035
    parts.append(f"M{x - stem:.1f} {y - height * 0.1:.1f}h{stem * 2:.1f}v{height * 0.1:.1f}h{-stem * 2:.1f}Z")
    return "".join(parts)


def tuft(rng: random.Random, *, x: float, y: float, height: float) -> str:
    """A few blades of grass from one root."""
    parts = []
    for _ in range(rng.randint(3, 5)):
        lean, tall = rng.uniform(-0.6, 0.6) * height, height * rng.uniform(0.6, 1.0)
        wide = height * 0.09
        parts.append(
            f"M{x - wide:.1f} {y:.1f}Q{x + lean * 0.3:.1f} {y - tall * 0.6:.1f} {x + lean:.1f} {y - tall:.1f}"
            f"Q{x + lean * 0.3 + wide:.1f} {y - tall * 0.5:.1f} {x + wide:.1f} {y:.1f}Z"
        )
    return "".join(parts)


def peak(rng: random.Random, *, x: float, base: float, width: float, height: float) -> tuple[str, str, str]:
    """A mountain: its outline, its shaded side, its cap of snow."""
    top = (x + rng.uniform(-0.08, 0.08) * width, base - height)
    left, right = (x - width / 2, base), (x + width / 2, base)

    def between(one: Point, other: Point, share: float, push: float) -> Point:
        return one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share + push * height

    slope_left = [between(top, left, s, rng.uniform(-0.035, 0.035)) for s in (0.3, 0.62)]
    slope_right = [between(top, right, s, rng.uniform(-0.035, 0.035)) for s in (0.28, 0.6)]
    spine = [between(top, (x + width * 0.06, base), s, 0) for s in (0.25, 0.5, 0.75)]
    spine = [(px + (-1) ** i * width * 0.03, py) for i, (px, py) in enumerate(spine)]
    outline = _polygon([left, slope_left[1], slope_left[0], top, slope_right[0], slope_right[1], right])
    shade = _polygon([top, slope_right[0], slope_right[1], right, (x + width * 0.06, base), *reversed(spine)])
    low_left, low_right = between(top, slope_left[0], 0.95, 0), between(top, slope_right[0], 0.95, 0)
    snow = [low_left]
    for index in range(1, 6):
        px = low_left[0] + (low_right[0] - low_left[0]) * index / 6
        py = low_left[1] + (low_right[1] - low_left[1]) * index / 6
        snow.append((px, py + (0.05 if index % 2 else -0.045) * height))
    return outline, shade, _polygon([top, *snow, low_right])


def _polygon(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z"
