"""Rows and values of this room."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

Purpose = Literal["verify", "reset", "welcome"]
Trial = Literal[
    "sign_in_by_sender",
    "sign_in_by_email",
    "register",
    "mail_by_sender",
    "mail_by_email",
    "link",
    "provider",
    "redeem",
    "webhook_test",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How the person behind an account comes in. `email` None: through a provider that tells none.

    `must_verify`: the password counts only once the address is verified. `approved_at` None: the operator has not said
    yes yet.
    """

    account_id: UUID
    email: str | None
    has_password: bool
    must_verify: bool
    verified_at: datetime | None
    approved_at: datetime | None
    created_at: datetime

    @property
    def is_waiting(self) -> bool:
        """Whether the operator has still to approve."""
        return self.approved_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser in which somebody is signed in. `sender`: its address, `agent`: what it calls itself, when it began."""

    id: UUID
    account_id: UUID
    sender: str
    agent: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The account of a session, as far as this room needs to say who it is. `role`: the account's."""

    id: UUID
    name: str
    role: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Who is signed in."""

    session: Session
    holder: Holder
    login: Login | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that is good for one act. `email`: the address that it was sent to; `next`: where to go on afterwards."""

    account_id: UUID
    purpose: Purpose
    email: str | None
    next: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Leave to join. `credits`: micro-credits to start with; `email`: whom alone it is for; `prefix`: how its code begins."""

    id: UUID
    prefix: str
    made_by: UUID
    note: str
    email: str | None
    credits: int
    uses_max: int
    uses: int
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedInvitation:
    """An invitation at the only moment at which its code is known."""

    invitation: Invitation
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom a provider knows as `subject`; `label`: what to call them on a page."""

    provider: str
    subject: str
    account_id: UUID
    label: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """Somebody who was sent to a provider. `nonce` and `verifier`: what the provider's answer is checked by.

    `account_id`: who wants the identity linked; None: whoever it is wants to come in.
    """

    provider: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    next: str | None
    invitation: str | None = field(repr=False)
    account_id: UUID | None
