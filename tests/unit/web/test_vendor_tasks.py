"""POST /openai/tasks, field for field as the vendor has it."""

from __future__ import annotations

import base64
import re
from typing import Any
from uuid import UUID

import httpx2
import pytest

from limner.engines import EngineFailed
from limner.flow.admit import Callback, Terms
from limner.flow.house import House
from limner.flow.sweep import sweep
from limner.flow.work import work
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from support.asks import paint
from support.painters import Breaking, Waiting, with_painter
from support.people import Person, balance_of, join
from support.wire import client_of
from support.workers import at_work, submitted

NOON = 1795348800.0
FIELDS = {
    "_id", "id", "trace_id", "type", "api_id", "application_id", "credential_id", "user_id", "created_at", "started_at",
    "finished_at", "duration", "elapsed", "request", "response",
}  # fmt: skip


async def ask(house: House, person: Person, *, prefix: str = "/openai", **body: Any) -> httpx2.Response:
    async with client_of(house) as client:
        return await client.post(f"{prefix}/tasks", json=body, headers=person.headers)


async def one(house: House, person: Person, **body: Any) -> dict[str, Any]:
    answer = await ask(house, person, **body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


async def batch(house: House, person: Person, **body: Any) -> list[str]:
    found = await one(house, person, action="retrieve_batch", **body)
    assert set(found) == {"items", "count"}
    return [item["id"] for item in found["items"]]


async def test_a_task_that_went_well(house: House, grace: Person) -> None:
    callback = Callback(url="https://receiver.example/told", secret="quite-a-secret")
    task = await submitted(house, grace, terms=Terms(is_async=True, callback=callback, prefix="/openai"))
    await work(house, task_id=task.id)
    async with house.database.statement() as tx:
        await tx.run("UPDATE tasks SET finished_at = started_at + interval '2.5 seconds'")

    body = await one(house, grace, action="retrieve", id=str(task.id))

    assert set(body) == FIELDS
    assert re.fullmatch(r"[0-9a-f]{24}", body["_id"])
    assert UUID(body["api_id"])
    (picture,) = body["response"]["data"]
    assert {name: value for name, value in body.items() if name not in {"_id", "api_id"}} == {
        "id": str(task.id),
        "trace_id": "trace-1",
        "type": "images_generations",
        "application_id": str(grace.account.id),
        "credential_id": str(grace.key.id),
        "user_id": str(grace.account.id),
        "created_at": NOON,
        "started_at": "2026-11-22T12:00:00+00:00",
        "finished_at": NOON + 2.5,
        "duration": 2.5,
        "elapsed": 2.5,
        "request": {
            "prompt": "A cute baby sea otter",
            "model": "dall-e-2",
            "n": 1,
            "size": "256x256",
            "callback_url": "https://receiver.example/told",
        },
        "response": {
            "success": True,
            "task_id": str(task.id),
            "trace_id": "trace-1",
            "created": int(NOON),
            "data": [{"revised_prompt": "A cute baby sea otter", "url": picture["url"]}],
        },
    }
    async with client_of(house) as client:
        assert (await client.get(picture["url"])).status_code == 200


async def test_a_task_that_is_open_has_no_end_and_no_response(house: House, grace: Person) -> None:
    painter = Waiting()
    async with at_work(with_painter(house, painter)):
        task = await submitted(house, grace)
        await painter.began.wait()
        running = await one(house, grace, id=str(task.id))
        painter.may_go_on.set()
    queued = await one(house, grace, id=str((await submitted(house, grace)).id))

    for body in (running, queued):
        assert set(body) == FIELDS
        assert (body["finished_at"], body["response"], body["duration"], body["elapsed"]) == (None, None, None, None)
    assert running["started_at"] == "2026-11-22T12:00:00+00:00"
    assert queued["started_at"] is None


async def test_a_task_that_failed(house: House, grace: Person) -> None:
    house = with_painter(house, Breaking(EngineFailed("no more paint")))
    task = await submitted(house, grace)
    await work(house, task_id=task.id)

    body = await one(house, grace, id=str(task.id))

    assert body["finished_at"] == NOON
    assert body["response"]["success"] is False
    assert body["response"]["error"] == {
        "code": "api_error",
        "message": "no more paint",
        "type": "server_error",
        "param": None,
    }


async def test_a_task_that_expired_says_so(house: House, grace: Person, clock: StillClock) -> None:
    task = await submitted(house, grace)
    await work(house, task_id=task.id)
    clock.move(seconds=house.keep.total_seconds() + 1)
    await sweep(house)

    response = (await one(house, grace, id=str(task.id)))["response"]

    assert (response["success"], response["error"]["code"]) == (False, "not_found")


async def test_bytes_are_whole_in_one_task_and_links_in_many(house: House, grace: Person) -> None:
    task = await submitted(house, grace, terms=Terms(is_async=True, as_links=False))
    await work(house, task_id=task.id)

    (whole,) = (await one(house, grace, id=str(task.id)))["response"]["data"]
    (item,) = (await one(house, grace, action="retrieve_batch", ids=[str(task.id)]))["items"]

    assert base64.b64decode(whole["b64_json"]).startswith(b"\x89PNG")
    assert set(item["response"]["data"][0]) == {"revised_prompt", "url"}


async def test_retrieve_is_what_is_done_if_nothing_is_said(house: House, grace: Person) -> None:
    task = await submitted(house, grace)

    for body in ({"id": str(task.id)}, {"id": str(task.id).upper()}, {"trace_id": "trace-1"}):
        assert (await one(house, grace, **body))["id"] == str(task.id)


async def test_a_trace_id_counts_for_more_than_an_id_and_means_the_newest(house: House, grace: Person) -> None:
    first, second = await submitted(house, grace), await submitted(house, grace)

    assert (await one(house, grace, id=str(first.id), trace_id="trace-1"))["id"] == str(second.id)
    assert await one(house, grace, id=str(first.id), trace_id="trace-2") == {}


async def test_what_is_unknown_or_another_s_is_empty(house: House, grace: Person, eve: Person) -> None:
    task = await submitted(house, grace)

    for body in ({"id": str(uuid7())}, {"id": "7"}, {"id": "x" * 999}, {"trace_id": "nobody's"}):
        assert await one(house, grace, **body) == {}
    assert await one(house, eve, id=str(task.id)) == {}
    assert await one(house, eve, trace_id="trace-1") == {}
    assert await batch(house, eve, ids=[str(task.id)], trace_ids=["trace-1"]) == []
    assert await batch(house, eve, application_id=str(grace.account.id)) == []
    assert await batch(house, eve, user_id=str(grace.account.id), created_at_min=0) == []


async def test_a_synchronous_request_is_a_task_as_well(house: House, grace: Person) -> None:
    delivery = await paint(house, grace)

    body = await one(house, grace, id=str(delivery.result.task_id))

    assert body["response"]["success"] is True


# several -----------------------------------------------------------------------------------------------------------------


async def test_a_batch_is_newest_first_and_says_how_many_there_are(house: House, ada: Person) -> None:
    made = [str((await submitted(house, ada)).id) for _ in range(15)][::-1]

    found = await one(house, ada, action="retrieve_batch", application_id=str(ada.account.id))

    assert [item["id"] for item in found["items"]] == made[:12]
    assert {frozenset(item) for item in found["items"]} == {frozenset(FIELDS)}
    assert found["count"] == 15
    assert await batch(house, ada, user_id=str(ada.account.id), offset=12) == made[12:]
    assert await batch(house, ada, created_at_min=0, offset=1, limit=2) == made[1:3]
    assert await batch(house, ada, created_at_min=0, offset=100) == []


async def test_a_batch_by_ids_traces_and_times(house: House, grace: Person, clock: StillClock) -> None:
    first = str((await submitted(house, grace)).id)
    clock.move(seconds=1.5)
    second = str((await submitted(house, grace)).id)

    assert await batch(house, grace, ids=[first, "7", str(uuid7())]) == [first]
    assert await batch(house, grace, ids=[]) == []
    assert await batch(house, grace, ids=["7"]) == []
    assert await batch(house, grace, trace_ids=["trace-1", "trace-2"]) == [second, first]
    assert await batch(house, grace, trace_ids=["trace-2"]) == []
    assert await batch(house, grace, created_at_min=NOON + 1.5) == [second]
    assert await batch(house, grace, created_at_max=NOON) == [first]
    assert await batch(house, grace, created_at_min=NOON, created_at_max=NOON + 1.5) == [second, first]
    assert await batch(house, grace, created_at_min=NOON + 0.1, created_at_max=NOON + 1.4) == []
    assert await batch(house, grace, created_at_min=-1e300, created_at_max=1e300) == [second, first]
    assert await batch(house, grace, trace_ids=["trace-1"], ids=[first]) == [first]


@pytest.mark.parametrize(("type_", "count"), [("images", 1), ("images_generations", 1), ("images_edits", 0)])
async def test_a_batch_of_a_type(house: House, grace: Person, type_: str, count: int) -> None:
    await submitted(house, grace)

    assert len(await batch(house, grace, created_at_min=0, type=type_)) == count


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({}, "id", "id is missing"),
        ({"action": "retrieve"}, "id", "id is missing"),
        ({"action": "retrieve", "ids": ["7"]}, "id", "id is missing"),
        ({"action": "delete", "id": "7"}, "action", "retrieve or retrieve_batch"),
        ({"action": "retrieve_batch"}, "ids", "ids, trace_ids, application_id, user_id, created_at_min"),
        ({"action": "retrieve_batch", "type": "images", "limit": 5}, "ids", "say which tasks"),
        ({"action": "retrieve_batch", "ids": [], "limit": 0}, "limit", "from 1 to 1000"),
        ({"action": "retrieve_batch", "ids": [], "limit": 1001}, "limit", "from 1 to 1000"),
        ({"action": "retrieve_batch", "ids": [], "offset": -1}, "offset", "from 0"),
        ({"action": "retrieve_batch", "ids": [], "offset": 10**12}, "offset", "from 0"),
        ({"action": "retrieve_batch", "ids": [], "type": "videos"}, "type", "images, images_generations"),
        ({"action": "retrieve_batch", "ids": "7"}, "ids", "ids must be a list"),
        ({"action": "retrieve_batch", "ids": [7]}, "ids", "each of ids must be text"),
        ({"action": "retrieve_batch", "created_at_min": "noon"}, "created_at_min", "must be a number"),
        ({"action": "retrieve_batch", "created_at_min": True}, "created_at_min", "must be a number"),
        ({"action": "retrieve_batch", "trace_ids": ["a\0"]}, "trace_ids", "NUL"),
        ({"id": 7}, "id", "id must be text"),
        ({"trace_id": "a\0"}, "trace_id", "NUL"),
        ({"task_id": "7"}, "task_id", "there is no parameter 'task_id'"),
        ({"actoin": "retrieve"}, "actoin", "did you mean 'action'?"),
    ],
)
async def test_what_cannot_be_meant_so_is_refused_by_name(
    house: House, grace: Person, body: dict[str, Any], param: str, says: str
) -> None:
    answer = await ask(house, grace, **body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request"), answer.text
    assert answer.json()["error"]["param"] == param
    assert says in answer.json()["error"]["message"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"7"'])
async def test_what_is_no_json_object(house: House, grace: Person, content: bytes) -> None:
    async with client_of(house) as client:
        answer = await client.post("/openai/tasks", content=content, headers=grace.headers)

    assert answer.status_code == 400
    assert "action" in answer.json()["error"]["message"] or "JSON" in answer.json()["error"]["message"]


async def test_no_time_is_not_a_number(house: House, grace: Person) -> None:
    async with client_of(house) as client:
        answer = await client.post("/openai/tasks", content=b'{"created_at_min": NaN}', headers=grace.headers)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "created_at_min")


async def test_it_costs_nothing_and_an_empty_account_may(house: House) -> None:
    poor = await join(house, "poor", credits_start=0.016, requests_per_minute=1)
    task = await submitted(house, poor)
    await work(house, task_id=task.id)

    for _ in range(10):
        assert (await one(house, poor, id=str(task.id)))["response"]["success"] is True

    assert (await balance_of(house, poor)).balance == 0


async def test_it_is_for_people_with_a_key(house: House) -> None:
    async with client_of(house) as client:
        answer = await client.post("/openai/tasks", json={"id": "7"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "no_token")


async def test_it_stands_under_the_other_prefix_too(house: House, grace: Person) -> None:
    task = await submitted(house, grace)

    assert (await ask(house, grace, prefix="/v1", id=str(task.id))).json()["id"] == str(task.id)
    assert (await ask(house, grace, prefix="/v1")).json()["error"]["code"] == "missing_required_parameter"
