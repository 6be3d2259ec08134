"""Rows of this room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from limner.usage import rules

Step = Literal["hour", "day"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What tasks came to, together. `charged` in micro-credits.

    `took`: how many of those that went well took how long, by `rules.BOUNDS`; empty: none did.
    """

    tasks: int = 0
    failed: int = 0
    cancelled: int = 0
    pictures: int = 0
    charged: int = 0
    took: tuple[int, ...] = ()

    @property
    def succeeded(self) -> int:
        """The tasks that went well."""
        return self.tasks - self.failed - self.cancelled

    def seconds_at(self, share: float) -> float | None:
        """The seconds within which that share of the good tasks was done, to a fifth or so; None: there were none."""
        return rules.seconds_at(self.took, share=share)


def sum_of(parts: Iterable[Used]) -> Used:
    """All of them together."""
    all_ = list(parts)
    return Used(
        tasks=sum(part.tasks for part in all_),
        failed=sum(part.failed for part in all_),
        cancelled=sum(part.cancelled for part in all_),
        pictures=sum(part.pictures for part in all_),
        charged=sum(part.charged for part in all_),
        took=rules.together(part.took for part in all_),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a span came to: all of it, and the same by step, model, key and outcome.

    `steps`: by the beginning of each hour or day (UTC) in which there was any. `outcomes`: by status and error code, ''
    for what went well.
    """

    total: Used
    steps: Mapping[datetime, Used]
    models: Mapping[str, Used]
    keys: Mapping[UUID, Used]
    outcomes: Mapping[tuple[str, str], Used]
