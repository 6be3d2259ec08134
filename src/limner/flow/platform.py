"""What the management API tells of an account: what it has and has used, and by what it was given credits."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from limner.credits import service as credit_book
from limner.credits.models import Balance, Entry
from limner.domain.problem import Problem
from limner.flow.house import House
from limner.kit.ids import uuid7
from limner.usage import service as usage


class NoSuchRecord(Problem):
    """The account has nothing of that kind with that id."""

    code = "no_such_record"
    status = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What an account has, and the micro-credits that it has ever used."""

    balance: Balance
    used: int


async def standing(house: House, *, account_id: UUID) -> Standing:
    """How the account stands."""
    async with house.database.statement() as tx:
        balance = await credit_book.balance(tx, account_id=account_id)
        used = await usage.by_key(tx, account_id=account_id)
    return Standing(balance=balance, used=sum(one.charged for one in used.values()))


async def apply(house: House, *, account_id: UUID) -> bool:
    """Give the account its free credits, which each gets once; whether it had not had them."""
    async with house.database.statement() as tx:
        return await credit_book.welcome(
            tx, id_=uuid7(), account_id=account_id, amount=house.free_credits, now=house.clock.now()
        )


async def given(house: House, *, account_id: UUID, count: int, offset: int) -> tuple[list[Entry], int]:
    """Entries by which the account was given credits, newest first, and how many there are in all."""
    async with house.database.statement() as tx:
        return (
            await credit_book.given(tx, account_id=account_id, count=count, offset=offset),
            await credit_book.count_given(tx, account_id=account_id),
        )


async def given_once(house: House, *, account_id: UUID, entry_id: UUID) -> Entry:
    """One of those. Raises `NoSuchRecord`."""
    async with house.database.statement() as tx:
        found = await credit_book.given_once(tx, account_id=account_id, id_=entry_id)
    if found is None:
        raise NoSuchRecord(f"there is no order {entry_id}")
    return found
