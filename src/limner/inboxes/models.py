"""Rows and values of this room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """An address that shows its account what is sent to it. `token`: whoever knows it may send. `received`: how many did."""

    id: UUID
    token: str = field(repr=False)
    account_id: UUID
    name: str
    created_at: datetime
    expires_at: datetime
    deleted_at: datetime | None
    received: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request as it is to be kept: `path` below the inbox's address, `headers` by their names in lower case.

    `body` is its beginning, `body_bytes` the length of all of it. The checks say what its two signatures are worth.
    `task_id`: the task that it tells of, if it is a callback of ours.
    """

    method: str
    path: str
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    body_bytes: int
    standard_check: str
    callback_check: str
    task_id: UUID | None
    sender: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received(Arrival):
    """A request that was kept. `number`: 1 for the inbox's first, and so on."""

    inbox_id: UUID
    number: int
    received_at: datetime

    @property
    def is_truncated(self) -> bool:
        """Whether there was more than was kept."""
        return self.body_bytes > len(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownBody:
    """A body as text. `encoding` base64: it is none. `is_shortened`: not all that was kept is in it."""

    text: str
    encoding: Literal["utf-8", "base64"]
    is_shortened: bool
