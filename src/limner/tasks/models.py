"""Rows of this room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task under way. `held`: micro-credits promised to it."""

    id: UUID
    account_id: UUID
    api_key_id: UUID
    trace_id: str
    model: str
    engine: str
    held: int
    created_at: datetime
