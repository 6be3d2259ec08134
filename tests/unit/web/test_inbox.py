"""Inboxes over HTTP: where anybody sends to, and where only the account looks."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from limner.flow.house import House
from limner.flow.news import News
from limner.inboxes import service as inboxes
from limner.kit.clock import StillClock
from support.open_line import Line, calling
from support.people import Person
from support.wire import BODY_BYTES_MAX, PUBLIC_URL, client_of

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")


async def made(house: House, person: Person, **body: Any) -> dict[str, Any]:
    async with client_of(house) as client:
        answer = await client.post("/v1/inboxes", json=body, headers=person.headers)
    assert answer.status_code == 201, answer.text
    inbox: dict[str, Any] = answer.json()
    return inbox


async def shown(house: House, person: Person, inbox: dict[str, Any], query: str = "") -> dict[str, Any]:
    async with client_of(house) as client:
        answer = await client.get(f"/v1/inboxes/{inbox['token']}/requests{query}", headers=person.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def said(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.fixture
async def inbox(house: House, grace: Person) -> dict[str, Any]:
    return await made(house, grace)


# making ------------------------------------------------------------------------------------------------------------------


async def test_an_inbox_says_where_it_is_and_how_long(house: House, grace: Person, clock: StillClock) -> None:
    async with client_of(house) as client:
        answer = await client.post("/v1/inboxes", headers=grace.headers, json={"name": "callbacks"})

    inbox = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/inboxes/{inbox['token']}"
    assert answer.headers["cache-control"] == "no-store"
    assert set(inbox) == {"id", "object", "name", "url", "token", "created_at", "expires_at", "requests"}
    assert (inbox["object"], inbox["name"], inbox["requests"]) == ("inbox", "callbacks", 0)
    assert inbox["url"] == f"{PUBLIC_URL}/inbox/{inbox['token']}"
    assert inbox["created_at"] == clock.now().timestamp()
    assert inbox["expires_at"] - inbox["created_at"] == 24 * 3600


async def test_the_same_key_gives_the_first_answer_again(house: House, grace: Person) -> None:
    headers = grace.headers | {"idempotency-key": "once"}
    async with client_of(house) as client:
        first = await client.post("/v1/inboxes", headers=headers)
        await client.post(first.json()["url"], content=b"hello")
        again = await client.post("/v1/inboxes", headers=headers, content=b" {} ")
        other = await client.post("/v1/inboxes", headers=headers, json={"name": "other"})

    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.json()) == (201, first.json())
    assert said(other) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "invalid_json"),
        ("[]", "invalid_json"),
        ('{"names": 1}', "unknown_parameter"),
        ('{"name": 1}', "invalid_type"),
        ('{"name": "a\\nb"}', "invalid_value"),
        ('{"name": "a\\u0000b"}', "invalid_value"),
        (json.dumps({"name": "x" * 101}), "invalid_value"),
    ],
)
async def test_what_cannot_be_meant_makes_nothing(house: House, grace: Person, body: str, code: str) -> None:
    async with client_of(house) as client:
        answer = await client.post("/v1/inboxes", headers=grace.headers, content=body)
        listed = await client.get("/v1/inboxes", headers=grace.headers)

    assert said(answer) == (400, code)
    assert listed.json() == {"object": "list", "data": []}


async def test_an_account_has_twenty_at_most(house: House, grace: Person) -> None:
    for _ in range(inboxes.INBOXES_MAX):
        await made(house, grace)
    async with client_of(house) as client:
        answer = await client.post("/v1/inboxes", headers=grace.headers)
        listed = await client.get("/v1/inboxes", headers=grace.headers)

    assert said(answer) == (429, "too_many_inboxes")
    assert len(listed.json()["data"]) == inboxes.INBOXES_MAX


# sending -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
async def test_whatever_is_sent_is_shown(
    house: House, grace: Person, inbox: dict[str, Any], caller: httpx2.AsyncClient, method: str
) -> None:
    answer = await caller.request(
        method, inbox["url"] + "/a/b%20c?x=1&y=%C3%B6", content="eine Möwe".encode(), headers={"X-Mine": "1"}
    )

    (request,) = (await shown(house, grace, inbox))["data"]
    assert (answer.status_code, answer.json()) == (200, {"received": True, "number": 1})
    assert (request["method"], request["path"], request["query"]) == (method, "/a/b c", "x=1&y=%C3%B6")
    assert (request["body"], request["body_encoding"], request["body_bytes"]) == ("eine Möwe", "utf-8", 10)
    assert request["headers"]["x-mine"] == "1"
    assert request["sender"] == "127.0.0.1"
    assert request["received_at"] == house.clock.now().timestamp()
    assert request["signature"] == {"valid": None, "standard": "unsigned", "callback": "unsigned"}
    assert request["task_id"] is None


async def test_head_is_a_request_too(house: House, grace: Person, inbox: dict[str, Any]) -> None:
    async with client_of(house) as client:
        assert (await client.head(inbox["url"])).status_code == 200

    assert [one["method"] for one in (await shown(house, grace, inbox))["data"]] == ["HEAD"]


async def test_secrets_are_not_shown_and_nothing_is_logged(
    house: House, grace: Person, inbox: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with client_of(house) as client:
        await client.post(
            inbox["url"] + "/hush?hush=1",
            content=b"hush",
            headers={"authorization": "Bearer hush", "cookie": "a=hush", "x-api-key": "hush"},
        )

    (request,) = (await shown(house, grace, inbox))["data"]
    assert "hush" not in json.dumps(request["headers"])
    assert request["headers"]["authorization"] == "Bearer ***"
    logged = json.dumps([record.__dict__.get("fields") for record in caplog.records], default=str)
    assert "request.finished" in caplog.text
    assert "hush" not in logged
    assert inbox["token"] not in logged


async def test_callbacks_may_be_larger_than_other_bodies(house: House, grace: Person, inbox: dict[str, Any]) -> None:
    body = json.dumps({"b64_json": base64.b64encode(bytes(BODY_BYTES_MAX * 5)).decode(), "n": 1}).encode()
    async with client_of(house) as client:
        assert (await client.post(inbox["url"], content=body)).status_code == 200
        refused = await client.post("/v1/inboxes", content=body, headers=grace.headers)
        whole = await client.get(f"/v1/inboxes/{inbox['token']}/requests/1", headers=grace.headers)

    assert said(refused) == (413, "request_too_large")
    (request,) = (await shown(house, grace, inbox))["data"]
    assert (request["body_bytes"], request["body_truncated"], request["body_shortened"]) == (len(body), True, True)
    assert len(request["body"]) < 200
    assert (whole.json()["body"], whole.json()["body_shortened"]) == (body[:262_144].decode(), False)


async def test_a_body_may_not_be_larger_than_64_mib(house: House, grace: Person, inbox: dict[str, Any]) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(65):
            yield bytes(1024 * 1024)

    async with client_of(house) as client:
        declared = await client.post(inbox["url"], headers={"content-length": str(64 * 1024 * 1024 + 1)})
        counted = await client.post(inbox["url"], content=endless())

    assert said(declared) == said(counted) == (413, "request_too_large")
    assert (await shown(house, grace, inbox))["data"] == []


@pytest.mark.parametrize("status", [201, 204, 304, 404, 410, 500, 503])
async def test_who_sends_may_say_how_to_be_answered(
    house: House, grace: Person, inbox: dict[str, Any], status: int
) -> None:
    async with client_of(house) as client:
        answer = await client.post(inbox["url"] + f"?answer={status}&retry_after=3", content=b"x")

    assert (answer.status_code, answer.headers["retry-after"]) == (status, "3")
    assert (answer.content == b"") == (status in {204, 304})
    assert len((await shown(house, grace, inbox))["data"]) == 1


async def test_an_answer_may_be_late(inbox: dict[str, Any], caller: httpx2.AsyncClient) -> None:
    started = time.perf_counter()
    assert (await caller.post(inbox["url"] + "?delay=0.2")).status_code == 200
    assert time.perf_counter() - started >= 0.2


@pytest.mark.parametrize(
    "query", ["answer=199", "answer=600", "answer=ok", "answer=", "delay=31", "delay=-1", "retry_after=1.5"]
)
async def test_an_answer_that_cannot_be_given_is_refused(
    house: House, grace: Person, inbox: dict[str, Any], query: str
) -> None:
    async with client_of(house) as client:
        answer = await client.post(f"{inbox['url']}?{query}")

    assert said(answer) == (400, "invalid_value")
    assert answer.json()["error"]["param"] == query.partition("=")[0]
    assert (await shown(house, grace, inbox))["data"] == []


@pytest.mark.parametrize("path", ["", "x", "%00", "a" * 32, "a" * 32 + "/b", "/"])
async def test_an_address_that_nobody_made_is_none(caller: httpx2.AsyncClient, path: str) -> None:
    assert (await caller.post(f"/inbox/{path}")).status_code == 404


async def test_an_expired_inbox_is_gone_for_everybody(
    house: House, grace: Person, inbox: dict[str, Any], clock: StillClock
) -> None:
    clock.move(seconds=24 * 3600)
    async with client_of(house) as client:
        sent = await client.post(inbox["url"])
        looked = await client.get(f"/v1/inboxes/{inbox['token']}/requests", headers=grace.headers)

    assert said(sent) == said(looked) == (410, "inbox_ended")


async def test_more_than_an_inbox_takes_is_told_when_to_come_again(
    house: House, grace: Person, inbox: dict[str, Any]
) -> None:
    async with house.database.statement() as tx:
        await tx.run("UPDATE inboxes SET tokens = 1")
    async with client_of(house) as client:
        assert (await client.post(inbox["url"])).status_code == 200
        answer = await client.post(inbox["url"])

    assert said(answer) == (429, "rate_limit_exceeded")
    assert answer.headers["retry-after"] == "1"
    assert len((await shown(house, grace, inbox))["data"]) == 1


# looking -----------------------------------------------------------------------------------------------------------------


async def test_requests_come_in_pages_the_newest_first(
    house: House, grace: Person, inbox: dict[str, Any], caller: httpx2.AsyncClient
) -> None:
    for number in range(5):
        await caller.post(inbox["url"], content=b"%d" % number)

    first = await shown(house, grace, inbox, "?limit=2")
    second = await shown(house, grace, inbox, "?limit=2&after=4")
    third = await shown(house, grace, inbox, "?limit=2&after=2")
    assert [[one["number"] for one in page["data"]] for page in (first, second, third)] == [[5, 4], [3, 2], [1]]
    assert [page["has_more"] for page in (first, second, third)] == [True, True, False]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "after=x", "after=" + "9" * 30, "after="])
async def test_a_page_that_cannot_be_is_refused(
    grace: Person, inbox: dict[str, Any], caller: httpx2.AsyncClient, query: str
) -> None:
    answer = await caller.get(f"/v1/inboxes/{inbox['token']}/requests?{query}", headers=grace.headers)

    assert said(answer) == (400, "invalid_value")


@pytest.mark.parametrize(("number", "status"), [("1", 404), ("x", 400), ("9" * 30, 400)])
async def test_a_request_that_is_not_there(
    grace: Person, inbox: dict[str, Any], caller: httpx2.AsyncClient, number: str, status: int
) -> None:
    answer = await caller.get(f"/v1/inboxes/{inbox['token']}/requests/{number}", headers=grace.headers)

    assert answer.status_code == status


@pytest.mark.parametrize("path", ["", "/requests", "/requests/1", "/events"])
async def test_nobody_else_looks(eve: Person, inbox: dict[str, Any], caller: httpx2.AsyncClient, path: str) -> None:
    here = f"/v1/inboxes/{inbox['token']}{path}"

    assert said(await caller.get(here, headers=eve.headers)) == (404, "not_found")
    assert said(await caller.get(here)) == (401, "missing_api_key")


async def test_an_inbox_can_be_deleted_by_its_account_only(
    grace: Person, eve: Person, inbox: dict[str, Any], caller: httpx2.AsyncClient
) -> None:
    here = f"/v1/inboxes/{inbox['token']}"

    assert said(await caller.delete(here, headers=eve.headers)) == (404, "not_found")
    assert (await caller.get(here, headers=grace.headers)).json() == inbox
    answer = await caller.delete(here, headers=grace.headers)
    assert answer.json() == {"id": inbox["id"], "object": "inbox.deleted", "deleted": True}
    assert said(await caller.post(inbox["url"])) == (410, "inbox_ended")
    assert said(await caller.delete(here, headers=grace.headers)) == (410, "inbox_ended")


async def test_a_wrong_method_is_told_all_that_are_right(caller: httpx2.AsyncClient, inbox: dict[str, Any]) -> None:
    answer = await caller.put(f"/v1/inboxes/{inbox['token']}")

    assert answer.status_code == 405
    assert sorted(answer.headers["allow"].split(", ")) == ["DELETE", "GET", "HEAD"]


# watching ----------------------------------------------------------------------------------------------------------------


async def until(line: Line, is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():
            line._heard.clear()
            await line._heard.wait()


async def test_who_watches_hears_of_each_request(
    house: House, grace: Person, inbox: dict[str, Any], caller: httpx2.AsyncClient
) -> None:
    await caller.post(inbox["url"], content=b"before")
    async with calling(house, grace, f"/v1/inboxes/{inbox['token']}/events") as line:
        await until(line, lambda: line.text != "")
        await caller.post(inbox["url"], content=b"now")
        (event,) = await line.until("request")

    (request, _) = (await shown(house, grace, inbox))["data"]
    assert (line.status, line.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
    assert line.headers["cache-control"] == "no-store"
    assert (event.id, event.data) == ("2", request)


async def test_who_was_cut_off_goes_on_where_they_were(
    house: House, grace: Person, inbox: dict[str, Any], caller: httpx2.AsyncClient
) -> None:
    for number in range(3):
        await caller.post(inbox["url"], content=b"%d" % number)
    headers = {"last-event-id": "1"}
    async with calling(house, grace, f"/v1/inboxes/{inbox['token']}/events", headers=headers) as line:
        await until(line, lambda: len(line.events) == 2)

    assert [event.id for event in line.events] == ["2", "3"]


async def test_the_stream_ends_with_the_inbox(
    house: House, grace: Person, inbox: dict[str, Any], caller: httpx2.AsyncClient
) -> None:
    async with calling(house, grace, f"/v1/inboxes/{inbox['token']}/events") as line:
        await until(line, lambda: line.text != "")
        await caller.delete(f"/v1/inboxes/{inbox['token']}", headers=grace.headers)
        await until(line, lambda: line.is_over)

    assert line.events == []


async def test_the_stream_ends_when_the_server_stops(house: House, grace: Person, inbox: dict[str, Any]) -> None:
    house = replace(house, inbox_news=News())
    async with calling(house, grace, f"/v1/inboxes/{inbox['token']}/events") as line:
        house.inbox_news.close()
        await until(line, lambda: line.is_over)
