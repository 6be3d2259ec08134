"""The verbs of this room."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from limner.db import Tx
from limner.domain.problem import Problem
from limner.tokens import queries, rules
from limner.tokens.models import IssuedToken, Token

TOKENS_MAX: Final = 50


class UnknownToken(Problem):
    """There is no such platform token."""

    code = "unknown_platform_token"
    status = 401


class ExpiredToken(Problem):
    """The platform token's time is over."""

    code = "expired_platform_token"
    status = 401


class NoSuchToken(Problem):
    """The account has no platform token with that id."""

    code = "no_such_platform_token"
    status = 404


class TooManyTokens(Problem):
    """The account has as many platform tokens as it may have."""

    code = "too_many_platform_tokens"
    status = 409


async def open_with(tx: Tx, *, secret: str, now: datetime) -> Token:
    """The token with this secret, used just now. Raises `UnknownToken` or `ExpiredToken`."""
    row = await tx.row(queries.OPEN, rules.hash_of(secret), now)
    if row is None:
        raise UnknownToken(
            "the platform token is not one of this server's, or was deleted: make one on the page /tokens"
        )
    token = Token(**dict(row))
    if token.has_expired(now=now):
        raise ExpiredToken(f"the platform token expired at {token.expires_at:%Y-%m-%d %H:%M} UTC: make a new one")
    return token


async def issue(
    tx: Tx, *, id_: UUID, account_id: UUID, name: str, noise: bytes, expires_at: datetime | None, now: datetime
) -> IssuedToken:
    """A new token; `noise` is 32 fresh random bytes. All of it is in the answer and kept nowhere. Raises `TooManyTokens`."""
    secret = rules.secret_from(noise)
    token = Token(
        id=id_,
        account_id=account_id,
        name=name,
        prefix=rules.shown_prefix(secret),
        created_at=now,
        expires_at=expires_at,
        used_at=None,
    )
    added = await tx.run(
        queries.ADD, id_, account_id, name, token.prefix, rules.hash_of(secret), now, expires_at, TOKENS_MAX
    )
    if added == 0:
        raise TooManyTokens(f"an account may have {TOKENS_MAX} platform tokens: delete one that is not needed any more")
    return IssuedToken(token=token, secret=secret)


async def tokens(tx: Tx, *, account_id: UUID) -> list[Token]:
    """The account's tokens, newest first."""
    return [Token(**dict(row)) for row in await tx.rows(queries.LIST, account_id)]


async def token_of(tx: Tx, *, id_: UUID, account_id: UUID) -> Token:
    """The account's token with that id. Raises `NoSuchToken`, also for another's."""
    row = await tx.row(queries.ONE, id_, account_id)
    if row is None:
        raise _no_such(id_)
    return Token(**dict(row))


async def delete(tx: Tx, *, id_: UUID, account_id: UUID) -> None:
    """Let the account's token open nothing any more. Raises `NoSuchToken`."""
    if await tx.run(queries.DELETE, id_, account_id) == 0:
        raise _no_such(id_)


async def delete_all(tx: Tx, *, account_id: UUID) -> int:
    """The same for all of the account's; how many."""
    return await tx.run(queries.DELETE_ALL, account_id)


def _no_such(id_: UUID) -> NoSuchToken:
    return NoSuchToken(f"there is no platform token {id_}")
