from __future__ import annotations

import asyncio
import re

import pytest

from limner.engines import EngineFailed
from limner.flow.admit import Callback, Terms
from limner.flow.cancel import cancel
from limner.flow.house import House
from limner.flow.wait import look
from limner.flow.work import work
from support.asks import paint
from support.painters import Breaking, Waiting, with_painter
from support.people import Person
from support.shelves import task_rows
from support.visits import visiting
from support.workers import at_work, submitted

NASTY = '<script>alert(1)</script> & "quotes"'
CALLED = Terms(is_async=True, callback=Callback(url="https://receiver.example/done?a=1", secret=None))


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_an_empty_list_says_what_to_do(house: House, grace: Person, language: str) -> None:
    async with visiting(house, grace, language=language) as browser:
        page = await browser.get("/tasks")
    assert {"en": "Make a request", "zh": "发起请求"}[language] in page.text


async def test_grace_sees_hers_and_eve_does_not(house: House, grace: Person, eve: Person) -> None:
    task = await submitted(house, grace)
    async with visiting(house, grace) as browser:
        assert f"/tasks/{task.id}" in (await browser.get("/tasks")).text
        assert (await browser.get(f"/tasks/{task.id}")).status_code == 200
    async with visiting(house, eve) as browser:
        assert str(task.id) not in (await browser.get("/tasks")).text
        for path in ("", "/row", "/live"):
            assert (await browser.get(f"/tasks/{task.id}{path}")).status_code == 404
        for path in ("/cancel", "/retry", "/resend"):
            assert (await browser.send(f"/tasks/{task.id}{path}")).status_code == 404
    assert (await look(house, task_id=task.id)).status == "queued"


async def test_strangers_are_asked_who_they_are(house: House, grace: Person) -> None:
    task = await submitted(house, grace)
    async with visiting(house) as browser:
        for path in ("/tasks", f"/tasks/{task.id}", f"/tasks/{task.id}/live"):
            answer = await browser.get(path)
            assert (answer.status_code, answer.headers["location"].startswith("/login?next=%2Ftasks")) == (303, True)


@pytest.mark.parametrize("path", ["/tasks/x", "/tasks/01930000-0000-7000-8000-000000000001", "/tasks/x/row"])
async def test_what_is_not_there_is_not_found(house: House, grace: Person, path: str) -> None:
    async with visiting(house, grace) as browser:
        assert (await browser.get(path)).status_code == 404


async def test_a_prompt_is_shown_and_never_run(house: House, grace: Person) -> None:
    task = await submitted(house, grace, prompt=NASTY)
    async with visiting(house, grace) as browser:
        for path in ("/tasks", f"/tasks/{task.id}", f"/tasks/{task.id}/row"):
            text = (await browser.get(path)).text
            assert "<script>alert" not in text
            assert "alert(1)" in text


async def test_filters_narrow_it_down(house: House, grace: Person) -> None:
    waiting = await submitted(house, grace)
    stopped = await cancel(house, task_id=(await submitted(house, grace)).id, account_id=grace.account.id)
    done = (await paint(house, grace)).result.task_id
    async with visiting(house, grace) as browser:

        async def seen(query: str) -> set[object]:
            text = (await browser.get(f"/tasks?{query}")).text
            return {id_ for id_ in (waiting.id, stopped.id, done) if f"/tasks/{id_}" in text}

        assert await seen("state=open") == {waiting.id}
        assert await seen("state=cancelled") == {stopped.id}
        assert await seen("state=succeeded&model=dall-e-2") == {done}
        assert await seen("model=dall-e-3") == set()
        assert await seen(f"key={grace.key.id}") == {waiting.id, stopped.id, done}
        assert await seen(f"q={done}") == {done}
        assert await seen("q=trace-1") == {waiting.id, stopped.id, done}
        assert await seen("q=nothing") == set()
        assert await seen("state=nonsense&key=nonsense&before=nonsense") == {waiting.id, stopped.id, done}


async def test_what_comes_next_is_fetched_when_one_gets_there(house: House, grace: Person) -> None:
    for _ in range(45):
        await submitted(house, grace)
    async with visiting(house, grace) as browser:
        first = (await browser.get("/tasks?state=open")).text
        (onward,) = set(re.findall(r'hx-get="(/tasks\?[^"]*before=[^"]*)"', first))
        part = (await browser.part(onward.replace("&amp;", "&"))).text
    tasks = re.findall(r'href="/tasks/([0-9a-f-]{36})"', first + part)
    assert "state=open" in onward
    assert "<html" not in part
    assert len(tasks) == len(set(tasks)) == 45


async def test_a_waiting_task_says_where_it_stands_and_can_be_cancelled(house: House, grace: Person) -> None:
    await submitted(house, grace)
    task = await submitted(house, grace)
    async with visiting(house, grace) as browser:
        text = (await browser.get(f"/tasks/{task.id}")).text
        assert "one task before it" in text
        assert f'hx-get="/tasks/{task.id}/live"' in text
        answer = await browser.send(f"/tasks/{task.id}/cancel", at=f"/tasks/{task.id}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/tasks/{task.id}")
        again = await browser.send(f"/tasks/{task.id}/cancel", at=f"/tasks/{task.id}")
        assert again.status_code == 303
        text = (await browser.get(f"/tasks/{task.id}")).text
    assert "It was cancelled, and nothing was charged." in text
    assert "/live" not in text
    assert (await look(house, task_id=task.id)).status == "cancelled"


async def test_a_task_is_watched_until_its_pictures_are_there(house: House, grace: Person) -> None:
    painter = Waiting(after=1)
    async with at_work(with_painter(house, painter)), visiting(house, grace) as browser:
        task = await submitted(house, grace, n=2)
        await painter.began.wait()
        watching = asyncio.create_task(browser.part(f"/tasks/{task.id}/live"))
        while task.id not in house.news._watchers:  # noqa: ASYNC110 - nobody tells when somebody watches
            await asyncio.sleep(0)
        painter.may_go_on.set()
        live = await watching
        row = await browser.part(f"/tasks/{task.id}/row")
    assert live.headers["content-type"].startswith("text/event-stream")
    events = [event for event in live.text.split("\n\n") if event.startswith("data:")]
    assert all('id="whole"' in event for event in events)
    assert "Painting" in events[0]
    assert f"/gallery/{task.id}/1" in events[-1]
    assert "Cancel task" not in events[-1]
    assert "succeeded" in row.text
    assert "hx-trigger" not in row.text


async def test_a_failed_task_says_why_and_is_asked_for_again(house: House, grace: Person) -> None:
    with pytest.raises(EngineFailed):
        await paint(with_painter(house, Breaking(EngineFailed("it broke"))), grace)
    (row,) = await task_rows(house)
    path = f"/tasks/{row['id']}"
    async with visiting(house, grace) as browser:
        text = (await browser.get(path)).text
        assert "it broke" in text
        assert 'data-copy="trace-1"' in text
        answer = await browser.send(f"{path}/retry", at=path)
    newest = (await task_rows(house))[-1]
    assert answer.headers["location"] == f"/tasks/{newest['id']}"
    assert (newest["status"], newest["request"]) == ("queued", row["request"])


async def test_a_task_that_went_well_is_not_retried(house: House, grace: Person) -> None:
    path = f"/tasks/{(await paint(house, grace)).result.task_id}"
    async with visiting(house, grace) as browser:
        assert "/retry" not in (await browser.get(path)).text
        assert (await browser.send(f"{path}/retry", at=path)).status_code == 409


async def test_a_callback_is_told_with_its_attempts(house: House, grace: Person) -> None:
    task = await submitted(house, grace, terms=CALLED)
    path = f"/tasks/{task.id}"
    async with visiting(house, grace) as browser:
        text = (await browser.get(path)).text
        assert "https://receiver.example/done?a=1" in text
        assert "It has not been tried yet." in text
        await work(house, task_id=task.id)
        assert "being sent" in (await browser.get(path)).text
        assert (await browser.send(f"{path}/resend", at=path)).status_code == 409
