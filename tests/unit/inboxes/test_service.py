from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from limner.domain.claim import Claim
from limner.domain.problem import IdempotencyKeyReused
from limner.flow.house import House
from limner.inboxes import rules, service
from limner.inboxes.models import Arrival, Inbox
from limner.inboxes.service import InboxBusy, InboxEnded, Made, NoSuchInbox, NoSuchRequest
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from support.people import Person

LIFE = timedelta(hours=24)


async def made(
    house: House, account_id: UUID, *, claim: Claim | None = None, name: str = "", at_most: int = 20
) -> Made:
    async with house.database.transaction() as tx:
        return await service.make(
            tx,
            id_=uuid7(),
            account_id=account_id,
            noise=secrets.token_bytes(rules.TOKEN_BYTES),
            name=name,
            life=LIFE,
            claim=claim,
            now=house.clock.now(),
            at_most=at_most,
        )


async def send(house: House, inbox: Inbox, body: bytes = b"hello", *, at_most: int = 100) -> int:
    arrival = Arrival(
        method="POST",
        path="/",
        query="a=1",
        headers={"content-type": "text/plain"},
        body=body,
        body_bytes=len(body),
        standard_check="unsigned",
        callback_check="unsigned",
        task_id=None,
        sender="127.0.0.1",
    )
    async with house.database.statement() as tx:
        kept = await service.keep(tx, inbox_id=inbox.id, arrival=arrival, now=house.clock.now(), at_most=at_most)
    return kept.number


async def take(house: House, token: str, *, per_minute: int = 600) -> service.Open:
    async with house.database.statement() as tx:
        return await service.take(tx, token=token, now=house.clock.now(), per_minute=per_minute)


async def count_of(house: House, table: str) -> int:
    async with house.database.statement() as tx:
        count: int = await tx.value(f"SELECT count(*) FROM {table}")
    return count


@pytest.fixture
async def inbox(house: House, grace: Person) -> Inbox:
    return (await made(house, grace.account.id, name="callbacks")).inbox


async def test_an_inbox_is_its_account_s_own(house: House, grace: Person, eve: Person, inbox: Inbox) -> None:
    async with house.database.statement() as tx:
        now = house.clock.now()
        assert await service.inbox(tx, token=inbox.token, account_id=grace.account.id, now=now) == inbox
        assert await service.inboxes(tx, account_id=grace.account.id, now=now) == [inbox]
        assert await service.inboxes(tx, account_id=eve.account.id, now=now) == []
        with pytest.raises(NoSuchInbox):
            await service.inbox(tx, token=inbox.token, account_id=eve.account.id, now=now)
        with pytest.raises(NoSuchInbox):
            await service.delete(tx, token=inbox.token, account_id=eve.account.id, now=now)
    assert (inbox.name, inbox.expires_at - inbox.created_at, inbox.received) == ("callbacks", LIFE, 0)
    assert inbox.token not in repr(inbox)


async def test_the_last_hundred_are_kept(house: House, inbox: Inbox) -> None:
    for number in range(1, 8):
        assert await send(house, inbox, b"%d" % number, at_most=5) == number

    async with house.database.statement() as tx:
        newest = await service.requests_before(tx, inbox_id=inbox.id, before=None, count=10)
        older = await service.requests_before(tx, inbox_id=inbox.id, before=6, count=2)
        later = await service.requests_after(tx, inbox_id=inbox.id, after=5, count=10)
        with pytest.raises(NoSuchRequest):
            await service.request(tx, inbox_id=inbox.id, number=2)
    assert [one.body for one in newest] == [b"7", b"6", b"5", b"4", b"3"]
    assert [one.number for one in older] == [5, 4]
    assert [one.number for one in later] == [6, 7]


async def test_many_at_once_each_get_a_number(house: House, inbox: Inbox) -> None:
    numbers = await asyncio.gather(*(send(house, inbox, at_most=5) for _ in range(20)))

    assert sorted(numbers) == list(range(1, 21))
    assert await count_of(house, "inbox_requests") == 5


async def test_nobody_sends_more_in_a_minute_than_an_inbox_takes(house: House, inbox: Inbox, clock: StillClock) -> None:
    house_takes = 600
    for _ in range(house_takes):
        await take(house, inbox.token)
    with pytest.raises(InboxBusy) as caught:
        await take(house, inbox.token)
    assert caught.value.retry_after_seconds == pytest.approx(0.1)

    clock.move(seconds=0.1)
    await take(house, inbox.token)
    with pytest.raises(InboxBusy):
        await take(house, inbox.token)


async def test_an_expired_inbox_takes_and_shows_nothing(house: House, inbox: Inbox, clock: StillClock) -> None:
    clock.move(seconds=LIFE.total_seconds() - 1)
    assert (await take(house, inbox.token)).id == inbox.id
    clock.move(seconds=1)

    with pytest.raises(InboxEnded):
        await take(house, inbox.token)
    async with house.database.statement() as tx:
        with pytest.raises(InboxEnded):
            await service.inbox(tx, token=inbox.token, account_id=inbox.account_id, now=clock.now())
        assert await service.inboxes(tx, account_id=inbox.account_id, now=clock.now()) == []
        assert await service.has_ended(tx, id_=inbox.id, now=clock.now())


async def test_a_deleted_inbox_has_nothing_and_gets_nothing(house: House, inbox: Inbox) -> None:
    await send(house, inbox)
    async with house.database.transaction() as tx:
        await service.delete(tx, token=inbox.token, account_id=inbox.account_id, now=house.clock.now())

    assert await count_of(house, "inbox_requests") == 0
    with pytest.raises(InboxEnded):
        await take(house, inbox.token)
    with pytest.raises(InboxEnded):
        await send(house, inbox)  # let in before, and read since
    async with house.database.statement() as tx:
        with pytest.raises(InboxEnded):
            await service.delete(tx, token=inbox.token, account_id=inbox.account_id, now=house.clock.now())


async def test_what_has_ended_is_swept_and_its_senders_are_told_for_another_week(
    house: House, inbox: Inbox, clock: StillClock, grace: Person
) -> None:
    await send(house, inbox)
    clock.move(seconds=LIFE.total_seconds())
    other = (await made(house, grace.account.id)).inbox
    await send(house, other)

    async with house.database.statement() as tx:
        await service.sweep(tx, now=clock.now())
    assert (await count_of(house, "inboxes"), await count_of(house, "inbox_requests")) == (2, 1)
    with pytest.raises(InboxEnded):
        await take(house, inbox.token)

    clock.move(seconds=7 * 86_400 + 1)
    async with house.database.statement() as tx:
        await service.sweep(tx, now=clock.now())
    with pytest.raises(NoSuchInbox):
        await take(house, inbox.token)
    with pytest.raises(InboxEnded):
        await take(house, other.token)
    assert await count_of(house, "inbox_requests") == 0


async def test_the_same_key_makes_the_same_inbox_for_a_day(
    house: House, grace: Person, eve: Person, clock: StillClock
) -> None:
    claim = Claim(key="k", fingerprint=b"1")
    first = await made(house, grace.account.id, claim=claim)
    clock.move(seconds=86_400)
    again = await made(house, grace.account.id, claim=claim)
    other = await made(house, eve.account.id, claim=claim)
    assert (first.is_repeat, again.is_repeat, other.is_repeat) == (False, True, False)
    assert again.inbox == first.inbox
    with pytest.raises(IdempotencyKeyReused):
        await made(house, grace.account.id, claim=Claim(key="k", fingerprint=b"2"))

    clock.move(seconds=1)
    later = await made(house, grace.account.id, claim=Claim(key="k", fingerprint=b"2"))
    assert not later.is_repeat


async def test_many_with_the_same_key_get_one_inbox(house: House, grace: Person) -> None:
    claim = Claim(key="k", fingerprint=b"1")
    found = await asyncio.gather(*(made(house, grace.account.id, claim=claim) for _ in range(8)))

    assert len({one.inbox.id for one in found}) == 1
    assert sum(not one.is_repeat for one in found) == 1


async def test_an_account_has_so_many_inboxes_and_no_more(house: House, grace: Person, clock: StillClock) -> None:
    claim = Claim(key="k", fingerprint=b"1")
    await made(house, grace.account.id, at_most=2, claim=claim)
    await made(house, grace.account.id, at_most=2)
    with pytest.raises(service.TooManyInboxes):
        await made(house, grace.account.id, at_most=2)
    assert (await made(house, grace.account.id, at_most=2, claim=claim)).is_repeat

    clock.move(seconds=LIFE.total_seconds())
    await made(house, grace.account.id, at_most=2)


async def test_a_request_is_never_longer_than_it_was(house: House, inbox: Inbox) -> None:
    async with house.database.statement() as tx:
        with pytest.raises(asyncpg.CheckViolationError):
            await service.keep(
                tx,
                inbox_id=inbox.id,
                arrival=Arrival(
                    method="POST", path="/", query="", headers={}, body=b"12", body_bytes=1,
                    standard_check="valid", callback_check="valid", task_id=None, sender=None,
                ),
                now=house.clock.now(),
            )  # fmt: skip
