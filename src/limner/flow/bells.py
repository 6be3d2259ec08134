"""Wakes up whoever does jobs when there is one, on every node."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager


class Bells:
    """Passes on which kind of job has come into the queue."""

    def __init__(self) -> None:
        self._ringers: list[Callable[[str], None]] = []
        self._gaps: list[Callable[[], None]] = []

    def heard(self, kind: str) -> None:
        """A job of that kind is in the queue."""
        for ring in self._ringers:
            ring(kind)

    def gap(self) -> None:
        """Something may have been missed."""
        for look in self._gaps:
            look()

    @contextmanager
    def ringing(self, ring: Callable[[str], None], *, gap: Callable[[], None]) -> Generator[None]:
        """Have `ring` called while the block runs."""
        self._ringers.append(ring)
        self._gaps.append(gap)
        try:
            yield
        finally:
            self._ringers.remove(ring)
            self._gaps.remove(gap)
