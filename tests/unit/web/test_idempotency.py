"""Idempotency-Key: the same request again is the same task."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from limner.domain.claim import CLAIMS_LIVE
from limner.domain.money import micro
from limner.engines import EngineFailed
from limner.flow.house import House
from limner.flow.sweep import sweep, tidy
from limner.flow.work import work
from limner.kit.clock import StillClock
from support.painters import Breaking, Waiting, with_painter
from support.people import Person, assert_nothing_under_way, balance_of, join
from support.shelves import image_rows, task_rows
from support.wire import PREFIXES, client_of
from support.workers import at_work

BODY = {"model": "dall-e-2", "prompt": "A cute baby sea otter", "size": "256x256"}
PRICE = micro("0.016")
KEY = '"8e03978e-40d5-43e8-bc93-6894a57f9324"'


async def asked(house: House, person: Person, *, key: str = KEY, prefix: str = "/v1", **body: Any) -> httpx2.Response:
    async with client_of(house) as client:
        headers = person.headers | {"idempotency-key": key}
        return await client.post(f"{prefix}/images/generations", json=BODY | body, headers=headers)


async def spent(house: House, person: Person) -> int:
    return micro(10) - (await balance_of(house, person)).balance


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_the_same_request_again_gets_the_same_pictures_for_nothing(
    house: House, grace: Person, prefix: str
) -> None:
    first = await asked(house, grace, prefix=prefix, n=2, response_format="b64_json")
    second = await asked(house, grace, prefix=prefix, n=2, response_format="b64_json")

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["x-credits-remaining"] == first.headers["x-credits-remaining"]
    assert await spent(house, grace) == 2 * PRICE
    assert len(await image_rows(house)) == 2


async def test_a_link_is_signed_again(house: House, grace: Person, clock: StillClock) -> None:
    await asked(house, grace)
    clock.move(seconds=house.link_seconds + 1)

    link = (await asked(house, grace)).json()["data"][0]["url"]

    async with client_of(house) as client:
        assert (await client.get(link)).status_code == 200


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_an_asynchronous_request_again_gets_the_same_id_while_it_runs_and_after(
    house: House, grace: Person, prefix: str
) -> None:
    first = await asked(house, grace, prefix=prefix, **{"async": True})
    second = await asked(house, grace, prefix=prefix, **{"async": True})
    (row,) = await task_rows(house)
    await work(house, task_id=row["id"])
    third = await asked(house, grace, prefix=prefix, **{"async": True})

    assert first.status_code == second.status_code == third.status_code == (200 if prefix == "/openai" else 202)
    assert first.json() == second.json() == third.json() == {"task_id": str(row["id"])}
    assert second.headers["idempotency-replayed"] == third.headers["idempotency-replayed"] == "true"
    assert await spent(house, grace) == PRICE
    await assert_nothing_under_way(house, grace)


async def test_ten_who_race_are_charged_once(house: House, grace: Person) -> None:
    answers = await asyncio.gather(*(asked(house, grace) for _ in range(10)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["task_id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 9
    assert (await spent(house, grace), len(await task_rows(house))) == (PRICE, 1)
    await assert_nothing_under_way(house, grace)


async def test_ten_who_race_without_waiting_get_one_task(house: House, grace: Person) -> None:
    async with at_work(house):
        answers = await asyncio.gather(
            *(asked(house, grace, callback_url="https://receiver.example/told") for _ in range(10))
        )

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["task_id"] for answer in answers}) == 1
    assert len(await task_rows(house)) == 1
    async with house.database.statement() as tx:
        assert await tx.value("SELECT count(*) FROM webhook_messages") == 1


async def test_a_synchronous_duplicate_waits_for_the_one_that_is_under_way(house: House, grace: Person) -> None:
    painter = Waiting()
    house = with_painter(house, painter)
    first = asyncio.create_task(asked(house, grace))
    await painter.began.wait()
    second = asyncio.create_task(asked(house, grace))
    async with asyncio.timeout(5):
        while not house.news._watchers:  # noqa: ASYNC110 - nothing says that somebody watches
            await asyncio.sleep(0)
    assert not second.done()

    painter.may_go_on.set()

    assert (await first).json()["task_id"] == (await second).json()["task_id"]
    assert await spent(house, grace) == PRICE


async def test_a_duplicate_of_what_fails_fails_as_well(house: House, grace: Person) -> None:
    house = with_painter(house, Breaking(EngineFailed("no more paint in the pot")))
    first, second = await asked(house, grace), await asked(house, grace)

    assert first.status_code == second.status_code == 500
    assert first.json()["error"] == second.json()["error"]
    assert len(await task_rows(house)) == 1


async def test_another_body_is_refused(house: House, grace: Person) -> None:
    await asked(house, grace)

    for other in (
        {"prompt": "two blue cats"},
        {"n": 2},
        {"n": 1},
        {"response_format": "b64_json"},
        {"callback_url": "https://receiver.example/told"},
        {"async": True},
    ):
        answer = await asked(house, grace, **other)
        assert answer.status_code == 422, other
        error = answer.json()["error"]
        assert (error["code"], error["param"]) == ("idempotency_key_reused", "Idempotency-Key")
    assert (await asked(house, grace, prefix="/openai")).status_code == 422

    assert await spent(house, grace) == PRICE
    await assert_nothing_under_way(house, grace)


async def test_a_key_is_its_account_s(house: House, grace: Person, ada: Person) -> None:
    hers = await asked(house, grace)
    other = await asked(house, ada)

    assert hers.json()["task_id"] != other.json()["task_id"]
    assert "idempotency-replayed" not in other.headers
    assert (await asked(house, ada, prompt="an owl")).status_code == 422


async def test_a_key_is_kept_for_a_day(house: House, grace: Person, clock: StillClock) -> None:
    first = await asked(house, grace)
    clock.move(seconds=CLAIMS_LIVE.total_seconds())
    await tidy(house)
    assert (await asked(house, grace)).json()["task_id"] == first.json()["task_id"]

    clock.move(seconds=1)

    assert (await asked(house, grace, prompt="an owl")).json()["task_id"] != first.json()["task_id"]
    assert await spent(house, grace) == 2 * PRICE


async def test_what_is_forgotten_is_gone(house: House, grace: Person, clock: StillClock) -> None:
    await asked(house, grace)
    clock.move(seconds=CLAIMS_LIVE.total_seconds() + 1)

    await tidy(house)

    async with house.database.statement() as tx:
        assert await tx.value("SELECT count(*) FROM idempotency_keys") == 0


async def test_a_request_that_is_refused_does_not_use_its_key_up(house: House, clock: StillClock) -> None:
    slow = await join(house, "slow", credits_start=0.02, requests_per_minute=1)
    assert (await asked(house, slow, n=0)).status_code == 400
    assert (await asked(house, slow, prompt="a zeppelin")).status_code == 400
    assert (await asked(house, slow, n=2)).status_code == 429  # not enough credits
    assert (await asked(house, slow, key="another")).status_code == 200
    assert (await asked(house, slow)).status_code == 429  # too many requests
    assert len(await task_rows(house)) == 1

    clock.move(seconds=60)
    async with house.database.statement() as tx:
        await tx.run("UPDATE credit_balances SET balance = 1000000 WHERE account_id = $1", slow.account.id)

    answer = await asked(house, slow, prompt="an owl")

    assert answer.status_code == 200, answer.text
    assert "idempotency-replayed" not in answer.headers


@pytest.mark.parametrize("key", [KEY, KEY.strip('"'), f"  {KEY} "])
async def test_quotes_are_no_part_of_a_key(house: House, grace: Person, key: str) -> None:
    first = await asked(house, grace)

    assert (await asked(house, grace, key=key)).json()["task_id"] == first.json()["task_id"]


@pytest.mark.parametrize("key", ["", '""', "x" * 256, 'a"b', "two words", "\xe9"])
async def test_a_key_that_is_none_is_refused(house: House, grace: Person, key: str) -> None:
    async with client_of(house) as client:
        headers = [
            (b"authorization", grace.headers["authorization"].encode()),
            (b"idempotency-key", key.encode("latin-1")),
        ]
        answer = await client.post("/v1/images/generations", json=BODY, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "Idempotency-Key"
    assert await task_rows(house) == []


async def test_pictures_that_are_gone_are_not_answered_again(house: House, grace: Person, clock: StillClock) -> None:
    await asked(house, grace)
    async with house.database.statement() as tx:
        await tx.run("UPDATE tasks SET finished_at = finished_at - $1::interval", house.keep * 2)
    await sweep(house)

    answer = await asked(house, grace)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert clock.now() == house.clock.now()


async def test_a_wait_for_what_was_asked_before(house: House, grace: Person) -> None:
    async with at_work(house):
        first = await asked(house, grace, **{"async": True})
        async with client_of(house) as client:
            headers = grace.headers | {"idempotency-key": KEY, "prefer": "wait=5"}
            body = BODY | {"async": True}
            second = await client.post("/v1/images/generations", json=body, headers=headers)

    assert second.status_code == 200
    assert second.json()["task_id"] == first.json()["task_id"]
    assert second.headers["idempotency-replayed"] == "true"
