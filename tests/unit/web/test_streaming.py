"""Streamed pictures: POST .../images/generations with `stream`, and plain answers that are kept alive."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import orjson
import pytest

from limner.engines import EngineFailed
from limner.flow.history import tell
from limner.flow.house import House
from support.open_line import Line, calling
from support.painters import Breaking, Showing, Waiting, with_painter
from support.people import Person, balance_of
from support.shelves import stored_keys, task_rows
from support.wire import PREFIXES, ask
from support.workers import at_work

PNG = b"\x89PNG"


def body(**fields: Any) -> bytes:
    return orjson.dumps({"model": "gpt-image-1", "prompt": "A sea otter", "stream": True, **fields})


def path(prefix: str = "/v1") -> str:
    return f"{prefix}/images/generations"


def picture(data: dict[str, Any]) -> bytes:
    return base64.b64decode(data["b64_json"])


async def over(line: Line) -> None:
    """Until the answer has ended."""
    await line.until_over()


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_grace_sees_her_picture_come_along(house: House, grace: Person, prefix: str) -> None:
    painter = Showing()
    house = with_painter(house, painter)
    async with calling(house, grace, path(prefix), method="POST", body=body(partial_images=2)) as line:
        for number, what in enumerate((0, 1)):
            painter.may_show.put_nowait(what)
            await line.until(*["image_generation.partial_image"] * (number + 1))
        painter.may_show.put_nowait(None)
        events = await line.until("image_generation.completed")
        await over(line)

    assert line.status == 200
    assert line.headers["content-type"].startswith("text/event-stream")
    assert line.headers["cache-control"] == "no-store"
    assert line.headers["x-accel-buffering"] == "no"
    first, second, last = (event.data for event in events)
    assert [event.data["type"] for event in events] == [event.name for event in events]
    assert [one["partial_image_index"] for one in (first, second)] == [0, 1]
    for one in (first, second, last):
        assert picture(one).startswith(PNG)
        assert (one["size"], one["quality"], one["background"], one["output_format"]) == (
            "1024x1024",
            "medium",
            "opaque",
            "png",
        )
        assert one["created_at"] == int(house.clock.now().timestamp())
    assert last["usage"]["total_tokens"] == last["usage"]["input_tokens"] + last["usage"]["output_tokens"]
    assert set(last["usage"]) == {
        "total_tokens", "input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details"
    }  # fmt: skip
    assert (await task_rows(house))[0]["status"] == "succeeded"
    assert all("partial" not in key for key in await stored_keys(house)), "nobody else was to read them"


async def test_what_is_refused_is_an_ordinary_answer(house: House, grace: Person) -> None:
    answer = await ask(house, grace, model="gpt-image-1", stream=True, size="1x1")

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "size"


async def test_trouble_on_the_way_is_an_event(house: House, grace: Person) -> None:
    house = with_painter(house, Breaking(EngineFailed("the brush broke")))
    async with calling(house, grace, path(), method="POST", body=body()) as line:
        (event,) = await line.until("error")
        await over(line)

    assert line.status == 200
    assert event.data["error"]["code"] == "engine_failed"
    assert event.data["error"]["message"] == "the brush broke"
    assert event.data["trace_id"]
    assert (await balance_of(house, grace)).held == 0


async def test_several_pictures_share_what_was_used(house: House, grace: Person) -> None:
    async with calling(
        house, grace, path(), method="POST", body=body(n=3, prompt="An otter, a fox and a bear")
    ) as line:
        events = await line.until(*["image_generation.completed"] * 3)
        await over(line)

    assert [event.data["index"] for event in events] == [0, 1, 2]
    shares = [event.data["usage"]["input_tokens"] for event in events]
    assert sum(shares) == 7
    assert max(shares) - min(shares) <= 1


async def test_links_come_beside_the_bytes_where_they_are_asked_for(house: House, grace: Person) -> None:
    async with calling(house, grace, path(), method="POST", body=body(response_format="url")) as line:
        (event,) = await line.until("image_generation.completed")

    assert event.data["url"].startswith("http://limner.test/files/")
    assert picture(event.data).startswith(PNG)


async def test_who_leaves_stops_nothing_and_pays(house: House, grace: Person) -> None:
    painter = Waiting()
    house = with_painter(house, painter)
    async with calling(house, grace, path(), method="POST", body=body()) as line:
        await painter.began.wait()
        assert line.status == 200
    painter.may_go_on.set()
    await house.errands.close(seconds=5)

    (row,) = await task_rows(house)
    assert row["status"] == "succeeded"
    assert row["charged"] > 0


@pytest.mark.parametrize("how", ["streamed", "plain"])
async def test_who_leaves_stops_it_where_the_settings_say_so(house: House, grace: Person, how: str) -> None:
    painter = Waiting()
    house = with_painter(replace(house, stops_for_leavers=True), painter)
    async with calling(house, grace, path(), method="POST", body=body(stream=how == "streamed")):
        await painter.began.wait()
    await house.errands.close(seconds=5)

    (row,) = await task_rows(house)
    assert row["status"] == "cancelled"
    assert (await balance_of(house, grace)).held == 0
    assert painter.left_early


async def test_a_quiet_line_says_now_and_then_that_it_is_there(house: House, grace: Person) -> None:
    painter = Waiting()
    house = with_painter(replace(house, comment_seconds=0.01), painter)
    async with calling(house, grace, path(), method="POST", body=body()) as line:
        await line.says(": still painting\n\n: still painting\n\n")
        painter.may_go_on.set()
        await line.until("image_generation.completed")


async def test_an_engine_elsewhere_is_watched_through_storage(house: House, grace: Person) -> None:
    painter = Showing()
    house = with_painter(replace(house, performs=frozenset()), painter)
    async with (
        calling(house, grace, path(), method="POST", body=body(partial_images=1)) as line,
        at_work(replace(house, performs=frozenset({"fake"}))),
    ):
        painter.may_show.put_nowait(0)
        (event,) = await line.until("image_generation.partial_image")
        assert picture(event.data).startswith(PNG)
        painter.may_show.put_nowait(None)
        events = await line.until("image_generation.completed")
        await over(line)
    assert picture(events[-1].data).startswith(PNG)


async def test_the_same_idempotency_key_shows_the_same_picture(house: House, grace: Person) -> None:
    seen = []
    for _ in range(2):
        headers = {"idempotency-key": "one"}
        async with calling(house, grace, path(), method="POST", body=body(), headers=headers) as line:
            (event,) = await line.until("image_generation.completed")
            await over(line)
        seen.append((line.headers.get("idempotency-replayed"), event.data["b64_json"]))

    assert [replayed for replayed, _ in seen] == [None, "true"]
    assert seen[0][1] == seen[1][1]
    assert len(await task_rows(house)) == 1


@pytest.mark.parametrize("name", ["callback_url", "async", "timeout"])
async def test_a_streamed_answer_is_waited_for(house: House, grace: Person, name: str) -> None:
    value = {"callback_url": "https://example.com/hook", "async": True, "timeout": 5}[name]
    answer = await ask(house, grace, model="gpt-image-1", stream=True, **{name: value})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == name


async def test_partial_pictures_need_a_stream(house: House, grace: Person) -> None:
    answer = await ask(house, grace, model="gpt-image-1", partial_images=2)

    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "partial_images are shown in a streamed answer: send stream too"


# plain answers -----------------------------------------------------------------------------------------------------------


async def test_spaces_keep_a_plain_answer_alive(house: House, grace: Person) -> None:
    painter = Waiting()
    house = with_painter(replace(house, keep_alive_seconds=0.01), painter)
    async with calling(house, grace, path(), method="POST", body=body(stream=False)) as line:
        await line.says("   ")
        painter.may_go_on.set()
        await over(line)

    assert line.status == 200
    assert orjson.loads(line.text)["data"][0]["b64_json"]


async def test_trouble_after_the_first_space_is_told_under_status_200(house: House, grace: Person) -> None:
    class Late(Waiting):
        async def paint(self, spec: Any) -> Any:
            async for _ in super().paint(spec):
                raise EngineFailed("the brush broke")
                yield

    painter = Late()
    house = with_painter(replace(house, keep_alive_seconds=0.01), painter)
    async with calling(house, grace, path(), method="POST", body=body(stream=False)) as line:
        await line.says("  ")
        painter.may_go_on.set()
        await over(line)

    assert line.status == 200
    assert orjson.loads(line.text)["error"]["code"] == "engine_failed"


@pytest.mark.parametrize(("said", "status"), [("20", 200), ("0", 200), ("soon", 400), ("601", 400), ("-1", 400)])
async def test_a_request_may_ask_for_spaces(house: House, grace: Person, said: str, status: int) -> None:
    headers = {"x-limner-keep-alive": said}
    async with calling(house, grace, path(), method="POST", body=body(stream=False), headers=headers) as line:
        await over(line)

    assert line.status == status
    if status == 200:
        assert "x-credits-cost" in line.headers, "it was quick enough for an ordinary answer"


async def test_an_answer_says_how_it_was_painted(house: House, grace: Person) -> None:
    answer = (await ask(house, grace, model="gpt-image-1", quality="low", user="otto")).json()

    assert (answer["quality"], answer["size"], answer["background"], answer["output_format"]) == (
        "low", "1024x1024", "opaque", "png",
    )  # fmt: skip
    assert (answer["success"], answer["safety_identifier"], answer["elapsed"]) == (True, "otto", 0.0)


async def test_a_task_that_was_streamed_can_be_asked_for_later(house: House, grace: Person) -> None:
    async with calling(house, grace, path(), method="POST", body=body()) as line:
        (event,) = await line.until("image_generation.completed")
        await over(line)
    told = await tell(house, account_id=grace.account.id, task_id=event.data["task_id"])

    assert told.task.status == "succeeded"
