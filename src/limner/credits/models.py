"""Rows of this room. All amounts are whole micro-credits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What an account has. `unlimited`: it is counted but never stopped, and may go below zero."""

    balance: int
    held: int
    unlimited: bool

    @property
    def free(self) -> int:
        """What is not promised to tasks under way."""
        return self.balance - self.held


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one key has spent, and may spend."""

    spend_limit: int | None
    spent: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One change of a balance."""

    id: UUID
    account_id: UUID
    api_key_id: UUID | None
    task_id: UUID | None
    kind: str
    amount: int
    held: int
    reason: str
    created_at: datetime
