"""Rows and values of this room."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

Alpha = Literal["none", "opaque", "clear"]
Order = Literal["asc", "desc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A picture that an account has given. Pixels for `width` and `height`, `sha256` in hexadecimal.

    `name`: as the caller called it, "" if it did not. `alpha`: none (it cannot be seen through), opaque (it could, and is
    nowhere clear), clear (somewhere it is). `url`: where it was fetched, if it was. `notes`: what was done to it, a sentence
    each. `is_listed`: the account has put it here by itself; others came inside a request. It ends at `expires_at`.
    """

    id: UUID
    account_id: UUID
    name: str = field(repr=False)
    purpose: str
    media_type: str
    bytes: int
    width: int
    height: int
    sha256: str
    alpha: Alpha
    url: str | None = field(repr=False)
    notes: tuple[str, ...]
    is_listed: bool
    storage_key: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which of an account's files. `after`: those that come after this one in `order`, by age."""

    purpose: str | None = None
    after: UUID | None = None
    order: Order = "desc"


EVERY: Final = Wanted()
"""All, the newest first."""
