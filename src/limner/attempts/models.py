"""Rows and values of this room."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from limner.domain.spec import Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A try that came to nothing. `part`: which upstream or device of the engine; None: the engine as a whole.

    `said`: in its own words, for operators only. `lost_pictures`: charged to us, as far as can be known, and gone.
    """

    engine: str
    part: str | None
    cause: Cause
    said: str = field(repr=False)
    seconds: float
    lost_pictures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAttempt(Attempt):
    """One that was written down, and of which task it was."""

    id: UUID
    task_id: UUID
    account_id: UUID
    model: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Pictures that were charged to us on a day and never arrived."""

    day: date
    engine: str
    part: str | None
    pictures: int
