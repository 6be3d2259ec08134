"""GET /v1/images/tasks and what is beneath it."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from limner.domain.money import micro
from limner.engines import EngineFailed
from limner.flow.admit import Callback, Terms
from limner.flow.house import House
from limner.flow.news import News
from limner.flow.sweep import sweep
from limner.flow.work import work
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from support.asks import paint
from support.open_line import calling
from support.painters import Breaking, Waiting, with_painter
from support.people import Person, assert_nothing_under_way, balance_of, join
from support.shelves import stored_keys
from support.wire import FIELDS as ANSWER_FIELDS
from support.wire import PREFIXES, client_of
from support.workers import at_work, ended, submitted

FIELDS = {
    "id", "task_id", "object", "status", "kind", "model", "created_at", "started_at", "finished_at", "progress", "queue",
    "request", "performed_by", "tried", "warnings", "result", "deleted", "error", "cost", "trace_id", "callback", "urls",
}  # fmt: skip
NOON = 1795348800.0


async def get(
    house: House, person: Person, path: str = "", *, prefix: str = "/v1", headers: dict[str, str] | None = None
) -> httpx2.Response:
    async with client_of(house) as client:
        return await client.get(f"{prefix}/images/tasks{path}", headers=person.headers | (headers or {}))


async def post(house: House, person: Person, path: str, *, prefix: str = "/v1") -> httpx2.Response:
    async with client_of(house) as client:
        return await client.post(f"{prefix}/images/tasks{path}", headers=person.headers)


async def told(house: House, person: Person, id_: object, *, prefix: str = "/v1") -> dict[str, Any]:
    answer = await get(house, person, f"/{id_}", prefix=prefix)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    assert set(body) == FIELDS
    return body


# one task ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_queued_task(house: House, grace: Person, prefix: str) -> None:
    await submitted(house, grace)
    task = await submitted(house, grace, n=2)

    body = await told(house, grace, task.id, prefix=prefix)

    here = f"http://limner.test{prefix}/images/tasks/{task.id}"
    assert body == {
        "id": str(task.id),
        "task_id": str(task.id),
        "object": "image.task",
        "status": "queued",
        "kind": "images_generations",
        "model": "dall-e-2",
        "created_at": NOON,
        "started_at": None,
        "finished_at": None,
        "progress": 0.0,
        "queue": {"ahead": 1, "estimated_seconds": None},
        "request": {"prompt": "A cute baby sea otter", "model": "dall-e-2", "n": 2, "size": "256x256"},
        "performed_by": None,
        "tried": [],
        "warnings": [],
        "result": None,
        "deleted": 0,
        "error": None,
        "cost": {"held": "0.032000", "charged": None},
        "trace_id": "trace-1",
        "callback": None,
        "urls": {"self": here, "cancel": f"{here}/cancel", "events": f"{here}/events"},
    }
    assert (await get(house, grace, f"/{task.id}")).headers["retry-after"] == "2"


async def test_a_running_task(house: House, grace: Person) -> None:
    painter = Waiting(after=1)
    async with at_work(with_painter(house, painter)):
        task = await submitted(house, grace, n=2)
        await painter.began.wait()
        answer = await get(house, grace, f"/{task.id}")
        painter.may_go_on.set()

    body = answer.json()
    assert (body["status"], body["started_at"], body["finished_at"], body["queue"]) == ("running", NOON, None, None)
    assert body["cost"] == {"held": "0.032000", "charged": None}
    assert answer.headers["retry-after"] == "2"


async def test_a_task_that_went_well_shows_what_a_caller_who_waits_gets(house: House, grace: Person) -> None:
    task = await submitted(house, grace)
    await work(house, task_id=task.id)

    body = await told(house, grace, task.id)

    assert (body["status"], body["progress"], body["error"]) == ("succeeded", 1.0, None)
    assert (body["started_at"], body["finished_at"]) == (NOON, NOON)
    assert body["cost"] == {"held": "0.000000", "charged": "0.016000"}
    assert set(body["result"]) == ANSWER_FIELDS
    assert set(body["result"]["data"][0]) == {"revised_prompt", "url"}
    assert "retry-after" not in (await get(house, grace, f"/{task.id}")).headers
    async with client_of(house) as client:
        assert (await client.get(body["result"]["data"][0]["url"])).status_code == 200


async def test_links_are_signed_when_somebody_asks(house: House, grace: Person, clock: StillClock) -> None:
    task = await submitted(house, grace)
    await work(house, task_id=task.id)
    first = (await told(house, grace, task.id))["result"]["data"][0]["url"]
    clock.move(seconds=house.link_seconds)
    second = (await told(house, grace, task.id))["result"]["data"][0]["url"]

    async with client_of(house) as client:
        assert (await client.get(first)).status_code == 403
        assert (await client.get(second)).status_code == 200


async def test_bytes_are_shown_as_bytes(house: House, grace: Person) -> None:
    task = await submitted(house, grace, terms=Terms(is_async=True, as_links=False))
    await work(house, task_id=task.id)

    (picture,) = (await told(house, grace, task.id))["result"]["data"]

    assert set(picture) == {"revised_prompt", "b64_json"}
    assert base64.b64decode(picture["b64_json"]).startswith(b"\x89PNG")


@pytest.mark.parametrize(("prefix", "code"), [("/v1", "engine_failed"), ("/openai", "api_error")])
async def test_a_task_that_failed_says_why_in_the_words_of_the_prefix(
    house: House, grace: Person, prefix: str, code: str
) -> None:
    house = with_painter(house, Breaking(EngineFailed("no more paint")))
    task = await submitted(house, grace)
    await work(house, task_id=task.id)

    body = await told(house, grace, task.id, prefix=prefix)

    assert (body["status"], body["result"]) == ("failed", None)
    assert body["error"] == {"code": code, "message": "no more paint", "type": "server_error", "param": None}
    assert body["cost"] == {"held": "0.000000", "charged": "0.000000"}


async def test_a_task_whose_time_is_over_is_expired(house: House, grace: Person, clock: StillClock) -> None:
    task = await submitted(house, grace)
    await work(house, task_id=task.id)
    link = (await told(house, grace, task.id))["result"]["data"][0]["url"]
    clock.move(seconds=house.keep.total_seconds() + 1)
    await sweep(house)

    body = await told(house, grace, task.id)

    assert (body["status"], body["result"], body["error"]["code"]) == ("expired", None, "not_found")
    assert body["cost"]["charged"] == "0.016000"
    assert [key async for key in house.storage.keys("2026-11-22/")] == []
    async with client_of(replace(house, clock=StillClock(clock.now() - house.keep))) as client:
        assert (await client.get(link)).status_code == 404
    (listed,) = (await get(house, grace, "?status=expired")).json()["data"]
    assert (listed["id"], listed["status"]) == (str(task.id), "expired")
    assert (await get(house, grace, "?status=succeeded")).json()["data"] == []


async def test_a_callback_is_told_of_but_for_its_secret(house: House, grace: Person) -> None:
    callback = Callback(url="https://receiver.example/told", secret="quite-a-secret")
    task = await submitted(house, grace, terms=Terms(is_async=True, callback=callback))

    answer = await get(house, grace, f"/{task.id}")

    body = answer.json()
    assert body["request"]["callback_url"] == "https://receiver.example/told"
    assert body["callback"].pop("id").startswith("msg_")  # as its webhook-id will say
    assert body["callback"] == {
        "url": "https://receiver.example/told",
        "status": "held",
        "attempts": 0,
        "next_attempt_at": None,
        "ended_at": None,
    }
    assert "quite-a-secret" not in answer.text
    assert (await get(house, grace)).json()["data"][0]["callback"]["status"] == "held"


async def test_a_request_that_was_waited_for_is_a_task_as_well(house: House, grace: Person) -> None:
    delivery = await paint(house, grace)

    body = await told(house, grace, delivery.result.task_id)

    assert (body["status"], body["progress"]) == ("succeeded", 1.0)
    assert body["result"]["task_id"] == body["id"]


@pytest.mark.parametrize("suffix", ["", "/events"])
@pytest.mark.parametrize("prefix", PREFIXES)
async def test_what_is_not_one_s_own_is_not_there(
    house: House, grace: Person, eve: Person, prefix: str, suffix: str
) -> None:
    task = await submitted(house, grace)
    code = "not_found" if prefix == "/openai" else "task_not_found"

    for id_ in (task.id, uuid7(), "7", "x" * 200, f"{task.id}x", f"{{{task.id}}}", "%00", "task-1"):
        answer = await get(house, eve, f"/{id_}{suffix}", prefix=prefix)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, code), id_
        assert len(answer.content) < 500


@pytest.mark.parametrize("path", ["", f"/{UUID(int=7)}", f"/{UUID(int=7)}/events"])
async def test_tasks_are_for_people_with_a_key(house: House, path: str) -> None:
    async with client_of(house) as client:
        assert (await client.get(f"/v1/images/tasks{path}")).status_code == 401
        assert (await client.post(f"/v1/images/tasks/{UUID(int=7)}/cancel")).status_code == 401


async def test_polling_is_free_and_allowed_at_zero_balance(house: House) -> None:
    poor = await join(house, "poor", credits_start=0.016, requests_per_minute=1)
    task = await submitted(house, poor)
    await work(house, task_id=task.id)
    assert (await balance_of(house, poor)).free == 0

    for _ in range(20):
        answer = await get(house, poor, f"/{task.id}")
        assert answer.json()["status"] == "succeeded"
        assert (await get(house, poor)).json()["data"]

    assert (await balance_of(house, poor)).balance == 0


async def test_head_is_get_without_a_body(house: House, grace: Person) -> None:
    task = await submitted(house, grace)
    async with client_of(house) as client:
        for path in ("", f"/{task.id}", f"/{task.id}/events"):
            answer = await client.head(f"/v1/images/tasks{path}", headers=grace.headers)
            assert answer.status_code == 200


# a long poll -------------------------------------------------------------------------------------------------------------


async def test_a_poll_may_wait_for_the_end(house: House, grace: Person) -> None:
    painter = Waiting()
    async with at_work(with_painter(house, painter)):
        task = await submitted(house, grace)
        polling = asyncio.create_task(get(house, grace, f"/{task.id}", headers={"prefer": "wait=30"}))
        await painter.began.wait()
        assert not polling.done()
        painter.may_go_on.set()
        async with asyncio.timeout(3):
            answer = await polling

    assert answer.json()["status"] == "succeeded"
    assert answer.headers["preference-applied"] == "wait=30"


async def test_a_poll_waits_no_longer_than_it_would(house: House, grace: Person) -> None:
    task = await submitted(house, grace)

    answer = await get(house, grace, f"/{task.id}", headers={"prefer": "wait=0"})

    assert (answer.status_code, answer.json()["status"]) == (200, "queued")


async def test_a_poll_of_somebody_else_s_task_does_not_wait(house: House, grace: Person, eve: Person) -> None:
    task = await submitted(house, grace)

    async with asyncio.timeout(3):
        assert (await get(house, eve, f"/{task.id}", headers={"prefer": "wait=30"})).status_code == 404


async def test_a_poller_that_hangs_up_leaves_nobody_waiting(house: House, grace: Person) -> None:
    house = replace(house, news=News(on_cancel=house.hands.cancel))
    task = await submitted(house, grace)

    async with calling(house, grace, f"/v1/images/tasks/{task.id}", headers={"prefer": "wait=600"}) as line:
        async with asyncio.timeout(5):
            while not house.news._watchers:  # noqa: ASYNC110 - nothing says that somebody watches
                await asyncio.sleep(0)
        line.hang_up()

    assert not house.news._watchers
    assert line.status == 0


async def test_a_server_that_stops_lets_its_pollers_go(house: House, grace: Person) -> None:
    house = replace(house, news=News(on_cancel=house.hands.cancel))
    task = await submitted(house, grace)
    polling = asyncio.create_task(get(house, grace, f"/{task.id}", headers={"prefer": "wait=600"}))
    async with asyncio.timeout(5):
        while not house.news._watchers:  # noqa: ASYNC110 - nothing says that somebody watches
            await asyncio.sleep(0)
        house.news.close()

        assert (await polling).json()["status"] == "queued"
        assert (await get(house, grace, f"/{task.id}", headers={"prefer": "wait=600"})).status_code == 200


# cancelling --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_queued_task_is_cancelled_for_nothing(house: House, grace: Person, prefix: str) -> None:
    task = await submitted(house, grace)

    answer = await post(house, grace, f"/{task.id}/cancel", prefix=prefix)

    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "cancelled")
    assert body["cost"] == {"held": "0.000000", "charged": "0.000000"}
    assert body["error"]["code"] == ("canceled" if prefix == "/openai" else "cancelled")
    assert (await balance_of(house, grace)).free == micro(10)
    await assert_nothing_under_way(house, grace)


async def test_a_running_task_stops_within_a_second(house: House, grace: Person) -> None:
    painter = Waiting(after=1)
    async with at_work(with_painter(house, painter)):
        task = await submitted(house, grace, n=3)
        await painter.began.wait()

        async with asyncio.timeout(1):
            answer = await post(house, grace, f"/{task.id}/cancel")

        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        assert painter.left_early
        assert (await balance_of(house, grace)).free == micro(10)
    await assert_nothing_under_way(house, grace)
    await sweep(house)
    assert await stored_keys(house) == []


async def test_a_running_task_on_another_node_stops_within_a_second(house: House, grace: Person) -> None:
    """Only the database stands between the two."""
    painter = Waiting()
    async with at_work(with_painter(house, painter)):
        task = await submitted(house, grace)
        await painter.began.wait()
        elsewhere = replace(house, node_id=uuid7(), hands=type(house.hands)(), news=News(on_cancel=lambda _: None))

        cancelling = asyncio.create_task(post(elsewhere, grace, f"/{task.id}/cancel"))
        async with asyncio.timeout(1):
            while not painter.left_early:  # noqa: ASYNC110 - nothing says so
                await asyncio.sleep(0.01)

        assert (await cancelling).json()["status"] == "cancelled"
    assert (await told(house, grace, task.id))["status"] == "cancelled"
    await assert_nothing_under_way(house, grace)


@pytest.mark.parametrize(("prefix", "code"), [("/v1", "task_already_ended"), ("/openai", "not_applied")])
async def test_what_has_ended_cannot_be_cancelled(house: House, grace: Person, prefix: str, code: str) -> None:
    task = await submitted(house, grace)
    await work(house, task_id=task.id)

    answer = await post(house, grace, f"/{task.id}/cancel", prefix=prefix)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)
    assert (await told(house, grace, task.id))["status"] == "succeeded"


async def test_nobody_cancels_somebody_else_s_task(house: House, grace: Person, eve: Person) -> None:
    task = await submitted(house, grace)

    for id_ in (task.id, "7"):
        assert (await post(house, eve, f"/{id_}/cancel")).status_code == 404

    assert (await told(house, grace, task.id))["status"] == "queued"


# lists -------------------------------------------------------------------------------------------------------------------


async def ids(house: House, person: Person, query: str = "") -> list[str]:
    answer = await get(house, person, query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return [task["id"] for task in answer.json()["data"]]


async def test_a_list_is_read_page_by_page(house: House, grace: Person) -> None:
    made = [str((await submitted(house, grace)).id) for _ in range(5)]

    seen: list[list[str]] = []
    query = "?limit=2"
    while True:
        body = (await get(house, grace, query)).json()
        assert body["object"] == "list"
        assert {frozenset(task) for task in body["data"]} == {frozenset(FIELDS)}
        seen.append([task["id"] for task in body["data"]])
        if not body["has_more"]:
            break
        query = f"?limit=2&after={body['next_cursor']}"

    assert seen == [made[:2:-1], made[2:0:-1], made[:1]]
    assert body["next_cursor"] is None


async def test_a_page_that_is_just_full_is_the_last(house: House, grace: Person) -> None:
    for _ in range(2):
        await submitted(house, grace)

    body = (await get(house, grace, "?limit=2")).json()

    assert (len(body["data"]), body["has_more"], body["next_cursor"]) == (2, False, None)


async def test_a_page_has_twenty_tasks_if_nothing_is_said(house: House, ada: Person) -> None:
    for _ in range(21):
        await submitted(house, ada)

    assert len(await ids(house, ada)) == 20
    assert len(await ids(house, ada, "?limit=100")) == 21


async def test_a_list_can_be_narrowed(house: House, grace: Person, clock: StillClock) -> None:
    done = await submitted(house, grace)
    await work(house, task_id=done.id)
    clock.move(seconds=10.5)
    waiting = await submitted(house, grace)
    clock.move(seconds=10)
    delivery = await paint(house, grace, model="dall-e-3")
    first, second, third = str(done.id), str(waiting.id), str(delivery.result.task_id)

    assert await ids(house, grace) == [third, second, first]
    assert await ids(house, grace, "?status=queued") == [second]
    assert await ids(house, grace, "?status=queued,succeeded&limit=5") == [third, second, first]
    assert await ids(house, grace, "?status=queued&status=failed") == [second]
    assert await ids(house, grace, "?status=failed") == []
    assert await ids(house, grace, "?model=dall-e-3") == [third]
    assert await ids(house, grace, "?kind=images_generations&model=dall-e-2") == [second, first]
    assert await ids(house, grace, "?kind=images_edits") == []
    assert await ids(house, grace, "?trace_id=trace-1") == [third, second, first]
    assert await ids(house, grace, "?trace_id=trace-2") == []
    assert await ids(house, grace, f"?created_after={NOON + 10.5}") == [third, second]
    assert await ids(house, grace, f"?created_before={NOON + 10.5}") == [second, first]
    assert await ids(house, grace, f"?created_after={NOON + 1}&created_before={NOON + 20}") == [second]
    assert await ids(house, grace, "?created_before=999999999999&status=&model=") == [third, second, first]


async def test_lists_show_links_whatever_was_asked_for(house: House, grace: Person) -> None:
    task = await submitted(house, grace, terms=Terms(is_async=True, as_links=False), n=2)
    await work(house, task_id=task.id)

    (listed,) = (await get(house, grace)).json()["data"]

    pictures = listed["result"]["data"]
    assert [set(picture) for picture in pictures] == [{"revised_prompt", "url"}] * 2
    async with client_of(house) as client:
        assert (await client.get(pictures[1]["url"])).status_code == 200


async def test_eve_sees_nothing_of_grace_s(house: House, grace: Person, eve: Person) -> None:
    task = await submitted(house, grace)

    assert await ids(house, eve) == []
    assert await ids(house, eve, f"?after={UUID(int=task.id.int + 1)}&trace_id=trace-1") == []


@pytest.mark.parametrize(
    ("query", "param", "says"),
    [
        ("limit=0", "limit", "from 1 to 100"),
        ("limit=101", "limit", "from 1 to 100"),
        ("limit=ten", "limit", "from 1 to 100"),
        ("limit=-1", "limit", "from 1 to 100"),
        ("limit=٣", "limit", "from 1 to 100"),
        ("limit=1&limit=2", "limit", "given twice"),
        ("status=done", "status", "queued, running, succeeded, failed, cancelled, expired, not 'done'"),
        ("status=queued,done", "status", "not 'done'"),
        ("kind=images", "kind", "images_generations"),
        ("after=7", "after", "next_cursor"),
        ("created_after=yesterday", "created_after", "Unix seconds"),
        ("created_before=-1", "created_before", "Unix seconds"),
        ("created_before=nan", "created_before", "Unix seconds"),
        ("model=a%00b", "model", "NUL"),
        ("trace_id=" + "x" * 300, "trace_id", "256 characters"),
        ("state=queued", "state", "did you mean 'status'?"),
        ("colour=brown", "colour", "there is limit, after"),
        ("%00=1", "\0", "there is no parameter"),
    ],
)
async def test_a_query_that_cannot_be_meant_so_is_refused_by_name(
    house: House, grace: Person, query: str, param: str, says: str
) -> None:
    answer = await get(house, grace, f"?{query}")

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param
    assert says in answer.json()["error"]["message"]


async def test_a_place_in_the_queue_is_counted_and_guessed(house: House, grace: Person) -> None:
    async with at_work(house):
        await ended(house, await submitted(house, grace))
    async with house.database.statement() as tx:
        await tx.run("UPDATE tasks SET finished_at = started_at + $1::interval", timedelta(seconds=4))
    made = [await submitted(house, grace) for _ in range(3)]

    places = [(await told(house, grace, task.id))["queue"] for task in made]

    assert [place["ahead"] for place in places] == [0, 1, 2]
    # When none is performed, nobody can tell whether any will be.
    assert [place["estimated_seconds"] for place in places] == [None, None, None]
    async with house.database.statement() as tx:
        now = house.clock.now()
        running = "UPDATE tasks SET status = 'running', begun = 1, started_at = $2, node_id = $3, lease_until = $2"
        await tx.run(f"{running} WHERE id = $1", made[0].id, now, uuid7())
    places = [(await told(house, grace, task.id))["queue"] for task in made[1:]]
    assert [place["estimated_seconds"] for place in places] == [8.0, 12.0]
