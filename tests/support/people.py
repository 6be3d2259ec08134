"""The people of the scenes: an account and a key each, made by the same act as in life."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from limner.accounts.models import Account, ApiKey, Role
from limner.accounts.rules import hash_of
from limner.credits import service as credit_book
from limner.credits.models import Balance, Budget, Entry
from limner.domain.money import micro
from limner.domain.principal import Principal
from limner.flow.house import House
from limner.flow.keys import add_account, issue_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with an account, a key, and the key's secret."""

    account: Account
    key: ApiKey
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        """What to send along."""
        return {"authorization": f"Bearer {self.secret}"}

    @property
    def principal(self) -> Principal:
        """Who the house takes them for."""
        return Principal(
            account_id=self.account.id,
            api_key_id=self.key.id,
            secret_hash=hash_of(self.secret),
            models=self.key.models,
            requests_per_minute=self.key.requests_per_minute,
            concurrent=self.key.concurrent,
            lenient=self.key.lenient,
        )


async def join(
    house: House,
    name: str,
    *,
    role: Role = "member",
    credits_start: float = 10,
    models: frozenset[str] | None = None,
    requests_per_minute: int | None = None,
    concurrent: int | None = None,
    expires_at: datetime | None = None,
    spend_limit: float | None = None,
    lenient: bool = False,
) -> Person:
    """Somebody new in a house."""
    now = house.clock.now()
    async with house.database.transaction() as tx:
        account = await add_account(tx, name=name, role=role, credits_start=micro(credits_start), now=now)
        issued = await issue_key(
            tx,
            account=account,
            name=f"{name}'s key",
            now=now,
            models=models,
            requests_per_minute=requests_per_minute,
            concurrent=concurrent,
            expires_at=expires_at,
            spend_limit=None if spend_limit is None else micro(spend_limit),
            lenient=lenient,
        )
    return Person(account=account, key=issued.key, secret=issued.secret)


async def balance_of(house: House, person: Person) -> Balance:
    """What they have."""
    async with house.database.statement() as tx:
        return await credit_book.balance(tx, account_id=person.account.id)


async def budget_of(house: House, person: Person) -> Budget:
    """What their key has spent."""
    async with house.database.statement() as tx:
        return await credit_book.budget(tx, api_key_id=person.key.id)


async def entries_of(house: House, person: Person) -> list[Entry]:
    """Their book, newest entry first."""
    async with house.database.statement() as tx:
        return await credit_book.entries(tx, account_id=person.account.id, count=1000)


async def running_of(house: House, person: Person) -> int:
    """How many requests of their key are under way."""
    async with house.database.statement() as tx:
        found = await tx.value("SELECT running FROM rate_limits WHERE api_key_id = $1", person.key.id)
    return int(found or 0)


async def until_quiet(house: House) -> None:
    """Until the database has finished what callers began who have gone since."""
    async with asyncio.timeout(5):
        await house.database.settled()


async def assert_nothing_under_way(house: House, person: Person) -> None:
    """Nothing is held, nothing counts as running, and the book adds up."""
    balance, budget, entries = (
        await balance_of(house, person),
        await budget_of(house, person),
        await entries_of(house, person),
    )
    assert (balance.held, budget.held, await running_of(house, person)) == (0, 0, 0)
    assert sum(entry.amount for entry in entries) == balance.balance
    assert sum(entry.held for entry in entries) == 0
