"""Rows and values of this room."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

Shape = Literal["square", "wide", "tall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """A picture that lies in storage under `storage_key`. `seed` None: its engine knows none."""

    index: int
    storage_key: str
    media_type: str
    bytes: int
    width: int
    height: int
    seed: int | None
    revised_prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What all pictures of a task have in common. `price`: micro-credits for each.

    `quality` and `style` None: they are older than such choices are kept.
    """

    api_key_id: UUID | None
    model: str
    prompt: str = field(repr=False)
    quality: str | None
    style: str | None
    price: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptImage(StoredImage):
    """A picture, where it comes from and when it was done."""

    task_id: UUID
    account_id: UUID
    created_at: datetime
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which pictures to list; None, and no `words`, means any. `created_from` is inclusive, `created_to` is not."""

    words: str = field(default="", repr=False)
    model: str | None = None
    api_key_id: UUID | None = None
    shape: Shape | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Where a picture stands among others, which come newest first, and those of one task by their index."""

    created_at: datetime
    task_id: UUID
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A page for anybody who has its link: one picture, until `expires_at` unless it is revoked before.

    `token_hash`: SHA-256 of what its link ends with. `views`: how often it was looked at.
    """

    id: UUID
    account_id: UUID
    task_id: UUID
    index: int
    token_hash: bytes = field(repr=False)
    shows_prompt: bool
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    views: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """So many pictures, and their bytes; `oldest`: when the oldest of them was made, None: there is none."""

    pictures: int = 0
    bytes: int = 0
    oldest: datetime | None = None

    def and_(self, other: Kept) -> Kept:
        """Both together."""
        oldest = [one for one in (self.oldest, other.oldest) if one is not None]
        return Kept(
            pictures=self.pictures + other.pictures,
            bytes=self.bytes + other.bytes,
            oldest=min(oldest, default=None),
        )
