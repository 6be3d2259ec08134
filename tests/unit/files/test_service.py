from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from limner.files import rules, service
from limner.files.models import File, Wanted
from limner.flow.house import House
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from support.people import Person

SOON = timedelta(hours=1)
LIFE = timedelta(days=7)
PLENTY = 10**9


def file_of(house: House, person: Person, **more: Any) -> File:
    id_, now = uuid7(), house.clock.now()
    values: dict[str, Any] = {
        "id": id_,
        "account_id": person.account.id,
        "name": "otter.png",
        "purpose": "vision",
        "media_type": "image/png",
        "bytes": 1000,
        "width": 64,
        "height": 48,
        "sha256": "ab" * 32,
        "alpha": "clear",
        "url": "https://grace.test/otter.png",
        "notes": ("it was turned", "it was converted"),
        "is_listed": True,
        "storage_key": rules.storage_key(id_=id_, media_type="image/png", created_at=now),
        "created_at": now,
        "expires_at": now + LIFE,
    }
    return File(**(values | more))


async def begun(house: House, file: File, *, bytes_max: int = PLENTY) -> bool:
    async with house.database.statement() as tx:
        return await service.begin(tx, file=file, until=house.clock.now() + SOON, bytes_max=bytes_max)


async def stored(house: House, file: File) -> bool:
    async with house.database.statement() as tx:
        return await service.stored(tx, file=file, now=house.clock.now())


async def kept(house: House, person: Person, **more: Any) -> File:
    file = file_of(house, person, **more)
    assert await begun(house, file)
    assert await stored(house, file)
    return file


async def found(house: House, *files: File, person: Person | None = None, also_ended: bool = False) -> set[UUID]:
    async with house.database.statement() as tx:
        return set(
            await service.files_of(
                tx,
                account_id=None if person is None else person.account.id,
                ids=[file.id for file in files],
                now=house.clock.now(),
                also_ended=also_ended,
            )
        )


async def names(house: House, person: Person, *, count: int = 10, **which: Any) -> list[str]:
    async with house.database.statement() as tx:
        page = await service.listed(
            tx, account_id=person.account.id, which=Wanted(**which), count=count, now=house.clock.now()
        )
    return [file.name for file in page]


async def ended(house: House) -> set[UUID]:
    async with house.database.statement() as tx:
        now = house.clock.now()
        return {file.id for file in await service.ended(tx, before=now, count=10, now=now)}


async def test_a_file_comes_back_as_it_was_written_down(house: House, grace: Person) -> None:
    file = await kept(house, grace)

    async with house.database.statement() as tx:
        back = await service.files_of(tx, account_id=grace.account.id, ids=[file.id], now=house.clock.now())

    assert back == {file.id: file}


async def test_a_file_is_its_account_s_own(house: House, grace: Person, eve: Person) -> None:
    file = await kept(house, grace)

    assert await found(house, file, person=eve) == set()
    assert await names(house, eve) == []
    async with house.database.statement() as tx:
        assert await service.end(tx, id_=file.id, account_id=eve.account.id, now=house.clock.now()) is None
    assert await found(house, file, person=grace) == {file.id}


async def test_nobody_is_shown_a_file_before_it_is_stored(house: House, grace: Person, clock: StillClock) -> None:
    file = file_of(house, grace)
    await begun(house, file)

    assert await found(house, file) == set()
    assert await names(house, grace) == []
    assert await ended(house) == set()
    clock.move(seconds=SOON.total_seconds())
    assert await ended(house) == {file.id}
    assert not await stored(house, file)


async def test_an_account_s_files_are_listed_from_either_end(house: House, grace: Person) -> None:
    files = [await kept(house, grace, name=name) for name in "abcd"]
    await kept(house, grace, name="inside a request", is_listed=False)
    await kept(house, grace, name="e", purpose="user_data")

    assert await names(house, grace) == list("edcba")
    assert await names(house, grace, order="asc", count=2) == ["a", "b"]
    assert await names(house, grace, after=files[2].id) == ["b", "a"]
    assert await names(house, grace, after=files[2].id, order="asc") == ["d", "e"]
    assert await names(house, grace, purpose="user_data") == ["e"]
    async with house.database.statement() as tx:
        every = await service.every(tx, account_id=grace.account.id, count=2, now=house.clock.now())
    assert [file.name for file in every] == ["e", "inside a request"]


async def test_a_file_ends_when_it_expires(house: House, grace: Person, clock: StillClock) -> None:
    file = await kept(house, grace)
    clock.move(seconds=LIFE.total_seconds() - 1)
    assert await found(house, file) == {file.id}

    clock.move(seconds=1)

    assert await found(house, file) == set()
    assert await names(house, grace) == []
    assert await found(house, file, also_ended=True) == {file.id}
    assert await ended(house) == {file.id}


async def test_a_file_is_ended_once(house: House, grace: Person) -> None:
    file = await kept(house, grace)

    async with house.database.statement() as tx:
        now = house.clock.now()
        assert await service.end(tx, id_=file.id, account_id=None, now=now) == replace(file, expires_at=now)
        assert await service.end(tx, id_=file.id, account_id=None, now=now) is None
    assert await found(house, file) == set()


async def test_what_is_held_is_not_removed_meanwhile(house: House, grace: Person, clock: StillClock) -> None:
    file = await kept(house, grace)
    clock.move(seconds=LIFE.total_seconds())
    async with house.database.statement() as tx:
        await service.hold(tx, ids=[file.id], until=house.clock.now() + SOON)

    assert await ended(house) == set()
    clock.move(seconds=SOON.total_seconds())
    assert await ended(house) == {file.id}


async def test_an_account_has_so_many_bytes_and_no_more(house: House, grace: Person, eve: Person) -> None:
    first = await kept(house, grace)
    assert await begun(house, file_of(house, grace), bytes_max=2000)

    assert not await begun(house, file_of(house, grace), bytes_max=2000)

    assert await begun(house, file_of(house, eve), bytes_max=2000)
    async with house.database.statement() as tx:
        assert await service.bytes_of(tx, account_id=grace.account.id) == 2000
        await service.forget(tx, id_=first.id)
    assert await begun(house, file_of(house, grace), bytes_max=2000)


async def test_whoever_comes_second_waits_until_it_is_known_what_the_first_one_took(
    house: House, grace: Person, eve: Person
) -> None:
    async with house.database.transaction() as tx:
        assert await service.begin(tx, file=file_of(house, grace), until=house.clock.now() + SOON, bytes_max=1500)
        second = asyncio.create_task(begun(house, file_of(house, grace), bytes_max=1500))
        assert await begun(house, file_of(house, eve), bytes_max=1500)
        await asyncio.wait([second], timeout=0.2)
        assert not second.done()

    assert not await second


async def test_a_closed_account_s_files_end_also_those_under_way(house: House, grace: Person, eve: Person) -> None:
    there, under_way, another = await kept(house, grace), file_of(house, grace), await kept(house, eve)
    await begun(house, under_way)

    async with house.database.statement() as tx:
        await service.end_all(tx, account_id=grace.account.id, now=house.clock.now())
        left = await service.of_account(tx, account_id=grace.account.id, count=10)

    assert not await stored(house, under_way)
    assert await found(house, there, under_way, another) == {another.id}
    assert {file.id for file in left} == {there.id, under_way.id}


async def test_files_are_found_by_the_beginning_of_their_id(house: House, grace: Person) -> None:
    file, other = await kept(house, grace), await kept(house, grace)

    async with house.database.statement() as tx:
        now = house.clock.now()
        assert await service.like(tx, prefix=f"file-{file.id.hex}", now=now) == [file]
        assert await service.like(tx, prefix=file.id.hex[:4], now=now) == [file, other]
        assert await service.like(tx, prefix="otter", now=now) == []
