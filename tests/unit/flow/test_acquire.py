from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from limner.credits import service as credit_book
from limner.domain.money import micro
from limner.flow import keys
from limner.flow.acquire import acquire
from limner.flow.admit import authenticate
from limner.flow.house import House
from support.people import Person, balance_of, entries_of


async def test_the_first_press_gives_a_key_and_the_free_credits(house: House, eve: Person) -> None:
    acquired = await acquire(house, account_id=eve.account.id, now=house.clock.now())

    assert (acquired.is_first, acquired.granted) == (True, house.free_credits)
    assert (await balance_of(house, eve)).balance == house.free_credits
    newest = (await entries_of(house, eve))[0]
    assert (newest.kind, newest.amount, newest.reason) == (
        "welcome",
        house.free_credits,
        "free credits, once per account",
    )
    principal = await authenticate(house, authorization=f"Bearer {acquired.issued.secret}")
    assert principal.account_id == eve.account.id


async def test_the_second_press_gives_a_key_only(house: House, eve: Person) -> None:
    await acquire(house, account_id=eve.account.id, now=house.clock.now())

    again = await acquire(house, account_id=eve.account.id, now=house.clock.now())

    assert (again.is_first, again.granted, again.issued.key.name) == (False, 0, "key 3")
    assert (await balance_of(house, eve)).balance == house.free_credits


async def test_an_account_without_keys_gets_its_first_key(house: House) -> None:
    async with house.database.transaction() as tx:
        joan = await keys.add_account(tx, name="joan", role="member", credits_start=0, now=house.clock.now())

    names = [(await acquire(house, account_id=joan.id, now=house.clock.now())).issued.key.name for _ in range(3)]

    assert names == ["first key", "key 2", "key 3"]


async def test_twenty_presses_at_once_give_the_credits_once(house: House, eve: Person) -> None:
    pressed = await asyncio.gather(
        *(acquire(house, account_id=eve.account.id, now=house.clock.now()) for _ in range(20))
    )

    assert sum(one.is_first for one in pressed) == 1
    assert (await balance_of(house, eve)).balance == house.free_credits
    assert len({one.issued.key.name for one in pressed}) == 20


async def test_deleting_every_key_does_not_bring_the_credits_back(house: House, eve: Person) -> None:
    acquired = await acquire(house, account_id=eve.account.id, now=house.clock.now())
    for one in await keys.keys_of(house, account_id=eve.account.id):
        await keys.delete_key(house, account_id=eve.account.id, key_id=one.key.id)

    again = await acquire(house, account_id=eve.account.id, now=house.clock.now())

    assert not again.is_first
    assert again.issued.key.name != acquired.issued.key.name


async def test_presses_that_race_make_no_more_keys_than_an_account_may_have(house: House, eve: Person) -> None:
    for _ in range(keys.KEYS_MAX - 3):
        await acquire(house, account_id=eve.account.id, now=house.clock.now())

    pressed = await asyncio.gather(
        *(acquire(house, account_id=eve.account.id, now=house.clock.now()) for _ in range(6)), return_exceptions=True
    )

    assert sum(isinstance(one, keys.TooManyKeys) for one in pressed) == 4
    assert len(await keys.keys_of(house, account_id=eve.account.id)) == keys.KEYS_MAX


async def test_free_credits_may_be_none(house: House, eve: Person) -> None:
    mean = replace(house, free_credits=0)

    acquired = await acquire(mean, account_id=eve.account.id, now=house.clock.now())

    assert (acquired.is_first, acquired.granted) == (True, 0)
    assert (await balance_of(house, eve)).balance == 0


async def test_what_a_welcome_gave_is_in_the_ledger(house: House, grace: Person) -> None:
    async with house.database.transaction() as tx:
        with pytest.raises(credit_book.CreditsUsedUp):
            await credit_book.grant(
                tx, id_=grace.key.id, account_id=grace.account.id, amount=-micro(11), reason="x", now=house.clock.now()
            )
    await acquire(house, account_id=grace.account.id, now=house.clock.now())

    assert sum(entry.amount for entry in await entries_of(house, grace)) == (await balance_of(house, grace)).balance
