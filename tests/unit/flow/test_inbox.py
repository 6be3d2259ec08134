"""What is sent to an inbox: whose signature is worth what, what is kept, and who hears of it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from limner.flow.admit import Callback, Terms
from limner.flow.house import House
from limner.flow.inbox import Sent, is_valid, make, receive, watch
from limner.flow.news import News
from limner.flow.notify import message_id
from limner.flow.sweep import tidy
from limner.inboxes import service as inboxes
from limner.inboxes.models import Inbox, Received
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from limner.tasks.models import Task
from limner.webhooks import rules as webhook_rules
from limner.webhooks import service as webhooks
from support.people import Person
from support.workers import submitted

BODY = b'{"success":true}'


async def inbox_of(house: House, person: Person) -> Inbox:
    made = await make(house.database, clock=house.clock, life=house.inbox_life, account_id=person.account.id)
    return made.inbox


async def secret_of(house: House, person: Person) -> bytes:
    async with house.database.statement() as tx:
        return await webhooks.ensure_secret(
            tx, id_=uuid7(), account_id=person.account.id, noise=secrets.token_bytes(32), now=house.clock.now()
        )


async def in_pieces(body: bytes, size: int = 5) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def sent(
    house: House, inbox: Inbox, headers: dict[str, str] | None = None, *, body: bytes = BODY, size: int = 5
) -> Received:
    head = Sent(method="POST", path="/", query="", headers=list((headers or {}).items()), sender="127.0.0.1")
    return await receive(house, token=inbox.token, sent=head, body=in_pieces(body, size))


async def called_back(house: House, person: Person, *, secret: str | None) -> Task:
    callback = Callback(url="http://127.0.0.1:9/done", secret=secret)
    return await submitted(house, person, terms=Terms(is_async=True, callback=callback))


async def signed(
    house: House, task: Task, *, secret: bytes, callback_secret: str | None = None, later: float = 0
) -> dict[str, str]:
    return webhook_rules.headers(
        message_id=message_id(task),
        secrets=[secret],
        callback_secret=callback_secret,
        body=BODY,
        now=house.clock.now() + timedelta(seconds=later),
    )


def checks(received: Received) -> tuple[str, str, bool | None]:
    return received.standard_check, received.callback_check, is_valid(received)


# signatures --------------------------------------------------------------------------------------------------------------


async def test_a_callback_of_ours_is_valid_and_tells_its_task(house: House, grace: Person) -> None:
    inbox, secret = await inbox_of(house, grace), await secret_of(house, grace)
    task = await called_back(house, grace, secret="hush")

    received = await sent(house, inbox, await signed(house, task, secret=secret, callback_secret="hush"))

    assert checks(received) == ("valid", "valid", True)
    assert received.task_id == task.id
    assert (received.body, received.body_bytes, received.number) == (BODY, len(BODY), 1)


async def test_header_names_in_capitals_are_the_same(house: House, grace: Person) -> None:
    inbox, secret = await inbox_of(house, grace), await secret_of(house, grace)
    task = await called_back(house, grace, secret=None)
    headers = {name.title(): value for name, value in (await signed(house, task, secret=secret)).items()}

    assert checks(await sent(house, inbox, headers)) == ("valid", "unsigned", True)


async def test_a_secret_that_was_replaced_is_good_for_its_last_day(
    house: House, grace: Person, clock: StillClock
) -> None:
    inbox, secret = await inbox_of(house, grace), await secret_of(house, grace)
    task = await called_back(house, grace, secret=None)
    async with house.database.statement() as tx:
        await webhooks.rotate(
            tx, id_=uuid7(), account_id=grace.account.id, noise=bytes(32), now=clock.now(),
            keeps_signing=timedelta(hours=1),
        )  # fmt: skip

    assert checks(await sent(house, inbox, await signed(house, task, secret=secret)))[0] == "valid"
    clock.move(seconds=3600)
    assert checks(await sent(house, inbox, await signed(house, task, secret=secret)))[0] == "wrong"


@pytest.mark.parametrize(("later", "found"), [(-301, "too_old"), (301, "too_new"), (-300, "valid")])
async def test_a_signature_has_its_time(house: House, grace: Person, later: float, found: str) -> None:
    inbox, secret = await inbox_of(house, grace), await secret_of(house, grace)
    task = await called_back(house, grace, secret=None)

    received = await sent(house, inbox, await signed(house, task, secret=secret, later=later))

    assert checks(received) == (found, "unsigned", found == "valid")


async def test_a_body_that_was_changed_is_found_out(house: House, grace: Person) -> None:
    inbox, secret = await inbox_of(house, grace), await secret_of(house, grace)
    task = await called_back(house, grace, secret="hush")
    headers = await signed(house, task, secret=secret, callback_secret="hush")

    received = await sent(house, inbox, headers, body=BODY + b" ")

    assert checks(received) == ("wrong", "wrong", False)


async def test_another_account_s_callback_is_neither_valid_nor_told_of(
    house: House, grace: Person, ada: Person
) -> None:
    inbox = await inbox_of(house, grace)
    await secret_of(house, grace)
    task = await called_back(house, ada, secret="hush")
    headers = await signed(house, task, secret=await secret_of(house, ada), callback_secret="hush")

    received = await sent(house, inbox, headers)

    assert checks(received) == ("wrong", "unknown", False)
    assert received.task_id is None


async def test_one_of_two_signatures_that_is_wrong_is_one_too_many(house: House, grace: Person) -> None:
    inbox, secret = await inbox_of(house, grace), await secret_of(house, grace)
    task = await called_back(house, grace, secret="hush")

    received = await sent(house, inbox, await signed(house, task, secret=secret, callback_secret="loud"))

    assert checks(received) == ("valid", "wrong", False)


async def test_what_nobody_signed_is_neither_valid_nor_not(house: House, grace: Person) -> None:
    inbox = await inbox_of(house, grace)

    assert checks(await sent(house, inbox)) == ("unsigned", "unsigned", None)
    strange = await sent(house, inbox, {"x-callback-signature": "ab" * 32})
    assert checks(strange) == ("unsigned", "unknown", None)


async def test_a_large_body_is_checked_whole_and_kept_in_part(house: House, grace: Person) -> None:
    inbox, secret = await inbox_of(house, grace), await secret_of(house, grace)
    body = b"0123456789abcdef" * 65_536
    headers = webhook_rules.headers(
        message_id=uuid7(), secrets=[secret], callback_secret=None, body=body, now=house.clock.now()
    )

    received = await sent(house, inbox, headers, body=body, size=50_000)

    assert received.standard_check == "valid"
    assert (received.body_bytes, received.body, received.is_truncated) == (1_048_576, body[:262_144], True)
    wrong = await sent(house, inbox, headers, body=body[:-1] + b"!", size=50_000)
    assert wrong.standard_check == "wrong"


async def test_a_sender_who_hangs_up_leaves_nothing(house: House, grace: Person) -> None:
    inbox = await inbox_of(house, grace)

    async def broken_off() -> AsyncIterator[bytes]:
        yield BODY
        raise ConnectionResetError

    head = Sent(method="POST", path="/", query="", headers=[], sender=None)
    with pytest.raises(ConnectionResetError):
        await receive(house, token=inbox.token, sent=head, body=broken_off())

    async with house.database.statement() as tx:
        assert await inboxes.requests_after(tx, inbox_id=inbox.id, after=0, count=10) == []


# watching ----------------------------------------------------------------------------------------------------------------


async def test_who_watches_sees_what_came_and_what_comes(house: House, grace: Person) -> None:
    inbox = await inbox_of(house, grace)
    await sent(house, inbox, body=b"1")
    await sent(house, inbox, body=b"2")
    watching = watch(house.database, clock=house.clock, news=house.inbox_news, inbox=inbox, after=1)

    async with asyncio.timeout(5):
        assert (received := await anext(watching)) is not None
        assert received.body == b"2"
        coming = asyncio.create_task(anext(watching))
        for body in (b"3", b"4"):
            await sent(house, inbox, body=body)
        assert (received := await coming) is not None
        assert received.body == b"3"
        assert (received := await anext(watching)) is not None
        assert received.body == b"4"
    await watching.aclose()


async def test_watching_ends_when_the_inbox_is_deleted(house: House, grace: Person) -> None:
    inbox = await inbox_of(house, grace)
    watching = watch(house.database, clock=house.clock, news=house.inbox_news, inbox=inbox)

    async with asyncio.timeout(5):
        coming = asyncio.create_task(anext(watching, "over"))
        async with house.database.transaction() as tx:
            await inboxes.delete(tx, token=inbox.token, account_id=grace.account.id, now=house.clock.now())
        while (said := await coming) is None:  # a listener that has just connected has everybody look
            coming = asyncio.create_task(anext(watching, "over"))
    assert said == "over"


async def test_watching_ends_when_the_inbox_expires(house: House, grace: Person, clock: StillClock) -> None:
    inbox = await inbox_of(house, grace)
    clock.move(seconds=house.inbox_life.total_seconds())

    watching = watch(house.database, clock=clock, news=house.inbox_news, inbox=inbox)

    assert [received async for received in watching] == []


async def test_watching_ends_when_the_server_stops(house: House, grace: Person) -> None:
    inbox, news = await inbox_of(house, grace), News()
    watching = watch(house.database, clock=house.clock, news=news, inbox=inbox)

    coming = asyncio.create_task(anext(watching, "over"))
    news.close()

    async with asyncio.timeout(5):
        assert await coming == "over"


async def test_tidying_lets_go_of_what_has_ended(house: House, grace: Person, clock: StillClock) -> None:
    inbox = await inbox_of(house, grace)
    await sent(house, inbox)
    clock.move(seconds=house.inbox_life.total_seconds())

    await tidy(house)

    async with house.database.statement() as tx:
        assert await inboxes.requests_after(tx, inbox_id=inbox.id, after=0, count=10) == []
