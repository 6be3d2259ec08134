"""The verbs of this room: steps for what every page and every try does, transactions for the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from limner.db import Row, Tx
from limner.db.steps import Step, nothing
from limner.domain.problem import Problem
from limner.logins import queries, rules
from limner.logins.models import (
    Found,
    Holder,
    Identity,
    Invitation,
    IssuedInvitation,
    Journey,
    Link,
    Login,
    Purpose,
    Session,
    Trial,
)

STALE: Final = timedelta(minutes=1)
"""A session's `seen_at` is at most so much behind."""
RESET_LIFE: Final = timedelta(hours=1)
LINK_LIFE: Final = timedelta(hours=24)
JOURNEY_LIFE: Final = timedelta(minutes=10)


class Allowed(NamedTuple):
    """So many tries in so many seconds."""

    burst: int
    seconds: int


TRIALS: Final[dict[Trial, Allowed]] = {
    "sign_in_by_sender": Allowed(30, 15 * 60),
    "sign_in_by_email": Allowed(10, 15 * 60),
    "register": Allowed(20, 60 * 60),
    "mail_by_sender": Allowed(20, 60 * 60),
    "mail_by_email": Allowed(5, 60 * 60),
    "link": Allowed(60, 15 * 60),
    "provider": Allowed(60, 15 * 60),
    "redeem": Allowed(10, 15 * 60),
    "webhook_test": Allowed(20, 10 * 60),
}


class TriedTooOften(Problem):
    """Somebody has tried this too often of late."""

    code = "tried_too_often"
    status = 429


class WrongLogin(Problem):
    """No login has this e-mail and this password."""

    code = "wrong_login"
    status = 401


class EmailTaken(Problem):
    """There is a login with that e-mail already."""

    code = "email_taken"
    status = 409


class LoginExists(Problem):
    """The account has a login already."""

    code = "login_exists"
    status = 409


class LinkOver(Problem):
    """The link has been used, has expired, or was never ours."""

    code = "login_link_over"
    status = 410


class InvitationOver(Problem):
    """No invitation has that code, or nobody else may use it."""

    code = "invitation_over"
    status = 403


class NoSuchInvitation(Problem):
    """There is no such invitation."""

    code = "no_such_invitation"
    status = 404


class JourneyOver(Problem):
    """Nobody was sent to the provider from this browser, or not lately."""

    code = "provider_journey_over"
    status = 400


class IdentityTaken(Problem):
    """The identity belongs to another account."""

    code = "identity_taken"
    status = 409


class NoSuchIdentity(Problem):
    """The account is not linked to that identity."""

    code = "no_such_identity"
    status = 404


# sessions ----------------------------------------------------------------------------------------------------------------


class _SignedIn(NamedTuple):
    """What `logins_signed_in` returns, in its order; all None when nobody is."""

    session_id: UUID | None
    account_id: UUID
    sender: str
    agent: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    account_name: str
    account_role: str
    account_created_at: datetime
    has_login: bool
    email: str | None
    has_password: bool
    must_verify: bool
    verified_at: datetime | None
    approved_at: datetime | None
    login_created_at: datetime


def signed_in(*, token: str, idle: timedelta, now: datetime) -> Step[Found | None]:
    """Who is signed in with the token; None: nobody, or the session has ended, or the account is suspended."""
    return Step(
        call=queries.SIGNED_IN,
        arguments=(rules.hash_of(token), idle, STALE, now),
        read=lambda row: _found(_SignedIn(*row)),
    )


def _found(row: _SignedIn) -> Found | None:
    if row.session_id is None:
        return None
    login = Login(
        account_id=row.account_id,
        email=row.email,
        has_password=row.has_password,
        must_verify=row.must_verify,
        verified_at=row.verified_at,
        approved_at=row.approved_at,
        created_at=row.login_created_at,
    )
    return Found(
        session=Session(
            id=row.session_id,
            account_id=row.account_id,
            sender=row.sender,
            agent=row.agent,
            created_at=row.created_at,
            seen_at=row.seen_at,
            expires_at=row.expires_at,
        ),
        holder=Holder(
            id=row.account_id, name=row.account_name, role=row.account_role, created_at=row.account_created_at
        ),
        login=login if row.has_login else None,
    )


async def open_session(
    tx: Tx, *, id_: UUID, account_id: UUID, noise: bytes, sender: str, agent: str, life: timedelta, now: datetime
) -> str:
    """Begin a session; its token is in the answer and kept nowhere. `noise`: fresh random bytes, `rules.TOKEN_BYTES`."""
    token = rules.token_from(noise)
    await tx.run(
        queries.ADD_SESSION,
        id_,
        rules.hash_of(token),
        account_id,
        sender,
        rules.kept_agent(agent),
        now,
        now + life,
    )
    return token


async def sessions(tx: Tx, *, account_id: UUID, idle: timedelta, now: datetime) -> list[Session]:
    """Where the account is signed in, the last seen first."""
    return [Session(**dict(row)) for row in await tx.rows(queries.SESSIONS, account_id, idle, now)]


async def end_session(tx: Tx, *, token: str) -> bool:
    """Sign out; whether anybody was signed in."""
    return await tx.run(queries.END_SESSION, rules.hash_of(token)) == 1


async def end_sessions(tx: Tx, *, account_id: UUID, but: UUID | None) -> int:
    """Sign out everywhere, or everywhere else; how many sessions that ended."""
    return await tx.run(queries.END_SESSIONS, account_id, but)


async def tidy(tx: Tx, *, idle: timedelta, now: datetime) -> None:
    """Let go of what has ended."""
    await tx.value(queries.TIDY, idle, now)


# trying ------------------------------------------------------------------------------------------------------------------


def take(trial: Trial, *, who: str, now: datetime) -> Step[None]:
    """Let somebody try once. Refused with `TriedTooOften`."""
    burst, seconds = TRIALS[trial]
    return Step(
        call=queries.TAKE,
        arguments=(rules.subject_of(trial, who), float(burst), float(seconds), now),
        read=nothing,
        refusals={queries.TOO_OFTEN: _too_often},
    )


def give_back(trial: Trial, *, who: str) -> Step[None]:
    """It turned out well: it does not count."""
    return Step(
        call=queries.GIVE_BACK,
        arguments=(rules.subject_of(trial, who), float(TRIALS[trial].burst)),
        read=nothing,
    )


def _too_often(detail: str) -> TriedTooOften:
    seconds = max(1, math.ceil(float(detail)))
    return TriedTooOften(f"this was tried too often: try again in {seconds} s", retry_after_seconds=seconds)


# logins ------------------------------------------------------------------------------------------------------------------


async def add_login(
    tx: Tx,
    *,
    account_id: UUID,
    email: str | None,
    password_hash: str | None,
    must_verify: bool,
    verified_at: datetime | None,
    approved_at: datetime | None,
    invitation_id: UUID | None,
    now: datetime,
) -> Login:
    """Give an account a login. Raises `EmailTaken`, or `LoginExists` if the account has one."""
    added = await tx.run(
        queries.ADD_LOGIN, account_id, email, password_hash, must_verify, verified_at, approved_at, invitation_id, now
    )
    if not added:
        if await login_of(tx, account_id=account_id) is not None:
            raise LoginExists("the account has a login already: sign in, or ask for a new password")
        raise _taken()
    return Login(
        account_id=account_id,
        email=email,
        has_password=password_hash is not None,
        must_verify=must_verify,
        verified_at=verified_at,
        approved_at=approved_at,
        created_at=now,
    )


def _taken() -> EmailTaken:
    return EmailTaken("there is an account with this e-mail already: sign in, or ask for a new password", param="email")


async def login_of(tx: Tx, *, account_id: UUID) -> Login | None:
    """The account's login; None if it has only keys."""
    row = await tx.row(queries.LOGIN, account_id)
    return _login(row) if row else None


async def logins_of(tx: Tx, *, account_ids: Sequence[UUID]) -> dict[UUID, Login]:
    """The logins of those accounts that have one, by account."""
    return {row["account_id"]: _login(row) for row in await tx.rows(queries.LOGINS, list(account_ids))}


async def login_called(tx: Tx, *, email: str) -> Login | None:
    """The login with that e-mail, however it is written."""
    row = await tx.row(queries.LOGIN_BY_EMAIL, email.strip())
    return _login(row) if row else None


async def login_with_password(tx: Tx, *, email: str) -> tuple[Login, str | None] | None:
    """The login with that e-mail, and the hash of its password."""
    row = await tx.row(queries.PASSWORD_BY_EMAIL, email.strip())
    if row is None:
        return None
    found = dict(row)
    password_hash: str | None = found.pop("password_hash")
    return Login(**found), password_hash


async def password_hash_of(tx: Tx, *, account_id: UUID) -> str | None:
    """The hash of the account's password; None if it has none."""
    found: str | None = await tx.value(queries.PASSWORD, account_id)
    return found


async def set_password(tx: Tx, *, account_id: UUID, password_hash: str) -> bool:
    """A new password; False: the account has no login with an e-mail (any more)."""
    return await tx.run(queries.SET_PASSWORD, account_id, password_hash) == 1


async def rehash(tx: Tx, *, account_id: UUID, old: str, new: str) -> None:
    """The same password, hashed as it is done now; nothing if it was changed meanwhile."""
    await tx.run(queries.REHASH, account_id, old, new)


async def set_email(tx: Tx, *, account_id: UUID, email: str, verified_at: datetime | None) -> None:
    """Another e-mail. Raises `EmailTaken`."""
    if not await tx.value(queries.TRY_EMAIL, account_id, email, verified_at):
        raise _taken()


async def verify(tx: Tx, *, account_id: UUID, now: datetime) -> None:
    """The login's e-mail is its owner's."""
    await tx.run(queries.VERIFY, account_id, now)


async def approve(tx: Tx, *, account_id: UUID, now: datetime) -> bool:
    """Let somebody in who waits; whether they did."""
    return await tx.run(queries.APPROVE, account_id, now) == 1


async def forget_login(tx: Tx, *, account_id: UUID) -> None:
    """Remove everything by which the person behind an account comes in."""
    await tx.run(queries.END_SESSIONS, account_id, None)
    await tx.run(queries.FORGET_LINKS, account_id, None)
    await tx.run(queries.REMOVE_IDENTITIES, account_id)
    await tx.run(queries.DELETE_LOGIN, account_id)


# links -------------------------------------------------------------------------------------------------------------------


async def make_link(
    tx: Tx,
    *,
    account_id: UUID,
    purpose: Purpose,
    noise: bytes,
    now: datetime,
    email: str | None = None,
    next_: str | None = None,
) -> str:
    """A link's token, which is kept nowhere else. `noise`: fresh random bytes, `rules.TOKEN_BYTES` of them."""
    token = rules.token_from(noise)
    life = RESET_LIFE if purpose == "reset" else LINK_LIFE
    await tx.run(queries.ADD_LINK, rules.hash_of(token), account_id, purpose, email, next_, now, now + life)
    return token


async def link(tx: Tx, *, token: str, purpose: Purpose, now: datetime) -> Link:
    """What the link is good for; it stays good. Raises `LinkOver`."""
    return _link(await tx.row(queries.LINK, rules.hash_of(token), purpose, now))


async def use_link(tx: Tx, *, token: str, purpose: Purpose, now: datetime) -> Link:
    """The same, once. Raises `LinkOver`."""
    return _link(await tx.row(queries.USE_LINK, rules.hash_of(token), purpose, now))


def _link(row: Row | None) -> Link:
    if row is None:
        raise LinkOver("this link has been used or has expired: ask for a new one")
    return Link(**dict(row))


async def forget_links(tx: Tx, *, account_id: UUID, purpose: Purpose) -> None:
    """Whatever links of that kind are out, they are good for nothing now."""
    await tx.run(queries.FORGET_LINKS, account_id, purpose)


# invitations -------------------------------------------------------------------------------------------------------------


async def invite(
    tx: Tx,
    *,
    id_: UUID,
    noise: bytes,
    made_by: UUID,
    now: datetime,
    note: str = "",
    email: str | None = None,
    credits_: int = 0,
    uses_max: int = 1,
    expires_at: datetime | None = None,
) -> IssuedInvitation:
    """A new invitation; its code is in the answer and kept nowhere. `credits_` in micro-credits."""
    code = rules.token_from(noise)
    invitation = Invitation(
        id=id_,
        prefix=rules.shown_prefix(code),
        made_by=made_by,
        note=note,
        email=email,
        credits=credits_,
        uses_max=uses_max,
        uses=0,
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
    )
    await tx.run(
        queries.ADD_INVITATION,
        id_,
        rules.hash_of(code),
        invitation.prefix,
        made_by,
        note,
        email,
        credits_,
        uses_max,
        now,
        expires_at,
    )
    return IssuedInvitation(invitation=invitation, code=code)


async def invitations(tx: Tx, *, count: int = 200) -> list[Invitation]:
    """The newest invitations, the newest first."""
    return [Invitation(**dict(row)) for row in await tx.rows(queries.INVITATIONS, count)]


async def invitation_with(tx: Tx, *, code: str) -> Invitation | None:
    """The invitation with that code, good or not."""
    row = await tx.row(queries.INVITATION, rules.hash_of(code))
    return Invitation(**dict(row)) if row else None


async def redeem(tx: Tx, *, code: str, email: str | None, now: datetime) -> Invitation:
    """Use an invitation once. Raises `InvitationOver`."""
    row = await tx.row(queries.REDEEM, rules.hash_of(code), email, now)
    if row is None:
        raise InvitationOver(
            "this invitation is not good: it was used, has expired, or is for another e-mail; ask for a new one",
            param="invitation",
        )
    return Invitation(**dict(row))


async def revoke_invitation(tx: Tx, *, id_: UUID, now: datetime) -> bool:
    """Nobody may use it any more; whether anybody could."""
    return await tx.run(queries.REVOKE, id_, now) == 1


# providers ---------------------------------------------------------------------------------------------------------------


async def begin_journey(tx: Tx, *, journey: Journey, state: str, visitor: str, now: datetime) -> None:
    """Remember whom we send to a provider, by the `state` that comes back and the `visitor` that the browser keeps."""
    await tx.run(
        queries.ADD_JOURNEY,
        rules.hash_of(state),
        rules.hash_of(visitor),
        journey.provider,
        journey.nonce,
        journey.verifier,
        journey.next,
        journey.invitation,
        journey.account_id,
        now,
        now + JOURNEY_LIFE,
    )


async def end_journey(tx: Tx, *, provider: str, state: str, visitor: str, now: datetime) -> Journey:
    """Whom the provider sends back, once. Raises `JourneyOver`."""
    row = await tx.row(queries.TAKE_JOURNEY, rules.hash_of(state), rules.hash_of(visitor), provider, now)
    if row is None:
        raise JourneyOver("signing in took too long or was begun in another browser: begin again")
    return Journey(**dict(row))


async def identity(tx: Tx, *, provider: str, subject: str) -> Identity | None:
    """Whose identity it is."""
    row = await tx.row(queries.IDENTITY, provider, subject)
    return Identity(**dict(row)) if row else None


async def identities(tx: Tx, *, account_id: UUID) -> list[Identity]:
    """The account's identities, oldest first."""
    return [Identity(**dict(row)) for row in await tx.rows(queries.IDENTITIES, account_id)]


async def add_identity(tx: Tx, *, provider: str, subject: str, account_id: UUID, label: str, now: datetime) -> Identity:
    """Link an identity to an account; that it is linked to it already is fine. Raises `IdentityTaken`."""
    await tx.run(queries.ADD_IDENTITY, provider, subject, account_id, label, now)
    found = await identity(tx, provider=provider, subject=subject)
    if found is None or found.account_id != account_id:
        raise IdentityTaken("this identity belongs to another account: sign in with it, and unlink it there first")
    return found


async def remove_identity(tx: Tx, *, provider: str, subject: str, account_id: UUID) -> bool:
    """Unlink an identity; whether it was linked."""
    return await tx.run(queries.REMOVE_IDENTITY, account_id, provider, subject) == 1


async def lock_login(tx: Tx, *, account_id: UUID) -> None:
    """Until the transaction ends nobody else changes how this account comes in."""
    await tx.rows(queries.LOCK, account_id)


def _login(row: Row) -> Login:
    found: dict[str, Any] = dict(row)
    return Login(**found)


# for overviews -----------------------------------------------------------------------------------------------------------


async def accounts_like(tx: Tx, *, text: str, count: int) -> list[UUID]:
    """Up to `count` accounts, newest first, that have the text in their e-mail."""
    return [row["account_id"] for row in await tx.rows(queries.LIKE, rules.like(text), count)]


async def waiting(tx: Tx, *, count: int) -> list[UUID]:
    """Up to `count` accounts, newest first, that the operator has still to approve."""
    return [row["account_id"] for row in await tx.rows(queries.WAITING, count)]


async def last_seen(tx: Tx, *, account_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When somebody last used each of these accounts in a browser, of those that are signed in somewhere."""
    return {row["account_id"]: row["seen_at"] for row in await tx.rows(queries.LAST_SEEN, list(account_ids))}


async def invitation_of(tx: Tx, *, id_: UUID) -> Invitation:
    """The invitation with that id. Raises `NoSuchInvitation`."""
    row = await tx.row(queries.INVITATION_BY_ID, id_)
    if row is None:
        raise NoSuchInvitation(f"there is no invitation {id_}")
    return Invitation(**dict(row))
