"""Accounts and keys: acts of several rooms, since each has a book of credits from its first moment.

Whoever is named by `account_id` acts on their own keys only: another's is `NoSuchKey`, as if there were none.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from limner.accounts import rules as account_rules
from limner.accounts import service as accounts
from limner.accounts.models import Account, ApiKey, IssuedKey, OldSecret, Role
from limner.credits import service as credit_book
from limner.credits.models import Budget
from limner.db import Tx
from limner.domain.problem import InvalidValue, MissingParameter, Problem
from limner.flow.house import House
from limner.kit.ids import uuid7
from limner.limits import service as limits
from limner.usage import service as usage
from limner.usage.models import Used

KEYS_MAX: Final = 100
"""The keys that an account may have at once, counted without those that it has deleted."""
NAME_CHARACTERS_MAX: Final = 64
REQUESTS_PER_MINUTE_MAX: Final = 1_000_000
CONCURRENT_MAX: Final = 10_000
OldLives = Literal["now", "hour", "day", "week"]
OLD_LIVES: Final[Mapping[OldLives, timedelta]] = {
    "now": timedelta(),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}
"""How long a replaced secret may live on."""


class TooManyKeys(Problem):
    """The account has as many keys as it may have."""

    code = "too_many_keys"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """What a key may do; None: no limit of its own. `spend_limit` in micro-credits, for all that the key ever spends.

    `lenient`: what an engine cannot do is left out of its requests and named, not refused.
    """

    models: frozenset[str] | None = None
    requests_per_minute: int | None = None
    concurrent: int | None = None
    expires_at: datetime | None = None
    spend_limit: int | None = None
    lenient: bool = False


NO_LIMITS: Final = KeyLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """A key, and what it has done.

    `last_used_at`: when it last asked for pictures. `used`: of all time. `old`: replaced secrets that still open it.
    """

    key: ApiKey
    budget: Budget
    last_used_at: datetime | None
    used: Used
    old: tuple[OldSecret, ...] = field(default=())

    def has_expired(self, *, now: datetime) -> bool:
        """Whether its time is over."""
        return account_rules.has_expired(self.key.expires_at, now=now)


async def add_account(tx: Tx, *, name: str, role: Role, credits_start: int, now: datetime) -> Account:
    """A new account with its first micro-credits. The owner's is counted, never stopped."""
    account = await accounts.add_account(tx, id_=uuid7(), name=name, role=role, now=now)
    await credit_book.open_account(tx, account_id=account.id, unlimited=role == "owner")
    await credit_book.grant(
        tx, id_=uuid7(), account_id=account.id, amount=credits_start, reason="to start with", now=now
    )
    return account


async def issue_key(
    tx: Tx,
    *,
    account: Account,
    name: str,
    now: datetime,
    models: frozenset[str] | None = None,
    requests_per_minute: int | None = None,
    concurrent: int | None = None,
    expires_at: datetime | None = None,
    spend_limit: int | None = None,
    lenient: bool = False,
) -> IssuedKey:
    """A new key; its secret is in the answer and kept nowhere. `spend_limit` in micro-credits."""
    issued = await accounts.issue_key(
        tx,
        id_=uuid7(),
        account_id=account.id,
        name=name,
        noise=secrets.token_bytes(account_rules.SECRET_BYTES),
        now=now,
        models=models,
        requests_per_minute=requests_per_minute,
        concurrent=concurrent,
        expires_at=expires_at,
        lenient=lenient,
    )
    await credit_book.open_budget(tx, api_key_id=issued.key.id, spend_limit=spend_limit)
    return issued


async def check_room(tx: Tx, *, account_id: UUID) -> int:
    """How many keys the account has ever had, until the transaction ends. Raises `TooManyKeys` if it may have no more."""
    made, here = await accounts.count_keys(tx, account_id=account_id)
    if here >= KEYS_MAX:
        raise TooManyKeys(f"an account may have {KEYS_MAX} keys: delete one that is not needed any more")
    return made


async def make_key(house: House, *, account_id: UUID, name: str, may: KeyLimits = NO_LIMITS) -> IssuedKey:
    """A new key of the account. Raises `TooManyKeys`, and `InvalidValue` with the field that is wrong."""
    name = _checked_name(name)
    now = house.clock.now()
    check_limits(house, may, now=now)
    async with house.database.transaction() as tx:
        account = await accounts.account_of(tx, id_=account_id)
        await check_room(tx, account_id=account_id)
        return await issue_key(
            tx,
            account=account,
            name=name,
            now=now,
            models=may.models,
            requests_per_minute=may.requests_per_minute,
            concurrent=may.concurrent,
            expires_at=may.expires_at,
            spend_limit=may.spend_limit,
            lenient=may.lenient,
        )


async def keys_of(house: House, *, account_id: UUID) -> list[KeyUse]:
    """The account's keys, newest first, with what each has done."""
    async with house.database.transaction() as tx:
        found = (await accounts.keys_of(tx, account_id=account_id))[::-1]
        ids = [key.id for key in found]
        budgets = await credit_book.budgets(tx, api_key_ids=ids)
        last = await limits.last_taken(tx, api_key_ids=ids)
        used = await usage.by_key(tx, account_id=account_id)
        old = await accounts.old_secrets(tx, ids=ids, now=house.clock.now())
    return [
        KeyUse(
            key=key,
            budget=budgets[key.id],
            last_used_at=last.get(key.id),
            used=used.get(key.id, Used()),
            old=tuple(one for one in old if one.api_key_id == key.id),
        )
        for key in found
    ]


async def key_names(house: House, *, account_id: UUID) -> dict[UUID, str]:
    """What the account calls each key that it has ever had."""
    async with house.database.statement() as tx:
        return {key.id: key.name for key in await accounts.keys_of(tx, account_id=account_id, and_deleted=True)}


async def key_of(house: House, *, account_id: UUID, key_id: UUID) -> KeyUse:
    """One key of the account. Raises `NoSuchKey`."""
    for one in await keys_of(house, account_id=account_id):
        if one.key.id == key_id:
            return one
    raise accounts.NoSuchKey(f"there is no key {key_id}")


async def rename_key(house: House, *, account_id: UUID, key_id: UUID, name: str) -> None:
    """Call it something else. Raises `NoSuchKey` or `InvalidValue`."""
    name = _checked_name(name)
    async with house.database.statement() as tx:
        await accounts.rename_key(tx, id_=key_id, account_id=account_id, name=name)


async def limit_key(house: House, *, account_id: UUID, key_id: UUID, may: KeyLimits) -> None:
    """Say anew what it may do, all of it. Raises `NoSuchKey` or `InvalidValue`."""
    await change_key(house, account_id=account_id, key_id=key_id, name=None, may=may)


async def change_key(house: House, *, account_id: UUID, key_id: UUID, name: str | None, may: KeyLimits) -> None:
    """The same, and its name (None: as it is). All of it or nothing. Raises `NoSuchKey` or `InvalidValue`."""
    name = _checked_name(name) if name is not None else None
    now = house.clock.now()
    async with house.database.transaction() as tx:
        before = await accounts.key_owned(tx, id_=key_id, account_id=account_id)
        # An expiry that has passed already may stay as it is, and so may a model that is not offered any more.
        check_limits(
            house, may, now=now if may.expires_at != before.expires_at else None, known=before.models or frozenset()
        )
        await accounts.set_key_limits(
            tx,
            id_=key_id,
            account_id=account_id,
            models=may.models,
            requests_per_minute=may.requests_per_minute,
            concurrent=may.concurrent,
            expires_at=may.expires_at,
            lenient=may.lenient,
        )
        await credit_book.limit_budget(tx, api_key_id=key_id, spend_limit=may.spend_limit)
        if name is not None:
            await accounts.rename_key(tx, id_=key_id, account_id=account_id, name=name)


async def disable_key(house: House, *, account_id: UUID, key_id: UUID) -> None:
    """Switch it off; what it has under way goes on. Raises `NoSuchKey`."""
    async with house.database.transaction() as tx:
        await accounts.key_owned(tx, id_=key_id, account_id=account_id)
        await accounts.disable_key(tx, id_=key_id, now=house.clock.now())


async def enable_key(house: House, *, account_id: UUID, key_id: UUID) -> None:
    """Switch it on again. Raises `NoSuchKey`."""
    async with house.database.transaction() as tx:
        await accounts.key_owned(tx, id_=key_id, account_id=account_id)
        await accounts.enable_key(tx, id_=key_id)


async def rotate_key(house: House, *, account_id: UUID, key_id: UUID, old_lives: OldLives) -> IssuedKey:
    """Give it a new secret; the one before lives on for so long, and those before that no longer. Raises `NoSuchKey`."""
    now = house.clock.now()
    async with house.database.transaction() as tx:
        return await accounts.rotate_key(
            tx,
            id_=key_id,
            account_id=account_id,
            noise=secrets.token_bytes(account_rules.SECRET_BYTES),
            old_until=now + OLD_LIVES[old_lives],
            now=now,
        )


async def end_old_secrets(house: House, *, account_id: UUID, key_id: UUID) -> bool:
    """Let its replaced secrets end now; whether any had time left. Raises `NoSuchKey`."""
    async with house.database.transaction() as tx:
        return await accounts.end_old_secrets(tx, id_=key_id, account_id=account_id, now=house.clock.now())


async def delete_key(house: House, *, account_id: UUID, key_id: UUID) -> None:
    """Switch it off for good. Its tasks, entries and usage stay. Raises `NoSuchKey`."""
    async with house.database.statement() as tx:
        await accounts.delete_key(tx, id_=key_id, account_id=account_id, now=house.clock.now())


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name:
        raise MissingParameter("the key has no name: say what it is for", param="name")
    if len(name) > NAME_CHARACTERS_MAX or not name.isprintable():
        raise InvalidValue(f"a key's name has 1 to {NAME_CHARACTERS_MAX} printable characters", param="name")
    return name


def check_limits(house: House, may: KeyLimits, *, now: datetime | None, known: frozenset[str] = frozenset()) -> None:
    """Whether a key may have these limits. `now` None: whenever it expires is right. `known`: models that need not be offered.

    Raises `InvalidValue` or `UnknownModel`.
    """
    for name in sorted((may.models or frozenset()) - known):
        house.catalog.model(name)
    if may.models is not None and not may.models:
        raise InvalidValue("a key is good for one model at least, or for all", param="models")
    for field_, value, most in (
        ("requests_per_minute", may.requests_per_minute, REQUESTS_PER_MINUTE_MAX),
        ("concurrent", may.concurrent, CONCURRENT_MAX),
    ):
        if value is not None and not 1 <= value <= most:
            raise InvalidValue(f"{field_} must be 1 to {most}, or nothing for the server's own limit", param=field_)
    if may.spend_limit is not None and not 0 <= may.spend_limit <= credit_book.AMOUNT_MAX:
        raise InvalidValue("a spend limit is 0 credits or more, or nothing", param="spend_limit")
    if now is not None and may.expires_at is not None and may.expires_at <= now:
        raise InvalidValue("the key would have expired already: choose a time to come, or none", param="expires_at")
