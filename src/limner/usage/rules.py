"""How long tasks took, counted in classes, and what that says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

BOUNDS: Final = (
    *(10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 7000),
    *(10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 300_000),
)
"""Milliseconds at which a new class begins: what took less than the first is in the first class. Sums that were written
down are by these bounds, so they are never changed without a migration."""
_CLASS: Final = 10**10


def classes(packed: int) -> tuple[int, ...]:
    """How many were in each class, from the number that is written down of it."""
    counts = []
    for _ in range(len(BOUNDS) + 1):
        packed, count = divmod(packed, _CLASS)
        counts.append(count)
    return tuple(counts)


def together(counts: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """Several counts as one; an empty one counts nothing."""
    return tuple(map(sum, zip(*filter(None, counts), strict=True)))


def seconds_at(took: Sequence[int], *, share: float) -> float | None:
    """The time within which that share of the tasks was done, by a straight line within its class; None: no tasks."""
    wanted = sum(took) * share
    if not wanted:
        return None
    lower, counted = 0, 0
    for upper, times in zip((*BOUNDS, BOUNDS[-1]), took, strict=True):
        if times and counted + times >= wanted:
            return (lower + (upper - lower) * (wanted - counted) / times) / 1000
        lower, counted = upper, counted + times
    return BOUNDS[-1] / 1000
