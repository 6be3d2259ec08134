"""Asking for a picture without waiting for it, or only for a while."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx2
import pytest

from limner.engines import EngineFailed
from limner.flow.house import House
from limner.flow.work import work
from support.painters import Breaking, Waiting, with_painter
from support.people import Person, assert_nothing_under_way, balance_of, running_of
from support.shelves import task_rows
from support.wire import FIELDS, PREFIXES, client_of
from support.workers import at_work

BODY = {"model": "dall-e-2", "prompt": "A cute baby sea otter", "size": "256x256"}
RECEIVER = "https://receiver.example/told"


async def submitted(
    house: House, person: Person, *, prefix: str = "/v1", headers: dict[str, str] | None = None, **body: Any
) -> httpx2.Response:
    async with client_of(house) as client:
        return await client.post(
            f"{prefix}/images/generations", json=BODY | body, headers=person.headers | (headers or {})
        )


WAYS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"async": True}, {}),
    ({"callback_url": RECEIVER}, {}),
    ({}, {"prefer": "respond-async"}),
    ({"async": True, "callback_url": RECEIVER, "callback_secret": "a secret"}, {"prefer": "respond-async"}),
]


@pytest.mark.parametrize(("body", "headers"), WAYS)
@pytest.mark.parametrize("prefix", PREFIXES)
async def test_every_way_to_ask_is_answered_with_the_task_s_id_alone(
    house: House, grace: Person, prefix: str, body: dict[str, Any], headers: dict[str, str]
) -> None:
    answer = await submitted(house, grace, prefix=prefix, headers=headers, **body)

    assert answer.status_code == (200 if prefix == "/openai" else 202)
    assert set(answer.json()) == {"task_id"}
    id_ = UUID(answer.json()["task_id"])
    (row,) = await task_rows(house)
    assert (row["id"], row["status"], row["prefix"]) == (id_, "queued", prefix)


async def test_openai_s_prefix_says_where_to_ask_and_when(house: House, grace: Person) -> None:
    answer = await submitted(house, grace, headers={"prefer": "respond-async"})

    assert answer.headers["location"] == f"/v1/images/tasks/{answer.json()['task_id']}"
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["preference-applied"] == "respond-async"
    async with client_of(house) as client:
        there = await client.get(answer.headers["location"], headers=grace.headers)
    assert there.json()["id"] == answer.json()["task_id"]


async def test_the_vendor_s_prefix_answers_as_the_seed_does(house: House, grace: Person) -> None:
    answer = await submitted(house, grace, prefix="/openai", callback_url=RECEIVER)

    assert answer.status_code == 200
    assert "location" not in answer.headers


async def test_nothing_is_charged_before_it_is_painted_and_nothing_counts_as_under_way(
    house: House, grace: Person
) -> None:
    answer = await submitted(house, grace, n=2, **{"async": True})

    assert "x-credits-cost" not in answer.headers
    assert answer.headers["x-ratelimit-remaining-requests"] == "599"
    balance = await balance_of(house, grace)
    assert (balance.balance, balance.held) == (10_000_000, 32_000)
    assert await running_of(house, grace) == 0


@pytest.mark.parametrize("value", [False, None])
async def test_false_is_a_request_that_waits(house: House, grace: Person, value: bool | None) -> None:  # noqa: FBT001
    answer = await submitted(house, grace, **{"async": value})

    assert answer.status_code == 200
    assert answer.json()["data"]


@pytest.mark.parametrize("header", ["handling=lenient", "respond-asynchronously", "wait=soon", "return=minimal", ""])
async def test_other_preferences_are_passed_over(house: House, grace: Person, header: str) -> None:
    answer = await submitted(house, grace, headers={"prefer": header})

    assert answer.json()["data"]
    assert "preference-applied" not in answer.headers


async def test_the_task_s_trace_is_the_caller_s(house: House, grace: Person) -> None:
    await submitted(house, grace, trace_id="order-4711", **{"async": True})

    assert [row["trace_id"] for row in await task_rows(house)] == ["order-4711"]


# a wait ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_wait_that_is_long_enough_is_answered_with_the_pictures(
    house: House, grace: Person, prefix: str
) -> None:
    async with at_work(house):
        answer = await submitted(house, grace, prefix=prefix, headers={"prefer": "wait=5"})

    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == FIELDS
    assert answer.headers["preference-applied"] == "wait=5"
    assert answer.headers["x-credits-cost"] == "0.016000"
    assert answer.headers["x-credits-remaining"] == "9.984000"
    assert "idempotency-replayed" not in answer.headers
    assert "location" not in answer.headers
    await assert_nothing_under_way(house, grace)


async def test_a_wait_that_is_over_is_answered_with_the_task(house: House, grace: Person) -> None:
    answer = await submitted(house, grace, headers={"prefer": "respond-async, wait=0"})

    body = answer.json()
    assert answer.status_code == 202
    assert (body["object"], body["status"], body["id"]) == ("image.task", "queued", body["task_id"])
    assert body["queue"] == {"ahead": 0, "estimated_seconds": None}
    assert answer.headers["location"] == f"/v1/images/tasks/{body['id']}"
    assert answer.headers["preference-applied"] == "respond-async, wait=0"


async def test_the_body_s_timeout_is_a_wait_too(house: House, grace: Person) -> None:
    openai = await submitted(house, grace, timeout=0.05)
    vendor = await submitted(house, grace, prefix="/openai", timeout=0.05)

    assert (openai.status_code, openai.json()["status"]) == (202, "queued")
    assert (vendor.status_code, set(vendor.json())) == (200, {"task_id"})


async def test_a_wait_for_a_task_that_fails_is_answered_with_its_error(house: House, grace: Person) -> None:
    async with at_work(with_painter(house, Breaking(EngineFailed("no more paint in the pot")))):
        answer = await submitted(house, grace, headers={"prefer": "wait=5"})

    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "engine_failed"


async def test_whoever_waits_and_goes_away_leaves_nobody_waiting(house: House, grace: Person) -> None:
    waiting = asyncio.create_task(submitted(house, grace, headers={"prefer": "wait=60"}))
    async with asyncio.timeout(5):
        while not house.news._watchers:  # noqa: ASYNC110 - nothing says that somebody watches
            await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait((waiting,))

    assert not house.news._watchers
    (row,) = await task_rows(house)
    assert row["status"] == "queued"
    assert await work(house, task_id=row["id"]) is None


async def test_a_synchronous_caller_is_told_that_its_task_was_cancelled(house: House, grace: Person) -> None:
    painter = Waiting()
    house = with_painter(house, painter)
    asking = asyncio.create_task(submitted(house, grace))
    await painter.began.wait()
    (row,) = await task_rows(house)

    async with client_of(house) as client:
        cancelled = await client.post(f"/v1/images/tasks/{row['id']}/cancel", headers=grace.headers)

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    answer = await asking
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "cancelled")
    assert painter.left_early
    await assert_nothing_under_way(house, grace)
