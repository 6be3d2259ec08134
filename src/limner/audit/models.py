"""Rows and values of this room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, and from where. `account_id` None: the command line of the server's machine."""

    account_id: UUID | None
    trace_id: str
    sender: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an act is about: something of that `kind`, with that id, called `label` at the time."""

    kind: str
    id: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What somebody did. `verb`: such as account.suspended. `details` have no secrets in them."""

    id: UUID
    actor: Actor
    verb: str
    subject: Subject
    details: Mapping[str, Any] = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which entries to list; None means any. `verb` takes the beginning of one too: account.; `text`: in a label or an id.

    `before`: only what was written before the entry with this id.
    """

    actor_id: UUID | None = None
    verb: str | None = None
    kind: str | None = None
    subject_id: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: UUID | None = None
