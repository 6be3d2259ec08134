"""The verbs of this room: a step for what every request does, transactions for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from limner.accounts import queries, rules
from limner.accounts.models import Account, ApiKey, IssuedKey, OldSecret, Role
from limner.db import Row, Tx
from limner.db.steps import Step, nothing
from limner.domain.principal import Principal
from limner.domain.problem import Problem


class NoKey(Problem):
    """The request has no key."""

    code = "no_key"
    status = 401


class UnknownKey(Problem):
    """There is no such key."""

    code = "unknown_key"
    status = 401


class TokenPaintsNothing(Problem):
    """A platform token was sent where an API key is needed."""

    code = "token_paints_nothing"
    status = 401


class ExpiredKey(Problem):
    """The key's time is over."""

    code = "expired_key"
    status = 401


class DisabledKey(Problem):
    """The key, or its account, has been switched off."""

    code = "disabled_key"
    status = 403


class ModelNotAllowed(Problem):
    """The key is for other models."""

    code = "model_not_allowed"
    status = 403


class NoSuchAccount(Problem):
    """There is no account of that name."""

    code = "no_such_account"
    status = 404


class AccountExists(Problem):
    """The account's name is taken."""

    code = "account_exists"
    status = 409


class NoSuchKey(Problem):
    """No key has that prefix, or several have."""

    code = "no_such_key"
    status = 404


class KeyChanged(UnknownKey):
    """The key is not what it was when the caller was last authenticated; nobody but `flow` sees this."""


def secret_hash(*, authorization: str | None) -> bytes:
    """By what the key in an Authorization header is found. Raises `NoKey` or `TokenPaintsNothing`."""
    secret = rules.bearer_secret(authorization)
    if secret is None:
        what = (
            "no API key was given"
            if not authorization
            else "the Authorization header is not of the form 'Bearer <key>'"
        )
        raise NoKey(f"{what}: send the header 'Authorization: Bearer <your key>'")
    if secret.startswith(rules.MANAGES):
        raise TokenPaintsNothing(
            "this is a platform token: it manages your account under /api/v1 and makes no pictures; send an API key"
        )
    return rules.hash_of(secret)


def authenticate(*, secret_hash: bytes, now: datetime) -> Step[Principal]:
    """Whose key it is. The step's result raises `UnknownKey`, `ExpiredKey` or `DisabledKey`."""
    return Step(
        call=queries.AUTHENTICATE,
        arguments=(secret_hash,),
        read=lambda row: _principal(_Found(*row), secret_hash=secret_hash, now=now),
    )


def confirm(principal: Principal, *, now: datetime) -> Step[None]:
    """Check that an earlier authentication still holds, in whatever else is done. Refused with `KeyChanged`."""
    models = sorted(principal.models) if principal.models is not None else None
    return Step(
        call=queries.CONFIRM,
        arguments=(
            principal.api_key_id,
            principal.secret_hash,
            models,
            principal.requests_per_minute,
            principal.concurrent,
            principal.lenient,
            now,
        ),
        read=nothing,
        refusals={queries.KEY_CHANGED: lambda _detail: KeyChanged("the API key has been changed: try again")},
    )


class _Found(NamedTuple):
    """What `accounts_authenticate` returns, in its order; all None when the key is nobody's."""

    id: UUID | None
    account_id: UUID
    models: list[str] | None
    requests_per_minute: int | None
    concurrent: int | None
    lenient: bool
    expires_at: datetime | None
    disabled_at: datetime | None
    suspended_at: datetime | None


def _principal(found: _Found, *, secret_hash: bytes, now: datetime) -> Principal:
    if found.id is None:
        raise UnknownKey(
            "the API key is not one of this server's: check that it was copied whole, and that the address is right"
        )
    if rules.has_expired(found.expires_at, now=now):
        raise ExpiredKey(f"the API key expired at {found.expires_at:%Y-%m-%d %H:%M} UTC: make a new one")
    if found.disabled_at is not None:
        raise DisabledKey("the API key has been disabled: ask whoever runs this server, or use another key")
    if found.suspended_at is not None:
        raise DisabledKey("the account has been suspended: ask whoever runs this server")
    return Principal(
        account_id=found.account_id,
        api_key_id=found.id,
        secret_hash=secret_hash,
        models=_models(found.models),
        requests_per_minute=found.requests_per_minute,
        concurrent=found.concurrent,
        lenient=found.lenient,
    )


def allow_model(models: AbstractSet[str] | None, *, model: str) -> None:
    """Check that a key for these models (None: for all) is good for `model`. Raises `ModelNotAllowed`."""
    if models is not None and model not in models:
        names = ", ".join(sorted(models))
        raise ModelNotAllowed(f"this API key may not use the model '{model}': it is for {names}", param="model")


async def add_account(tx: Tx, *, id_: UUID, name: str, role: Role, now: datetime) -> Account:
    """A new account. Raises `AccountExists` when the name is taken, or when there is an owner already."""
    if await tx.run(queries.ADD_ACCOUNT, id_, name, role, now) == 0:
        raise AccountExists(f"there is an account called '{name}' already")
    return Account(id=id_, name=name, role=role, created_at=now, suspended_at=None)


async def accounts(tx: Tx) -> list[Account]:
    """All accounts, oldest first."""
    return [_account(row) for row in await tx.rows(queries.ACCOUNTS)]


async def account_called(tx: Tx, *, name: str) -> Account:
    """The account of that name. Raises `NoSuchAccount`."""
    row = await tx.row(queries.ACCOUNT_BY_NAME, name)
    if row is None:
        raise NoSuchAccount(f"there is no account called '{name}'")
    return _account(row)


async def account_of(tx: Tx, *, id_: UUID) -> Account:
    """The account with that id. Raises `NoSuchAccount`."""
    row = await tx.row(queries.ACCOUNT, id_)
    if row is None:
        raise NoSuchAccount(f"there is no account {id_}")
    return _account(row)


async def suspend(tx: Tx, *, id_: UUID, now: datetime) -> bool:
    """Let nobody use the account; whether anybody could."""
    return await tx.run(queries.SUSPEND, id_, now) == 1


async def resume(tx: Tx, *, id_: UUID) -> bool:
    """Let a suspended account be used again; whether it was suspended. One that was deleted stays so."""
    return await tx.run(queries.RESUME, id_) == 1


async def delete(tx: Tx, *, id_: UUID, now: datetime) -> bool:
    """Close an account for good: nobody may use it, its keys are off, its name is free. Whether it was there to close.

    Its row stays, since its credit entries do; `to_empty` finds it until nothing else of it is left.
    """
    if await tx.run(queries.DELETE, id_, now) == 0:
        return False
    await tx.run(queries.DISABLE_KEYS, id_, now)
    return True


async def to_empty(tx: Tx, *, count: int) -> list[UUID]:
    """Accounts that were deleted and of which something may be left, oldest first."""
    return [row["id"] for row in await tx.rows(queries.TO_EMPTY, count)]


async def emptied(tx: Tx, *, id_: UUID, now: datetime) -> None:
    """Nothing of a deleted account is left but its entries."""
    await tx.run(queries.EMPTIED, id_, now)


async def owner(tx: Tx) -> Account | None:
    """The owner's account; None before the first start has made it."""
    row = await tx.row(queries.OWNER)
    return _account(row) if row else None


async def issue_key(
    tx: Tx,
    *,
    id_: UUID,
    account_id: UUID,
    name: str,
    noise: bytes,
    now: datetime,
    models: frozenset[str] | None = None,
    requests_per_minute: int | None = None,
    concurrent: int | None = None,
    expires_at: datetime | None = None,
    lenient: bool = False,
) -> IssuedKey:
    """A new key for the account; `noise` is 32 fresh random bytes. Its secret is in the answer and kept nowhere."""
    secret = rules.secret_from(noise)
    key = ApiKey(
        id=id_,
        account_id=account_id,
        name=name,
        prefix=rules.shown_prefix(secret),
        models=models,
        requests_per_minute=requests_per_minute,
        concurrent=concurrent,
        created_at=now,
        expires_at=expires_at,
        disabled_at=None,
        lenient=lenient,
    )
    listed = sorted(models) if models is not None else None
    await tx.run(
        queries.ADD_KEY,
        id_,
        account_id,
        name,
        key.prefix,
        rules.hash_of(secret),
        listed,
        requests_per_minute,
        concurrent,
        now,
        expires_at,
        lenient,
    )
    return IssuedKey(key=key, secret=secret)


async def keys(tx: Tx) -> list[ApiKey]:
    """All keys, oldest first."""
    return [_key(row) for row in await tx.rows(queries.KEYS)]


async def keys_of(tx: Tx, *, account_id: UUID, and_deleted: bool = False) -> list[ApiKey]:
    """The account's keys, oldest first; those that it has deleted only if asked for."""
    return [_key(row) for row in await tx.rows(queries.KEYS_OF, account_id, and_deleted)]


async def key_owned(tx: Tx, *, id_: UUID, account_id: UUID) -> ApiKey:
    """The account's key with that id. Raises `NoSuchKey`, also for another's."""
    row = await tx.row(queries.KEY_OF, id_, account_id)
    if row is None:
        raise _no_such(id_)
    return _key(row)


async def count_keys(tx: Tx, *, account_id: UUID) -> tuple[int, int]:
    """How many keys the account has ever had, and has; both stay so until the transaction ends."""
    await tx.run(queries.LOCK_KEYS, account_id)
    row = await tx.row(queries.COUNT_KEYS, account_id)
    assert row is not None
    return row["made"], row["here"]


async def key_like(tx: Tx, *, prefix: str) -> ApiKey:
    """The one key whose shown prefix begins so, or whose id is this. Raises `NoSuchKey` when there is none, or not one."""
    if len(prefix) < rules.KNOWN_BY_CHARACTERS:
        raise NoSuchKey(f"'{prefix}' is too little to know a key by: give its prefix as `limner keys list` shows it")
    rows = await tx.rows(queries.KEYS_BY_PREFIX, prefix)
    if len(rows) != 1:
        what = "no key begins" if not rows else f"{len(rows)} keys begin"
        raise NoSuchKey(f"{what} with '{prefix}': `limner keys list` shows them all")
    return _key(rows[0])


async def key_of(tx: Tx, *, secret: str) -> ApiKey | None:
    """The key with this secret, usable or not; None if there is none."""
    row = await tx.row(queries.KEY_BY_HASH, rules.hash_of(secret))
    return _key(row) if row else None


async def hash_of_key(tx: Tx, *, id_: UUID) -> bytes:
    """By what the key is found, for acting in its name. Raises `NoSuchKey`."""
    found: bytes | None = await tx.value(queries.HASH_OF_KEY, id_)
    if found is None:
        raise _no_such(id_)
    return found


async def disable_key(tx: Tx, *, id_: UUID, now: datetime) -> bool:
    """Switch a key off; whether it was on."""
    return await tx.run(queries.DISABLE_KEY, id_, now) == 1


async def enable_key(tx: Tx, *, id_: UUID) -> bool:
    """Switch a key on again; whether it was off."""
    return await tx.run(queries.ENABLE_KEY, id_) == 1


async def rename_key(tx: Tx, *, id_: UUID, account_id: UUID, name: str) -> None:
    """Call the account's key something else. Raises `NoSuchKey`."""
    if await tx.run(queries.RENAME_KEY, id_, account_id, name) == 0:
        raise _no_such(id_)


async def set_key_limits(
    tx: Tx,
    *,
    id_: UUID,
    account_id: UUID,
    models: frozenset[str] | None,
    requests_per_minute: int | None,
    concurrent: int | None,
    expires_at: datetime | None,
    lenient: bool,
) -> None:
    """Say anew what the account's key may do, all of it. Raises `NoSuchKey`."""
    listed = sorted(models) if models is not None else None
    changed = await tx.run(
        queries.SET_LIMITS, id_, account_id, listed, requests_per_minute, concurrent, expires_at, lenient
    )
    if changed == 0:
        raise _no_such(id_)


async def rotate_key(
    tx: Tx, *, id_: UUID, account_id: UUID, noise: bytes, old_until: datetime, now: datetime
) -> IssuedKey:
    """Give the account's key a new secret, made of 32 fresh random bytes; what opened it before does so until `old_until`.

    Its id, name, limits and history stay. Raises `NoSuchKey`.
    """
    secret = rules.secret_from(noise)
    until = max(old_until, now)
    changed = await tx.run(
        queries.ROTATE_KEY, id_, account_id, rules.hash_of(secret), rules.shown_prefix(secret), until
    )
    if changed == 0:
        raise _no_such(id_)
    return IssuedKey(key=await key_owned(tx, id_=id_, account_id=account_id), secret=secret)


async def old_secrets(tx: Tx, *, ids: Sequence[UUID], now: datetime) -> list[OldSecret]:
    """What still opens these keys beside their present secrets, soonest to end first."""
    return [OldSecret(**dict(row)) for row in await tx.rows(queries.OLD_SECRETS, list(ids), now)]


async def end_old_secrets(tx: Tx, *, id_: UUID, account_id: UUID, now: datetime) -> bool:
    """Let nothing open the account's key but its present secret; whether anything did. Raises `NoSuchKey`."""
    await key_owned(tx, id_=id_, account_id=account_id)
    return await tx.run(queries.END_OLD_SECRETS, id_, now) > 0


async def delete_key(tx: Tx, *, id_: UUID, account_id: UUID, now: datetime) -> None:
    """Switch the account's key off for good and list it no more; what it did stays told. Raises `NoSuchKey`."""
    if await tx.run(queries.DELETE_KEY, id_, account_id, now) == 0:
        raise _no_such(id_)


def _no_such(id_: UUID) -> NoSuchKey:
    return NoSuchKey(f"there is no key {id_}")


def _models(listed: list[str] | None) -> frozenset[str] | None:
    return frozenset(listed) if listed is not None else None


def _account(row: Row) -> Account:
    return Account(**dict(row))


def _key(row: Row) -> ApiKey:
    return ApiKey(**{**dict(row), "models": _models(row["models"])})


async def search(
    tx: Tx,
    *,
    text: str | None,
    or_ids: Sequence[UUID] = (),
    among: Sequence[UUID] | None = None,
    is_suspended: bool | None = None,
    before: UUID | None = None,
    count: int,
) -> list[Account]:
    """Up to `count` accounts that were not deleted, newest first, to which all that is given applies.

    `text`: in their name or id, or they are one of `or_ids`. `before`: the id of the last one on the page before this.
    """
    pattern = None if text is None else rules.like(text)
    rows = await tx.rows(
        queries.SEARCH, pattern, list(or_ids), None if among is None else list(among), is_suspended, before, count
    )
    return [_account(row) for row in rows]


async def names(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, str]:
    """What these accounts are called."""
    return {row["id"]: row["name"] for row in await tx.rows(queries.NAMES, list(ids))}
