"""Personal tokens: who manages an account by one, and how an account makes and deletes its own."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

from limner.accounts import rules as account_rules
from limner.accounts import service as accounts
from limner.accounts.models import Account
from limner.domain.problem import InvalidValue, MissingParameter, Problem
from limner.flow.admit import authenticate
from limner.flow.house import House
from limner.flow.signin import NotApproved
from limner.kit.ids import uuid7
from limner.logins import service as logins
from limner.tokens import rules
from limner.tokens import service as tokens
from limner.tokens.models import IssuedToken, Token


class NoToken(Problem):
    """The request to manage an account has no token."""

    code = "no_platform_token"
    status = 401


class KeyManagesNothing(Problem):
    """An API key was sent where a platform token is needed."""

    code = "key_manages_nothing"
    status = 401


async def manager_of(house: House, *, authorization: str | None) -> Account:
    """Whose account the token in an Authorization header manages.

    Raises `NoToken`, `KeyManagesNothing`, `UnknownToken`, `ExpiredToken`, `AccountSuspended`, `NotApproved`.
    """
    secret = account_rules.bearer_secret(authorization)
    if secret is None:
        raise NoToken("send the header 'Authorization: Bearer platform-v1-...': a token from the page /tokens")
    if not rules.looks_like_one(secret):
        raise KeyManagesNothing(
            "an API key makes pictures and manages nothing: send a platform token (platform-v1-...) from the page /tokens"
        )
    now = house.clock.now()
    async with house.database.statement() as tx:
        token = await tokens.open_with(tx, secret=secret, now=now)
        account = await accounts.account_of(tx, id_=token.account_id)
        login = await logins.login_of(tx, account_id=account.id)
    if account.suspended_at is not None:
        raise accounts.DisabledKey("the account has been suspended: ask whoever runs this server")
    if login is not None and login.is_waiting:
        raise NotApproved("whoever runs this server has still to approve your account")
    return account


async def uploader_of(house: House, *, authorization: str | None) -> Account:
    """Whose account a file is for: that of a platform token, or of an API key, which may upload to `/files` besides.

    The vendor's SDK has one secret for everything, and uploads here.
    """
    secret = account_rules.bearer_secret(authorization)
    if secret is None or rules.looks_like_one(secret):
        return await manager_of(house, authorization=authorization)
    principal = await authenticate(house, authorization=authorization)
    async with house.database.statement() as tx:
        return await accounts.account_of(tx, id_=principal.account_id)


async def make_token(house: House, *, account_id: UUID, name: str, expires_at: datetime | None) -> IssuedToken:
    """A new token of the account. Raises `InvalidValue` with the field that is wrong, `TooManyTokens`."""
    name, now = name.strip(), house.clock.now()
    if not name:
        raise MissingParameter("the token has no name: say what it is for", param="name")
    if len(name) > rules.NAME_CHARACTERS_MAX or not name.isprintable():
        raise InvalidValue(f"a token's name has 1 to {rules.NAME_CHARACTERS_MAX} printable characters", param="name")
    if expires_at is not None and expires_at <= now:
        raise InvalidValue("the token would have expired already: choose a time to come, or none", param="expires_at")
    async with house.database.statement() as tx:
        return await tokens.issue(
            tx,
            id_=uuid7(),
            account_id=account_id,
            name=name,
            noise=secrets.token_bytes(rules.NOISE_BYTES),
            expires_at=expires_at,
            now=now,
        )


async def tokens_of(house: House, *, account_id: UUID) -> list[Token]:
    """The account's tokens, newest first."""
    async with house.database.statement() as tx:
        return await tokens.tokens(tx, account_id=account_id)


async def token_of(house: House, *, account_id: UUID, token_id: UUID) -> Token:
    """One of them. Raises `NoSuchToken`."""
    async with house.database.statement() as tx:
        return await tokens.token_of(tx, id_=token_id, account_id=account_id)


async def delete_token(house: House, *, account_id: UUID, token_id: UUID) -> None:
    """Let it open nothing any more. Raises `NoSuchToken`."""
    async with house.database.statement() as tx:
        await tokens.delete(tx, id_=token_id, account_id=account_id)
