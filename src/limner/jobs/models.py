"""What this room hands out."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job in hand. `number`: PgQueuer's own, by which it is given back."""

    number: int
    kind: str
    subject_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Whose turn a job has to wait for: an account's, a receiver's.

    `width`: how many of the line may be in the queue or in hand at once. `waiting_max`: how many may wait for that.
    """

    id: UUID
    width: int
    waiting_max: int = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """Jobs of one kind that are in the queue: how many, and for how many seconds the oldest has been."""

    kind: str
    count: int
    oldest_seconds: float
