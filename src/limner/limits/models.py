"""Values of this room."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a key may do: `requests_per_minute` is also how many may come at once after a quiet minute."""

    requests_per_minute: int
    concurrent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Where a key stands: whole requests left now, the seconds until there is one more, and until its bucket is full."""

    policy: Policy
    remaining: int
    next_in_seconds: float
    full_in_seconds: float
