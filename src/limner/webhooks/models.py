"""Rows and values of this room."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias
from uuid import UUID

Status = Literal["held", "waiting", "delivered", "failed", "paused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A callback: what one task has to tell, and to whom.

    `status`: held (its task has not ended), waiting (to be tried at `next_at`), delivered, failed, or paused (its
    receiver has answered nothing well for days). `origin`: scheme, host and port of the receiver. `attempts`: how many
    were ever made; `tried`: how many of them count in the present schedule. `is_queued`: there is a job for its next
    attempt. `ended_at`: since when it is not to be tried.
    """

    id: UUID
    account_id: UUID
    task_id: UUID
    url: str = field(repr=False)
    origin: str
    callback_secret: str | None = field(repr=False)
    status: Status
    attempts: int
    tried: int
    next_at: datetime | None
    is_queued: bool
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a callback. `status_code` None: there was no answer, and `error` says why. `answer`: its beginning."""

    message_id: UUID
    number: int
    started_at: datetime
    seconds: float
    status_code: int | None
    answer: str = field(repr=False)
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A secret that signs for an account. `retires_at` None: the current one; else it was replaced, and signs until then."""

    id: UUID
    secret: bytes = field(repr=False)
    created_at: datetime
    retires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A receiver, as one account knows it. `last_success_at` is right to the second."""

    account_id: UUID
    origin: str
    failing_since: datetime | None
    last_success_at: datetime | None
    paused_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of a message by an attempt.

    `next_at`: the time for the next try that follows from this attempt; None: none does. `endpoint_paused`: this
    attempt, and no other, has paused the receiver.
    """

    number: int
    status: Status
    next_at: datetime | None
    endpoint_paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Try again at `at`."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Try no more: the receiver said that it is gone, the schedule has ended, or nobody knows any more what to tell."""

    reason: Literal["gone", "attempts_used_up", "nothing_to_tell"]


Verdict: TypeAlias = Delivered | Retry | GiveUp


class Check(StrEnum):
    """What a signature is worth."""

    VALID = "valid"
    WRONG = "wrong"
    """No secret of ours has signed this."""
    TOO_OLD = "too_old"
    """Rightly signed, too long ago."""
    TOO_NEW = "too_new"
    """Rightly signed, for a time to come: a clock is wrong."""
    MALFORMED = "malformed"
    """A part is missing, or not in its form."""
    UNSIGNED = "unsigned"
    """There is no signature."""
