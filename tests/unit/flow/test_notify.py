"""Callbacks on the wire: what receivers get, how it is signed, when it comes again, and what nobody is told."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import logging
import secrets as noise_source
import socket
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from standardwebhooks import Webhook, WebhookVerificationError
from typing_extensions import override

from limner.bootstrap import may_call_itself
from limner.config import Outbound as OutboundSettings
from limner.config import Server, Settings
from limner.domain.money import micro
from limner.engines import EngineFailed, fake
from limner.flow.admit import Callback, Terms
from limner.flow.callbacks import deliver_callback, submit_due
from limner.flow.cancel import cancel
from limner.flow.deliver import Result
from limner.flow.house import EngineStand, House
from limner.flow.notify import CallbackRefused, line_id, message_id
from limner.flow.work import work
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from limner.kit.outbound import Outbound, Policy
from limner.storage import StorageFailed, memory
from limner.tasks.models import Task
from limner.web.dialects.images.render import callback_body
from limner.webhooks import service as webhooks
from limner.webhooks.models import Attempt, Endpoint, Message
from limner.webhooks.rules import SECRET_BYTES, shown_id, shown_secret
from support import wire
from support.painters import Breaking, with_painter
from support.people import Person, balance_of
from support.receiving import HANGS, OK, RESETS, Says, node_says, receiving
from support.shelves import task_rows
from support.workers import at_work, submitted

SCHEDULE = (5, 60, 300, 1800, 7200, 21_600, 50_400, 86_400)
JITTER = 0.1
DAY = 86_400
PRICE = micro("0.016")


@pytest.fixture
async def house(house: House) -> House:
    """A house that can call."""
    await house.outbound.open()
    return house


async def asked(
    house: House,
    person: Person,
    url: str,
    *,
    secret: str | None = None,
    prefix: str = "/v1",
    as_links: bool = True,
    n: int = 1,
) -> Task:
    """An asynchronous task with a callback, not begun."""
    terms = Terms(is_async=True, prefix=prefix, as_links=as_links, callback=Callback(url=url, secret=secret))
    return await submitted(house, person, terms=terms, n=n)


async def ended(house: House, person: Person, url: str, **given: Any) -> Task:
    """One that has ended, and whose callback is to be sent now."""
    task = await asked(house, person, url, **given)
    assert await work(house, task_id=task.id) is None
    return task


async def deliver(house: House, task: Task) -> None:
    """What a worker does with the callback's job."""
    await deliver_callback(house, message_id=message_id(task), renders=callback_body)


async def delivered_when_due(house: House, clock: StillClock, task: Task) -> None:
    """Move the clock to the next attempt, and make it. A moment before, nothing is due."""
    at = (await message_of(house, task)).next_at
    assert at is not None
    clock.moment = at - timedelta(milliseconds=1)
    assert await submit_due(house, count=10) == 0
    clock.moment = at
    assert await submit_due(house, count=10) == 1
    await deliver(house, task)


async def message_of(house: House, task: Task) -> Message:
    async with house.database.statement() as tx:
        return await webhooks.message(tx, id_=message_id(task))


async def until_status(house: House, task: Task, status: str, *, tried: int) -> None:
    """Until that has been written down of its callback."""
    async with asyncio.timeout(10):
        while ((message := await message_of(house, task)).status, message.tried) != (status, tried):
            continue


async def attempts_of(house: House, task: Task) -> list[Attempt]:
    async with house.database.statement() as tx:
        return await webhooks.attempts(tx, message_id=message_id(task))


async def endpoint_of(house: House, person: Person) -> Endpoint:
    async with house.database.statement() as tx:
        (found,) = await webhooks.endpoints(tx, account_id=person.account.id)
    return found


async def secret_of(house: House, person: Person) -> str:
    """What `limner webhooks secret` shows."""
    async with house.database.statement() as tx:
        noise = noise_source.token_bytes(SECRET_BYTES)
        known = await webhooks.ensure_secret(
            tx, id_=uuid7(), account_id=person.account.id, noise=noise, now=house.clock.now()
        )
    return shown_secret(known)


async def rotated(house: House, person: Person) -> str:
    async with house.database.statement() as tx:
        noise = noise_source.token_bytes(SECRET_BYTES)
        return shown_secret(
            await webhooks.rotate(tx, id_=uuid7(), account_id=person.account.id, noise=noise, now=house.clock.now())
        )


async def places_of(house: House) -> int:
    """How many stand in lines."""
    async with house.database.statement() as tx:
        return int(await tx.value("SELECT coalesce(sum(released + waiting), 0) FROM job_lines"))


async def jobs_of(house: House) -> int:
    """Callbacks in the queue."""
    async with house.database.statement() as tx:
        return int(await tx.value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'callback'"))


def said(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, Any]]:
    return [record.fields for record in caplog.records if record.getMessage() == name]  # type: ignore[attr-defined]


def with_bytes(house: House, count: int) -> House:
    """The same house, whose engine makes files of so many bytes."""
    return replace(house, engines={**house.engines, "fake": EngineStand(fake.Plug({"bytes": count}))})


def in_present(house: House) -> House:
    """The same house today: the receivers' libraries look at their own clock."""
    return replace(house, clock=StillClock(datetime.now(UTC)))


# what is told ------------------------------------------------------------------------------------------------------------


def pixels(picture: dict[str, str]) -> bytes | None:
    """Of a picture in an answer, if it is in there."""
    if "b64_json" not in picture:
        return None
    with Image.open(io.BytesIO(base64.b64decode(picture["b64_json"]))) as opened:
        return opened.tobytes()


@pytest.mark.parametrize("prefix", ["/openai", "/v1"])
@pytest.mark.parametrize("response_format", ["url", "b64_json"])
async def test_a_success_is_the_synchronous_answer_in_an_envelope(
    house: House, grace: Person, prefix: str, response_format: str
) -> None:
    asked_for = {"n": 2, "seed": 7, "size": "256x256", "response_format": response_format}
    answered = (await wire.ask(house, grace, prefix=prefix, **asked_for)).json()
    async with receiving() as receiver:
        submitted = await wire.ask(house, grace, prefix=prefix, callback_url=receiver.url, **asked_for)
        (row,) = [row for row in await task_rows(house) if row["is_async"]]
        async with at_work(house):
            await receiver.until_heard(1)
    (heard,) = receiver.heard

    assert submitted.json() == {"task_id": str(row["id"])}
    assert (heard.method, heard.path, heard.headers["content-type"]) == ("POST", "/done", "application/json")
    told = heard.told
    assert list(told) == ["success", "task_id", "trace_id", "data"]
    assert (told["success"], told["task_id"], told["trace_id"]) == (True, str(row["id"]), row["trace_id"])
    data = told["data"]
    assert list(data) == list(answered)
    assert (data["task_id"], data["trace_id"]) == (told["task_id"], told["trace_id"])
    assert (data["created"], data["usage"]) == (answered["created"], answered["usage"])
    assert [list(picture) for picture in data["data"]] == [list(picture) for picture in answered["data"]]
    for there, here in zip(data["data"], answered["data"], strict=True):
        assert there["revised_prompt"] == here["revised_prompt"]
        # Signed one by one: the same pixels, under a signature each.
        assert pixels(there) == pixels(here)
    if response_format == "url":
        async with wire.client_of(house) as client:
            for picture in data["data"]:
                assert (await client.get(picture["url"])).status_code == 200


@pytest.mark.parametrize(("prefix", "code"), [("/openai", "api_error"), ("/v1", "engine_failed")])
async def test_a_failure_is_told_in_the_words_of_its_prefix(
    house: House, grace: Person, prefix: str, code: str
) -> None:
    house = with_painter(house, Breaking(EngineFailed("no more paint")))
    async with receiving() as receiver:
        task = await ended(house, grace, receiver.url, prefix=prefix)
        await deliver(house, task)

    assert receiver.heard[0].told == {
        "success": False,
        "task_id": str(task.id),
        "trace_id": "trace-1",
        "error": {"code": code, "message": "no more paint", "type": "server_error", "param": None},
    }


async def test_a_cancelled_task_is_told_of_too(house: House, grace: Person) -> None:
    async with receiving() as receiver:
        task = await asked(house, grace, receiver.url)
        await cancel(house, task_id=task.id, account_id=grace.account.id)
        await deliver(house, task)

    told = receiver.heard[0].told
    assert (told["success"], told["error"]["code"]) == (False, "cancelled")
    assert await places_of(house) == 0


async def test_pictures_that_are_gone_by_then_are_a_failure(house: House, grace: Person) -> None:
    async with receiving() as receiver:
        task = await ended(house, grace, receiver.url, as_links=False)
        await house.storage.delete(f"2026-11-22/{task.id}_0.png")
        await deliver(house, task)

    told = receiver.heard[0].told
    assert (told["success"], told["error"]["code"]) == (False, "not_found")
    assert told["error"]["message"] == "the pictures were deleted"
    assert (await message_of(house, task)).status == "delivered"


async def test_ten_megabytes_of_pictures_arrive_whole(house: House, ada: Person) -> None:
    house = in_present(with_bytes(house, 4_000_000))
    async with receiving() as receiver:
        task = await ended(house, ada, receiver.url, as_links=False, n=2, secret="hush")
        await deliver(house, task)

    (heard,) = receiver.heard
    assert len(heard.body) > 10_000_000
    assert all(len(picture["b64_json"]) >= 5_333_336 for picture in heard.told["data"]["data"])
    assert Webhook(await secret_of(house, ada)).verify(heard.body, dict(heard.headers)) == heard.told
    assert (await message_of(house, task)).status == "delivered"


# signatures --------------------------------------------------------------------------------------------------------------


async def test_what_arrives_is_signed_for_every_kind_of_receiver(house: House, grace: Person) -> None:
    house = in_present(house)
    async with receiving() as receiver:
        task = await ended(house, grace, receiver.url, secret="hush 海")
        await deliver(house, task)
    (heard,) = receiver.heard
    secret = await secret_of(house, grace)

    assert heard.headers["webhook-id"] == shown_id(message_id(task))
    assert heard.headers["webhook-timestamp"] == str(int(house.clock.now().timestamp()))
    assert Webhook(secret).verify(heard.body, dict(heard.headers)) == heard.told
    assert node_says(headers=heard.headers, body=heard.body, secret=secret, callback_secret="hush 海") == {
        "standard": "valid",
        "callback": "valid",
    }
    plain = hmac.new("hush 海".encode(), heard.body, hashlib.sha256).hexdigest()
    assert heard.headers["x-callback-signature"] == plain
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(heard.body + b" ", dict(heard.headers))


async def test_only_who_gave_a_secret_gets_the_plain_signature(house: House, grace: Person) -> None:
    async with receiving() as receiver:
        await deliver(house, await ended(house, grace, receiver.url))

    assert "x-callback-signature" not in receiver.heard[0].headers


async def test_while_a_secret_is_changed_the_old_and_the_new_one_verify(house: House, grace: Person) -> None:
    house = in_present(house)
    old = await secret_of(house, grace)
    new = await rotated(house, grace)
    async with receiving() as receiver:
        await deliver(house, await ended(house, grace, receiver.url))
    (heard,) = receiver.heard

    for secret in (old, new):
        assert Webhook(secret).verify(heard.body, dict(heard.headers)) == heard.told
        assert node_says(headers=heard.headers, body=heard.body, secret=secret)["standard"] == "valid"

    later = replace(house, clock=StillClock(house.clock.now() + timedelta(hours=24)))
    async with receiving() as receiver:
        await deliver(later, await ended(later, grace, receiver.url))
    assert len(receiver.heard[0].headers["webhook-signature"].split()) == 1


async def test_nobody_else_s_secret_verifies(house: House, grace: Person, eve: Person) -> None:
    house = in_present(house)
    async with receiving() as receiver:
        await deliver(house, await ended(house, grace, receiver.url))

    with pytest.raises(WebhookVerificationError):
        Webhook(await secret_of(house, eve)).verify(receiver.heard[0].body, dict(receiver.heard[0].headers))


# answers -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_any_2xx_is_success(house: House, grace: Person, status: int) -> None:
    async with receiving(Says(status=status, body=b"")) as receiver:
        task = await ended(house, grace, receiver.url)
        await deliver(house, task)
        await deliver(house, task)

    assert len(receiver.heard) == 1
    assert (await message_of(house, task)).status == "delivered"
    assert await places_of(house) == 0


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 500])
async def test_anything_else_is_not(house: House, clock: StillClock, grace: Person, status: int) -> None:
    async with (
        receiving() as elsewhere,
        receiving(Says(status=status, headers={"location": elsewhere.url})) as receiver,
    ):
        task = await ended(house, grace, receiver.url)
        await deliver(house, task)

    assert (len(receiver.heard), elsewhere.heard) == (1, [])
    assert [attempt.status_code for attempt in await attempts_of(house, task)] == [status]
    message = await message_of(house, task)
    assert (message.status, message.tried, message.is_queued) == ("waiting", 1, False)
    assert message.next_at is not None
    assert 4.5 <= (message.next_at - clock.now()).total_seconds() <= 5.5
    assert await places_of(house) == 0


async def test_who_says_that_it_is_gone_is_called_no_more(house: House, clock: StillClock, grace: Person) -> None:
    async with receiving(Says(status=410)) as receiver:
        task = await ended(house, grace, receiver.url)
        await deliver(house, task)
        clock.move(seconds=3 * DAY)
        assert await submit_due(house, count=10) == 0

    assert (await message_of(house, task)).status == "failed"
    assert len(await attempts_of(house, task)) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_who_asks_to_be_called_later_is(
    house: House, clock: StillClock, grace: Person, status: int, form: str
) -> None:
    wait = 1000
    at = format_datetime(clock.now() + timedelta(seconds=wait), usegmt=True) if form == "date" else str(wait)
    async with receiving(Says(status=status, headers={"retry-after": at}), OK) as receiver:
        task = await ended(house, grace, receiver.url)
        await deliver(house, task)
        clock.move(seconds=wait - 1)
        assert await submit_due(house, count=10) == 0
        clock.move(seconds=1)
        assert await submit_due(house, count=10) == 1
        await deliver(house, task)

    assert (await message_of(house, task)).status == "delivered"


async def test_every_attempt_is_kept_with_how_it_went(house: House, clock: StillClock, grace: Person) -> None:
    house = replace(house, callback_policy=replace(house.callback_policy, timeout_seconds=0.3))
    long = ("not now, 海 " * 1000).encode()
    began = []
    async with receiving(Says(status=500, body=long), RESETS, HANGS) as receiver:
        task = await ended(house, grace, receiver.url)
        began.append(clock.now())
        await deliver(house, task)
        for _ in range(2):
            await delivered_when_due(house, clock, task)
            began.append(clock.now())
    await delivered_when_due(house, clock, task)  # nobody listens any more
    began.append(clock.now())

    kept = await attempts_of(house, task)
    assert [attempt.started_at for attempt in kept] == began
    assert [(attempt.number, attempt.status_code, attempt.error) for attempt in kept] == [
        (1, 500, None),
        (2, None, "the connection was closed before an answer came"),
        (3, None, "no answer came within 0.3 seconds"),
        (4, None, "connection refused"),
    ]
    assert kept[0].answer.startswith("not now, 海 ")
    assert long.decode().startswith(kept[0].answer)
    assert 4000 < len(kept[0].answer.encode()) <= 4096
    assert 0.25 < kept[2].seconds < 5
    assert all(attempt.seconds >= 0 for attempt in kept)


async def test_a_callback_is_tried_by_its_schedule_and_then_has_failed(
    house: House, clock: StillClock, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    waits = []
    async with receiving(Says(status=500)) as receiver:
        task = await ended(house, grace, receiver.url)
        await deliver(house, task)
        for _ in SCHEDULE:
            before = clock.now()
            await delivered_when_due(house, clock, task)
            waits.append((clock.now() - before).total_seconds())
        clock.move(seconds=30 * DAY)
        assert await submit_due(house, count=10) == 0

    for wait, planned in zip(waits, SCHEDULE, strict=True):
        assert planned * (1 - JITTER) <= wait <= planned * (1 + JITTER)
    assert any(wait != planned for wait, planned in zip(waits, SCHEDULE, strict=True))
    message = await message_of(house, task)
    assert (message.status, message.attempts) == ("failed", 9)
    assert len(receiver.heard) == len(await attempts_of(house, task)) == 9
    assert len({heard.headers["webhook-id"] for heard in receiver.heard}) == 1
    times = [int(heard.headers["webhook-timestamp"]) for heard in receiver.heard]
    assert times == sorted(set(times))
    tries = said(caplog, "callback.tried")
    assert [one["status"] for one in tries] == ["waiting"] * 8 + ["failed"]
    levels = [record.levelno for record in caplog.records if record.getMessage() == "callback.tried"]
    assert levels == [logging.INFO] * 8 + [logging.WARNING]
    assert not any("done" in str(one) or "127.0.0.1" in str(one) for one in tries)
    assert await places_of(house) == 0


async def test_links_are_signed_anew_for_each_attempt(house: House, clock: StillClock, grace: Person) -> None:
    async with receiving(Says(status=500), OK) as receiver:
        task = await ended(house, grace, receiver.url)
        await deliver(house, task)
        clock.move(seconds=2 * DAY)
        await submit_due(house, count=1)
        await deliver(house, task)
    first, second = (heard.told["data"]["data"][0]["url"] for heard in receiver.heard)

    async with wire.client_of(house) as client:
        assert (await client.get(first)).status_code == 403
        assert (await client.get(second)).status_code == 200


async def test_the_loops_try_again_by_themselves(house: House, clock: StillClock, grace: Person) -> None:
    async with receiving(Says(status=500), OK) as receiver, at_work(house):
        task = await asked(house, grace, receiver.url)
        await receiver.until_heard(1)
        await until_status(house, task, "waiting", tried=1)
        clock.move(seconds=6)
        await receiver.until_heard(2)
        await until_status(house, task, "delivered", tried=2)

    assert (await balance_of(house, grace)).balance == micro(10) - PRICE
    assert (await jobs_of(house), await places_of(house)) == (0, 0)


# receivers that fail for days --------------------------------------------------------------------------------------------


async def test_after_five_days_a_receiver_is_paused_and_the_operator_told_once(
    house: House, clock: StillClock, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving(Says(status=500)) as receiver, receiving() as operator:
        house = replace(house, callback_policy=replace(house.callback_policy, operator_url=operator.url))
        first, second, third = [await ended(house, grace, receiver.url) for _ in range(3)]
        await deliver(house, first)
        clock.move(seconds=5 * DAY)
        await deliver(house, second)
        await deliver(house, third)
        fresh = await ended(house, grace, receiver.url)
        await deliver(house, fresh)

    assert len(receiver.heard) == 2
    for task in (second, third, fresh):
        assert (await message_of(house, task)).status == "paused"
    origin = receiver.origin
    (told,) = operator.heard
    assert told.told == {
        "type": "receiver.paused",
        "timestamp": clock.now().isoformat(),
        "data": {"origin": origin, "account_id": str(grace.account.id)},
    }
    assert said(caplog, "receiver.paused") == [{"origin": origin, "account_id": grace.account.id}]
    assert await places_of(house) == 0


async def test_an_operator_who_cannot_be_told_is_spoken_of_in_the_log(
    house: House, clock: StillClock, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving(Says(status=500)) as receiver, receiving(Says(status=404), RESETS) as operator:
        house = replace(house, callback_policy=replace(house.callback_policy, operator_url=operator.url))
        url = receiver.url.replace("127.0.0.1", "localhost")
        tasks = [await ended(house, grace, url) for url in (receiver.url, url) for _ in range(2)]
        await deliver(house, tasks[0])
        await deliver(house, tasks[2])
        clock.move(seconds=5 * DAY)
        await deliver(house, tasks[1])
        await deliver(house, tasks[3])

    errors = ["answered 404", "the connection was closed before an answer came"]
    assert [one["error"] for one in said(caplog, "operator.not_told")] == errors
    assert len(said(caplog, "receiver.paused")) == 2


async def test_what_is_sent_again_arrives_under_the_same_id(house: House, clock: StillClock, grace: Person) -> None:
    async with receiving() as receiver:
        task = await ended(house, grace, receiver.url)
        await deliver(house, task)
        clock.move(seconds=60)
        async with house.database.statement() as tx:
            await webhooks.resend(tx, id_=message_id(task), now=clock.now())
        assert await submit_due(house, count=10) == 1
        await deliver(house, task)

    assert len({heard.headers["webhook-id"] for heard in receiver.heard}) == 1
    assert len(await attempts_of(house, task)) == 2


async def test_what_was_paused_is_recovered(house: House, clock: StillClock, grace: Person) -> None:
    async with receiving(Says(status=500)) as receiver:
        first, *others = tasks = [await ended(house, grace, receiver.url) for _ in range(4)]
        await deliver(house, first)
        clock.move(seconds=5 * DAY)
        for task in others:
            await deliver(house, task)
        receiver.play(OK)
        async with house.database.statement() as tx:
            recovered = await webhooks.recover(tx, since=clock.now() - timedelta(days=1), now=clock.now())
        async with at_work(house):
            await receiver.until_heard(2 + len(tasks))

    assert set(recovered) == {message_id(task) for task in others}
    for task in tasks:
        assert (await message_of(house, task)).status == "delivered"
    assert (await endpoint_of(house, grace)).paused_at is None


# one receiver and the others ---------------------------------------------------------------------------------------------


async def test_a_receiver_that_hangs_does_not_hold_up_others(house: House, ada: Person, grace: Person) -> None:
    async with receiving(HANGS) as hanging, receiving() as good, at_work(house, stop_seconds=0.1):
        stuck = [await asked(house, ada, hanging.url) for _ in range(30)]
        await hanging.until_heard(house.callback_policy.endpoint_concurrent)

        others = [await asked(house, person, good.url) for person in (ada, grace) for _ in range(15)]
        await good.until_heard(len(others))

        assert hanging.at_once == len(hanging.heard) == house.callback_policy.endpoint_concurrent
    assert {(await message_of(house, task)).status for task in stuck} == {"waiting"}


async def test_what_has_failed_once_is_tried_again_one_by_one(house: House, clock: StillClock, grace: Person) -> None:
    async with receiving(Says(status=500)) as receiver:
        tasks = [await ended(house, grace, receiver.url) for _ in range(5)]
        assert await jobs_of(house) == 5
        for task in tasks:
            await deliver(house, task)
        await forget_jobs(house)
        clock.move(seconds=6)
        assert await submit_due(house, count=10) == 5
        assert await jobs_of(house) == 1

        receiver.play(OK)
        await deliver(house, min(tasks, key=lambda task: task.id))

    # It is well again: the others need not come one by one any more.
    assert await jobs_of(house) == 5
    async with receiving(port=int(receiver.origin.rpartition(":")[2])):
        for task in tasks:
            await deliver(house, task)
    assert await places_of(house) == 0


async def test_callbacks_stand_in_their_line_in_the_order_of_their_tasks(house: House, grace: Person) -> None:
    house = replace(house, callback_policy=replace(house.callback_policy, endpoint_concurrent=1))
    async with receiving() as receiver, at_work(house):
        tasks = [await asked(house, grace, receiver.url) for _ in range(12)]
        await receiver.until_heard(len(tasks))
    assert receiver.most_at_once == 1

    tasks.sort(key=lambda task: task.id)
    ids = [message_id(task) for task in tasks]
    assert ids == sorted(ids)
    assert not set(ids) & {task.id for task in tasks}


async def test_a_line_is_an_account_and_a_receiver(grace: Person, eve: Person) -> None:
    def line(person: Person, url: str) -> object:
        return line_id(account_id=person.account.id, url=url)

    assert line(grace, "https://example.com/1?a=b") == line(grace, "https://EXAMPLE.com:443/2")
    assert line(grace, "https://example.com/") != line(eve, "https://example.com/")
    assert line(grace, "https://example.com/") != line(grace, "https://example.com:8443/")


# crashes, and two at once ------------------------------------------------------------------------------------------------


async def forget_jobs(house: House) -> None:
    """All jobs are lost."""
    async with house.database.statement() as tx:
        await tx.run("DELETE FROM pgqueuer")


async def test_a_worker_that_dies_before_it_wrote_that_down_is_followed_by_another(house: House, grace: Person) -> None:
    async with receiving(HANGS, OK) as receiver:
        task = await ended(house, grace, receiver.url)
        dying = asyncio.create_task(deliver(house, task))
        await receiver.until_heard(1)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)

        await deliver(house, task)

    first, second = receiver.heard
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [attempt.status_code for attempt in await attempts_of(house, task)] == [200]
    assert (await message_of(house, task)).status == "delivered"
    assert (await balance_of(house, grace)).balance == micro(10) - PRICE
    assert await places_of(house) == 0


async def test_a_lost_job_only_makes_a_callback_late(house: House, clock: StillClock, grace: Person) -> None:
    async with receiving() as receiver:
        task = await ended(house, grace, receiver.url)
        await forget_jobs(house)
        clock.move(seconds=webhooks.LATE.total_seconds())
        async with at_work(house):
            await receiver.until_heard(1)

    assert (await message_of(house, task)).status == "delivered"
    assert (await jobs_of(house), await places_of(house)) == (0, 0)


async def test_two_workers_with_one_callback_deliver_it_once_or_twice_and_keep_both_attempts(
    house: House, grace: Person
) -> None:
    async with receiving() as receiver:
        task = await ended(house, grace, receiver.url)
        await asyncio.gather(*(deliver(house, task) for _ in range(2)))

    assert len({heard.headers["webhook-id"] for heard in receiver.heard}) == 1
    assert len(await attempts_of(house, task)) == len(receiver.heard)
    assert (await message_of(house, task)).status == "delivered"
    assert await places_of(house) == 0


async def test_a_second_job_of_a_callback_that_waits_does_nothing(house: House, grace: Person) -> None:
    async with receiving(Says(status=500)) as receiver:
        task = await ended(house, grace, receiver.url)
        await deliver(house, task)
        await deliver(house, task)

    assert len(receiver.heard) == 1
    assert (await message_of(house, task)).tried == 1


async def test_a_worker_whose_clock_is_behind_sends_what_is_queued_all_the_same(
    house: House, clock: StillClock, grace: Person
) -> None:
    behind = replace(house, clock=StillClock(clock.now() - timedelta(seconds=30)))
    async with receiving() as receiver:
        task = await ended(house, grace, receiver.url)
        await deliver(behind, task)

    assert len(receiver.heard) == 1
    assert (await message_of(house, task)).status == "delivered"


# what stands in our own way ----------------------------------------------------------------------------------------------


class Unreadable(memory.Plug):
    """Keeps files and does not give them out until it is mended."""

    def __init__(self) -> None:
        super().__init__("memory://")
        self.is_mended = False

    @override
    async def read(self, key: str, *, start: int, end: int) -> AsyncGenerator[bytes]:
        if not self.is_mended:
            raise StorageFailed("the picture could not be read from the storage")
        async for piece in super().read(key, start=start, end=end):
            yield piece


async def test_a_storage_that_cannot_be_read_is_asked_again_later(
    house: House, clock: StillClock, grace: Person
) -> None:
    storage = Unreadable()
    house = replace(house, storage=storage)
    async with receiving() as receiver:
        task = await ended(house, grace, receiver.url, as_links=False)
        await deliver(house, task)
        assert receiver.heard == []
        (kept,) = await attempts_of(house, task)
        assert (kept.status_code, kept.error) == (None, "not sent: the picture could not be read from the storage")
        assert (await endpoint_of(house, grace)).failing_since is None

        storage.is_mended = True
        await delivered_when_due(house, clock, task)

    assert receiver.heard[0].told["success"]
    assert (await message_of(house, task)).status == "delivered"


async def test_our_own_trouble_pauses_nobody(house: House, clock: StillClock, grace: Person) -> None:
    house = replace(house, storage=Unreadable())
    async with receiving() as receiver:
        tasks = [await ended(house, grace, receiver.url, as_links=False) for _ in range(2)]
        await deliver(house, tasks[0])
        clock.move(seconds=6 * DAY)
        await deliver(house, tasks[1])

    assert (await message_of(house, tasks[1])).status == "waiting"
    assert (await endpoint_of(house, grace)).paused_at is None


async def test_a_bug_does_not_spin_and_is_not_shown(
    house: House, clock: StillClock, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*, task: Task, result: Result | None) -> bytes:
        raise ZeroDivisionError(f"secret of the house: {task.id} {result}")

    async with receiving() as receiver:
        task = await ended(house, grace, receiver.url)
        await deliver_callback(house, message_id=message_id(task), renders=broken)
        assert await submit_due(house, count=10) == 0
        (kept,) = await attempts_of(house, task)
        assert kept.error == "not sent: something went wrong on the server"
        (broke,) = [record for record in caplog.records if record.getMessage() == "callback.broke"]
        assert broke.exc_info is not None

        await delivered_when_due(house, clock, task)

    assert len(receiver.heard) == 1


async def test_a_callback_whose_task_is_gone_has_failed(house: House, clock: StillClock, grace: Person) -> None:
    async with receiving() as receiver:
        task = await ended(house, grace, receiver.url)
        async with house.database.statement() as tx:
            await tx.run("DELETE FROM tasks WHERE id = $1", task.id)
        await deliver(house, task)
        clock.move(seconds=3 * DAY)
        assert await submit_due(house, count=10) == 0

    assert receiver.heard == []
    (kept,) = await attempts_of(house, task)
    assert kept.error == "not sent: its task is not kept any more"
    assert (await message_of(house, task)).status == "failed"


# where callbacks may go --------------------------------------------------------------------------------------------------


class Names:
    """A resolver with a book."""

    def __init__(self, **book: str) -> None:
        self._book = {name.replace("_", "."): ip_address(address) for name, address in book.items()}

    async def addresses(self, name: str, /) -> Sequence[IPv4Address | IPv6Address]:
        """What the book says."""
        if name not in self._book:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [self._book[name]]


def calling_only_public(house: House, **book: str) -> House:
    """The same house on the internet."""
    policy = Policy(http=False, ports=frozenset({80, 443}), networks=(), loopback=False)
    return replace(house, outbound=Outbound(policy=policy, user_agent="limner", resolver=Names(**book)))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://10.0.0.1/done", "10.0.0.1 is a private address"),
        ("http://93.184.216.34/done", "Addresses with http:// are not called: use https://."),
        ("http://example.com/done", "Addresses with http:// are not called: use https://."),
        ("https://ada:hush@example.com/", "must not have a user name or password in it"),
        ("https://127.0.0.1/done", "127.0.0.1 is this machine itself"),
        ("https://169.254.169.254/latest", "169.254.169.254 is a link-local address"),
        ("https://example.com:22/", "Port 22 is not called: use 443 or 80."),
        ("ftp://example.com/", "must be a whole URL that begins with https://"),
    ],
)
async def test_an_address_that_may_not_be_called_is_refused_before_anything_is_begun(
    house: House, grace: Person, url: str, why: str
) -> None:
    house = calling_only_public(house)

    with pytest.raises(CallbackRefused) as refused:
        await asked(house, grace, url)

    assert why in refused.value.message
    assert (refused.value.param, "hush" in refused.value.message) == ("callback_url", False)
    assert await task_rows(house) == []
    async with house.database.statement() as tx:
        assert await webhooks.messages(tx, count=1) == []
    assert ((await balance_of(house, grace)).free, await places_of(house)) == (micro(10), 0)


@pytest.mark.parametrize(("prefix", "code"), [("/openai", "bad_request"), ("/v1", "invalid_callback_url")])
async def test_and_the_caller_is_told_so(house: House, grace: Person, prefix: str, code: str) -> None:
    answer = await wire.ask(house, grace, prefix=prefix, callback_url="https://10.0.0.1/")

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == (code, "callback_url")


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "169.254.169.254"])
async def test_a_name_that_leads_inside_is_refused_when_it_is_called(house: House, grace: Person, address: str) -> None:
    async with receiving() as receiver:
        house = calling_only_public(house, hooks_example=address)
        async with house.outbound:
            task = await ended(house, grace, "https://hooks.example/done")
            await deliver(house, task)

    assert receiver.heard == []
    (kept,) = await attempts_of(house, task)
    assert kept.status_code is None
    assert kept.error is not None
    assert kept.error.startswith("hooks.example does not lead to public addresses only")
    assert address not in kept.error
    assert (await message_of(house, task)).status == "waiting"


async def test_a_name_that_does_not_exist_is_tried_again(house: House, grace: Person) -> None:
    house = calling_only_public(house)
    async with house.outbound:
        task = await ended(house, grace, "https://hooks.example/done")
        await deliver(house, task)

    assert [attempt.error for attempt in await attempts_of(house, task)] == [
        "hooks.example does not exist or has no address"
    ]


LOCAL, OPEN = Server(host="127.0.0.1"), Server(host="0.0.0.0")
BEHIND_A_PROXY = Server(host="127.0.0.1", public_url="https://pictures.example")


@pytest.mark.parametrize(
    ("server", "outbound", "may"),
    [
        (LOCAL, OutboundSettings(), "may"),
        (Server(host="localhost"), OutboundSettings(), "may"),
        (Server(host="::1"), OutboundSettings(), "may"),
        (OPEN, OutboundSettings(), "may not"),
        (BEHIND_A_PROXY, OutboundSettings(), "may not"),
        (LOCAL, OutboundSettings(loopback=False), "may not"),
        (OPEN, OutboundSettings(loopback=True), "may"),
    ],
)
def test_only_a_server_that_nobody_else_can_reach_calls_itself(
    tmp_path: Path, server: Server, outbound: OutboundSettings, may: str
) -> None:
    settings = Settings(data_dir=tmp_path, server=server, outbound=outbound)

    assert may_call_itself(settings) is (may == "may")
