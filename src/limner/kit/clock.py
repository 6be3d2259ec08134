"""The time, as an argument: whoever needs to know it is given a `Clock`, so that tests can hold it still."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol


class Clock(Protocol):
    """Tells the time of day, in UTC."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)


class SteadyClock:
    """A clock that never jumps, whatever is done to the machine's: it is set once and then only nudged.

    Several processes that follow the same source agree with each other, although their machines' clocks may not.
    `ticks`: seconds that only ever grow, from any start.
    """

    _NUDGE_MAX: Final = 0.1  # of the time since the last one: a second takes ten seconds to make good

    def __init__(self, moment: datetime, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._moment = moment
        self._at = ticks()

    def now(self) -> datetime:
        """The moment it was set to, and the time that has passed since."""
        return self._moment + timedelta(seconds=self._ticks() - self._at)

    def follow(self, true: datetime) -> float:
        """Come nearer to what the source says now; how many seconds are left to make good."""
        at = self._ticks()
        passed = at - self._at
        mine = self._moment + timedelta(seconds=passed)
        error = (true - mine).total_seconds()
        nudge = max(-self._NUDGE_MAX * passed, min(self._NUDGE_MAX * passed, error))
        self._moment, self._at = mine + timedelta(seconds=nudge), at
        return error - nudge


@dataclass
class StillClock:
    """A clock that moves only when told to."""

    moment: datetime

    def now(self) -> datetime:
        """The moment it was set to."""
        return self.moment

    def move(self, *, seconds: float) -> None:
        """Move the hands by `seconds`, forwards or backwards."""
        self.moment += timedelta(seconds=seconds)
