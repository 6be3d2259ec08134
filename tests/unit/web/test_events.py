"""GET /v1/images/tasks/{id}/events: a task as it comes along."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from limner.engines import EngineFailed
from limner.flow.admit import Terms
from limner.flow.house import House
from limner.flow.news import News
from limner.flow.sweep import sweep
from limner.flow.watch import Quiet, Seen, watch
from limner.flow.work import work
from limner.kit.ids import uuid7
from limner.web.dialects.images.differences import OPENAI
from limner.web.dialects.images.tasks import event_stream
from support.open_line import calling
from support.painters import Breaking, Showing, Waiting, with_painter
from support.people import Person
from support.wire import PREFIXES, client_of
from support.workers import at_work, ended, submitted


@pytest.fixture
def house(house: House) -> House:
    """Whatever happens is told at once, not only twice a second."""
    return replace(house, queue_policy=replace(house.queue_policy, tell_every_seconds=0.0))


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_task_from_the_queue_to_its_end(house: House, grace: Person, prefix: str) -> None:
    painter = Showing()
    house = with_painter(house, painter)
    task = await submitted(house, grace)
    async with calling(house, grace, f"{prefix}/images/tasks/{task.id}/events") as line:
        await line.until("task")
        async with at_work(house):
            await line.until("task", "task")
            # One by one: whoever looks late sees how far it is by then, and not each step.
            seen = []
            for what, name in ((0.25, "progress"), (0, "partial"), (0.5, "progress"), (1, "partial")):
                painter.may_show.put_nowait(what)
                seen.append(name)
                await line.until(*seen)
            painter.may_show.put_nowait(None)
            events = await line.until("end")

    assert line.status == 200
    assert line.headers["content-type"].startswith("text/event-stream")
    assert line.headers["cache-control"] == "no-store"
    assert line.headers["x-accel-buffering"] == "no"
    assert line.text.startswith("retry: 2000\n\n")
    assert line.is_over
    assert [event.name for event in events] == ["task", "task", "progress", "partial", "progress", "partial", "end"]
    assert [event.id for event in events] == ["1", "2", "3", "4", "5", "6", "end"]
    queued, running, quarter, first, half, second, end = (event.data for event in events)
    assert (queued["status"], queued["queue"]["ahead"]) == ("queued", 0)
    assert (running["status"], running["result"]) == ("running", None)
    assert (quarter, half) == ({"progress": 0.25}, {"progress": 0.5})
    assert (first["index"], first["number"], second["number"]) == (0, 0, 1)
    assert (end["status"], end["progress"], end["urls"]["self"]) == (
        "succeeded",
        1.0,
        f"http://limner.test{prefix}/images/tasks/{task.id}",
    )
    async with client_of(house) as client:
        assert (await client.get(second["url"])).status_code == 200
        await sweep(house)
        assert (await client.get(second["url"])).status_code == 404
        assert (await client.get(end["result"]["data"][0]["url"])).status_code == 200


async def test_who_comes_late_sees_what_there_is(house: House, grace: Person) -> None:
    painter = Showing()
    house = with_painter(house, painter)
    async with at_work(house):
        task = await submitted(house, grace)
        async with calling(house, grace, f"/v1/images/tasks/{task.id}/events") as first:
            await painter.began.wait()
            await first.until("task")
            for what in (0, 1, 0.5):
                painter.may_show.put_nowait(what)
            await first.until("progress")
            async with calling(house, grace, f"/v1/images/tasks/{task.id}/events") as late:
                events = await late.until("partial")
        painter.may_show.put_nowait(None)

    assert [event.name for event in events] == ["task", "partial"]
    assert (events[0].data["status"], events[0].data["progress"]) == ("running", 0.5)
    assert events[1].data["number"] == 1


async def test_a_task_that_has_ended(house: House, grace: Person) -> None:
    task = await submitted(house, grace, terms=Terms(is_async=True, as_links=False))
    await work(house, task_id=task.id)

    async with client_of(house) as client:
        path = f"/v1/images/tasks/{task.id}/events"
        answer = await client.get(path, headers=grace.headers)
        again = await client.get(path, headers=grace.headers | {"last-event-id": "end"})

    assert [line for line in answer.text.splitlines() if not line.startswith("data")] == [
        "retry: 2000", "", "event: task", "id: 1", "", "event: end", "id: end", "",
    ]  # fmt: skip
    assert '"url":' in answer.text  # whatever was asked for: bytes would be megabytes in one line
    assert "b64_json" not in answer.text
    assert (again.status_code, again.content) == (204, b"")  # what tells a browser not to come again


async def test_a_task_that_fails(house: House, grace: Person) -> None:
    house = with_painter(house, Breaking(EngineFailed("no more paint")))
    task = await submitted(house, grace)
    async with calling(house, grace, f"/v1/images/tasks/{task.id}/events") as line:
        await line.until("task")
        await work(house, task_id=task.id)
        events = await line.until("end")

    assert events[-1].data["error"]["message"] == "no more paint"


async def test_a_task_that_is_cancelled(house: House, grace: Person) -> None:
    task = await submitted(house, grace)
    async with calling(house, grace, f"/v1/images/tasks/{task.id}/events") as line:
        await line.until("task")
        async with client_of(house) as client:
            await client.post(f"/v1/images/tasks/{task.id}/cancel", headers=grace.headers)
        events = await line.until("end")

    assert [event.name for event in events] == ["task", "end"]
    assert events[-1].data["status"] == "cancelled"


async def test_numbers_go_on_where_a_client_was_cut_off(house: House, grace: Person) -> None:
    task = await submitted(house, grace)
    for last_id, number in (("7", "8"), ("end", "1"), ("x", "1"), ("9" * 30, "1"), ("", "1")):
        path, headers = f"/v1/images/tasks/{task.id}/events", {"last-event-id": last_id}
        async with calling(house, grace, path, headers=headers) as line:
            (event,) = await line.until("task")
        assert event.id == number


async def test_a_client_that_hangs_up_leaves_nobody_watching(house: House, grace: Person) -> None:
    task = await submitted(house, grace)
    async with calling(house, grace, f"/v1/images/tasks/{task.id}/events") as line:
        await line.until("task")
        assert task.id in house.news._watchers

    assert task.id not in house.news._watchers
    assert not line.is_over


async def test_a_task_that_is_performed_elsewhere_is_watched_through_the_database(house: House, grace: Person) -> None:
    painter = Showing()
    elsewhere = replace(
        with_painter(house, painter), node_id=uuid7(), news=News(on_cancel=lambda _: None), hands=type(house.hands)()
    )
    task = await submitted(house, grace)
    async with calling(house, grace, f"/v1/images/tasks/{task.id}/events") as line:
        await line.until("task")
        working = asyncio.create_task(work(elsewhere, task_id=task.id))
        await line.until("task", "task", seconds=1.5)
        for what in (0.25, 0, None):
            painter.may_show.put_nowait(what)
        events = await line.until("end", seconds=1.5)  # sooner than anybody would look by himself
        await working

    assert [event.name for event in events] == ["task", "task", "progress", "partial", "end"]


async def until_seen(seen: list[Seen], *names: str) -> None:
    while [type(one).__name__ for one in seen] != list(names):  # noqa: ASYNC110 - a list says nothing by itself
        await asyncio.sleep(0.01)


async def test_what_was_missed_is_found_by_looking(house: House, grace: Person) -> None:
    painter = Waiting()
    deaf = replace(house, news=News(on_cancel=lambda _: None))
    task = await submitted(house, grace)
    seen: list[Seen] = []

    async def look() -> None:
        async with aclosing(watch(deaf, task_id=task.id, account_id=grace.account.id, every_seconds=0.01)) as found:
            async for one in found:
                if not isinstance(one, Quiet):
                    seen.append(one)  # noqa: PERF401 - somebody looks at it meanwhile

    looking = asyncio.create_task(look())
    async with asyncio.timeout(5):
        await until_seen(seen, "Stands")
        working = asyncio.create_task(work(with_painter(house, painter), task_id=task.id))
        await painter.began.wait()
        await until_seen(seen, "Stands", "Stands")
        async with house.database.statement() as tx:
            await tx.run("UPDATE tasks SET progress = 0.4")
        await until_seen(seen, "Stands", "Stands", "Progressed")
        painter.may_go_on.set()
        await asyncio.gather(looking, working)

    assert [type(one).__name__ for one in seen] == ["Stands", "Stands", "Progressed", "Stands"]
    assert not deaf.news._watchers


async def test_who_waits_hears_how_the_queue_before_it_grows_shorter(house: House, grace: Person) -> None:
    first, second = await submitted(house, grace), await submitted(house, grace)
    deaf = replace(house, news=News(on_cancel=lambda _: None))
    async with aclosing(watch(deaf, task_id=second.id, account_id=grace.account.id, every_seconds=0.01)) as seen:
        places = [(await anext(seen)).told.place]  # type: ignore[union-attr]
        async with client_of(house) as client:
            await client.post(f"/v1/images/tasks/{first.id}/cancel", headers=grace.headers)
        async for one in seen:
            if not isinstance(one, Quiet):
                places.append(one.told.place)  # type: ignore[union-attr]
                break

    assert [place.ahead for place in places if place] == [1, 0]


async def test_a_silent_stream_says_now_and_then_that_it_is_there(house: House, grace: Person) -> None:
    task = await submitted(house, grace)
    seen = watch(house, task_id=task.id, account_id=grace.account.id, every_seconds=0.01)
    stream = event_stream(house, seen, dialect=OPENAI, comment_every_seconds=0.02)
    async with aclosing(stream):
        pieces = [await anext(stream) for _ in range(4)]

    assert pieces[1].startswith(b"event: task\n")
    assert pieces[2:] == [b": still here\n\n"] * 2


async def test_a_server_that_stops_ends_its_streams(house: House, grace: Person) -> None:
    house = replace(house, news=News(on_cancel=house.hands.cancel))
    task = await submitted(house, grace)
    async with calling(house, grace, f"/v1/images/tasks/{task.id}/events") as line:
        await line.until("task")
        house.news.close()
        async with asyncio.timeout(1):
            while not line.is_over:  # noqa: ASYNC110 - nothing says so
                await asyncio.sleep(0.01)

    assert [event.name for event in line.events] == ["task"]  # no end: its client comes again, to another server


async def test_a_task_that_is_begun_anew_shows_its_pictures_anew(house: House, grace: Person) -> None:
    painter = Showing()
    house = with_painter(house, painter)
    task = await submitted(house, grace)
    async with calling(house, grace, f"/v1/images/tasks/{task.id}/events") as line:
        async with at_work(house, stop_seconds=0):
            await painter.began.wait()
            painter.may_show.put_nowait(0)
            await line.until("partial")
        async with at_work(house):
            painter.may_show.put_nowait(0)
            await line.until("partial", "partial")
            painter.may_show.put_nowait(None)
            await ended(house, task)
        events = await line.until("end")

    names = [event.name for event in events]
    assert names.count("partial") == 2
    assert [event.data["status"] for event in events if event.name == "task"] == [
        "queued", "running", "queued", "running",
    ]  # fmt: skip
