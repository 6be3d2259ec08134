"""Whole stories with every log line kept: what is said of them, and what is never said."""

from __future__ import annotations

import asyncio
import base64
import io
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from limner.flow.house import House
from limner.kit.logs import JsonFormatter
from support.ears import listening
from support.painters import Breaking, with_painter
from support.people import Person
from support.wire import client_of
from support.workers import at_work

PROMPT = "an otter whose name nobody may know"
CALLBACK_PATH = "/told-to/s3cret-path"
CALLBACK_SECRET = "s3cret-of-the-callback"
# The callers' and the receivers' own libraries, which stand in for other machines.
NOT_OURS = ("httpx", "httpcore", "faker")


class Log:
    """Every line at every level, as the program writes it."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.handler = logging.StreamHandler(self._stream)
        self.handler.setFormatter(JsonFormatter())
        self.handler.addFilter(lambda record: not record.name.startswith(NOT_OURS))
        self.handler.addFilter(self._keep)
        self.records: list[logging.LogRecord] = []

    def _keep(self, record: logging.LogRecord) -> bool:
        self.records.append(record)
        return True

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def events(self) -> list[str]:
        return [record.getMessage() for record in self.records if record.name.startswith("limner")]

    def assert_silent_about(self, *secrets: str) -> None:
        assert self.records
        for secret in secrets:
            assert secret
            assert secret not in self.text


@pytest.fixture
def log() -> Iterator[Log]:
    root, kept = logging.getLogger(), Log()
    level = root.level
    root.addHandler(kept.handler)
    root.setLevel(logging.DEBUG)
    yield kept
    root.removeHandler(kept.handler)
    root.setLevel(level)


def body(**more: object) -> dict[str, object]:
    return {"model": "dall-e-2", "prompt": PROMPT, "size": "256x256", **more}


async def test_a_picture_and_its_file(house: House, grace: Person, log: Log) -> None:
    async with client_of(house) as client:
        answer = await client.post("/v1/images/generations", json=body(response_format="url"), headers=grace.headers)
        link = answer.json()["data"][0]["url"]
        file = await client.get(link)
        forged = await client.get(link + "x")
        pictured = await client.post(
            "/v1/images/generations", json=body(response_format="b64_json"), headers=grace.headers
        )

    assert (answer.status_code, file.status_code, forged.status_code, pictured.status_code) == (200, 200, 403, 200)
    assert log.events().count("task.finished") == 2
    log.assert_silent_about(
        PROMPT,
        grace.secret,
        link.partition("sig=")[2],
        link,
        pictured.json()["data"][0]["b64_json"][:40],
        base64.b64encode(file.content).decode()[:40],
        repr(file.content[:20])[2:-1],
    )


async def test_a_task_with_a_callback_that_is_delivered_and_one_that_is_not(
    house: House, grace: Person, log: Log
) -> None:
    with listening(path=CALLBACK_PATH) as receiver:
        async with client_of(house) as client, at_work(house):
            for status in (200, 500):
                receiver.status = status
                answer = await client.post(
                    "/openai/images/generations",
                    json=body(callback_url=receiver.url, callback_secret=CALLBACK_SECRET),
                    headers=grace.headers,
                )
                assert answer.status_code == 200
                await asyncio.to_thread(receiver.next)
    url = receiver.url
    async with client_of(house) as client, at_work(house):  # and one to a receiver that has gone
        answer = await client.post("/v1/images/generations", json=body(callback_url=url), headers=grace.headers)
        async with house.database.statement() as tx, asyncio.timeout(5):
            while await tx.value("SELECT count(*) FROM webhook_attempts") < 3:
                continue

    assert log.events().count("task.finished") == 3
    assert log.events().count("callback.tried") == 3
    log.assert_silent_about(PROMPT, grace.secret, CALLBACK_PATH, "s3cret", "whsec_", url)


async def test_tasks_that_fail(house: House, grace: Person, log: Log) -> None:
    broken = with_painter(house, Breaking(RuntimeError("the paint is dry")))
    async with client_of(broken) as client, at_work(broken):
        here = await client.post("/v1/images/generations", json=body(), headers=grace.headers)
        there = await client.post(
            "/v1/images/generations", json=body(), headers=grace.headers | {"prefer": "respond-async, wait=5"}
        )

    assert (here.status_code, there.status_code) == (500, 500)
    assert "the paint is dry" in log.text  # the operator learns why
    log.assert_silent_about(PROMPT, grace.secret)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": "1x1"},
        {"prompt": PROMPT, "n": "many"},
        {"prompt": PROMPT + " forbidden fruit"},
        {"callback_url": f"ftp://example.org{CALLBACK_PATH}"},
        {"callback_url": f"http://10.0.0.1{CALLBACK_PATH}"},
        {"surprise": PROMPT},
        {"prompt": {"text": PROMPT}},
    ],
)
@pytest.mark.parametrize("prefix", ["/v1", "/openai"])
async def test_what_is_refused(house: House, grace: Person, log: Log, wrong: dict[str, object], prefix: str) -> None:
    async with client_of(house) as client:
        answer = await client.post(f"{prefix}/images/generations", json=body(**wrong), headers=grace.headers)

    assert answer.status_code in {400, 403}
    log.assert_silent_about(PROMPT, grace.secret, CALLBACK_PATH)


@pytest.mark.parametrize("header", ["Bearer sk-limner-n0body", "sk-limner-n0body", "Basic c2stbGltbmVy"])
async def test_a_key_that_is_none(house: House, log: Log, header: str) -> None:
    async with client_of(house) as client:
        answer = await client.post(
            "/v1/images/generations?key=sk-limner-n0body", json=body(), headers={"authorization": header}
        )

    assert answer.status_code == 401
    log.assert_silent_about(PROMPT, "n0body", "c2stbGltbmVy")


async def test_every_line_about_a_task_carries_its_trace_id(house: House, grace: Person, log: Log) -> None:
    with listening(status=500) as receiver:
        async with client_of(house) as client, at_work(house):
            answer = await client.post(
                "/v1/images/generations", json=body(callback_url=receiver.url), headers=grace.headers
            )
            await asyncio.to_thread(receiver.next)
        broken = replace(with_painter(house, Breaking(RuntimeError("the paint is dry"))))
        async with client_of(broken) as client, at_work(broken):
            await client.post("/v1/images/generations", json=body(callback_url=receiver.url), headers=grace.headers)
            await asyncio.to_thread(receiver.next)

    about = [record for record in log.records if "task_id" in getattr(record, "fields", {})]
    assert {record.getMessage() for record in about} >= {"task.finished", "task.failed", "task.broke", "callback.tried"}
    assert all(record.fields.get("trace_id") for record in about)  # type: ignore[attr-defined]
    trace_id = answer.headers["x-request-id"]
    of_the_first = [r.getMessage() for r in log.records if getattr(r, "fields", {}).get("trace_id") == trace_id]
    assert sorted(of_the_first) == ["callback.tried", "request.finished", "task.finished"]
