"""Rows of this room."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a program of the account's own manages it by. `prefix`: how it begins; `used_at` is right to the minute."""

    id: UUID
    account_id: UUID
    name: str
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None

    def has_expired(self, *, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A token at the only moment at which all of it is known."""

    token: Token
    secret: str = field(repr=False)
