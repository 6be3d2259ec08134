"""Rows of this room. All amounts are whole micro-credits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from limner.credits import rules


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemCode:
    """A code as it may be shown: its prefix, never all of it. `credits` in micro-credits, for each use."""

    id: UUID
    prefix: str
    credits: int
    uses: int
    uses_max: int
    note: str
    made_by: UUID | None
    created_at: datetime
    expires_at: datetime | None
    disabled_at: datetime | None

    def is_good(self, *, now: datetime) -> bool:
        """Whether somebody could still redeem it."""
        return rules.is_good(
            expires_at=self.expires_at, disabled_at=self.disabled_at, uses=self.uses, uses_max=self.uses_max, now=now
        )

    def state(self, *, now: datetime) -> Literal["good", "disabled", "expired", "used up"]:
        """Whether somebody could still redeem it, or why not."""
        if self.disabled_at is not None:
            return "disabled"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "good" if self.uses < self.uses_max else "used up"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """A code at the only moment at which all of it is known."""

    code: RedeemCode
    secret: str = field(repr=False)
