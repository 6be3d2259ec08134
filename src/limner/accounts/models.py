"""Rows of this room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Role = Literal["owner", "member"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Someone who has keys and credits."""

    id: UUID
    name: str
    role: Role
    created_at: datetime
    suspended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it may be shown: its prefix, never its secret. `lenient`: as in `Principal`."""

    id: UUID
    account_id: UUID
    name: str
    prefix: str
    models: frozenset[str] | None
    requests_per_minute: int | None
    concurrent: int | None
    created_at: datetime
    expires_at: datetime | None
    disabled_at: datetime | None
    lenient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OldSecret:
    """What a key had for a secret before, which opens it until `ends_at`."""

    api_key_id: UUID
    prefix: str
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A key at the only moment at which its secret is known."""

    key: ApiKey
    secret: str
