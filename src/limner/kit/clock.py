"""The time, as an argument: whoever needs to know it is given a `Clock`, so that tests can hold it still."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


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
