"""Tasks that nobody waits for, against a live server."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import openai
import pytest
import requests
from openai.types import ImagesResponse

from support.ears import listening
from support.server import Server, start

PROMPT = "A cute baby sea otter"
BODY = {"model": "dall-e-2", "prompt": PROMPT, "size": "256x256"}
SECONDS = 20
SLOWLY = {"LIMNER_ENGINES": '{"fake": {"seconds": 1.5, "partials": 2}}'}


@pytest.fixture(scope="module")
def slow_server(
    new_database: Callable[[], AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server whose engine takes its time, and shows what it does."""
    with new_database() as url:
        server = start(tmp_path_factory.mktemp("slow") / "data", database_url=url, environ=SLOWLY)
        yield server
        assert server.stop() == 0, server.log.read_text()[-2000:]


def asked(server: Server, method: str, path: str, **more: Any) -> requests.Response:
    headers = {"authorization": f"Bearer {server.owner_key}", **more.pop("headers", {})}
    return requests.request(method, server.url + path, headers=headers, timeout=more.pop("timeout", SECONDS), **more)


def ended(server: Server, path: str) -> dict[str, Any]:
    answer = asked(server, "GET", path, headers={"prefer": f"wait={SECONDS}"})
    body: dict[str, Any] = answer.json()
    assert body["finished_at"] is not None
    return body


def test_a_caller_who_goes_away_finds_the_picture_in_the_history(slow_server: Server) -> None:
    with pytest.raises(requests.Timeout):
        asked(slow_server, "POST", "/v1/images/generations", json=BODY | {"trace_id": "gone"}, timeout=0.5)

    (listed,) = asked(slow_server, "GET", "/v1/images/tasks?trace_id=gone").json()["data"]
    assert listed["status"] == "running"
    task = ended(slow_server, f"/v1/images/tasks/{listed['id']}")

    assert (task["status"], task["cost"]["charged"]) == ("succeeded", "0.016000")
    assert requests.get(task["result"]["data"][0]["url"], timeout=SECONDS).status_code == 200


def test_a_caller_who_asks_again_with_the_same_key_gets_the_picture_it_missed(slow_server: Server) -> None:
    headers = {"idempotency-key": '"missed"'}
    with pytest.raises(requests.Timeout):
        asked(slow_server, "POST", "/openai/images/generations", json=BODY, headers=headers, timeout=0.5)

    answer = asked(slow_server, "POST", "/openai/images/generations", json=BODY, headers=headers)

    assert answer.status_code == 200
    assert answer.headers["idempotency-replayed"] == "true"
    assert answer.json()["data"][0]["url"]


def test_events_over_a_socket(slow_server: Server) -> None:
    location = asked(slow_server, "POST", "/v1/images/generations", json=BODY | {"async": True}).headers["location"]

    names, data = [], []
    with asked(slow_server, "GET", f"{location}/events", stream=True) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
            if line.startswith("event: "):
                names.append(line.removeprefix("event: "))
            if line.startswith("data: "):
                data.append(json.loads(line.removeprefix("data: ")))

    assert (names[0], names[-1]) == ("task", "end")
    shares = [one["progress"] for name, one in zip(names, data, strict=True) if name == "progress"]
    assert shares
    assert shares == sorted(shares)
    assert names.count("partial") == 2
    assert data[-1]["status"] == "succeeded"
    assert requests.get(data[-1]["result"]["data"][0]["url"], timeout=SECONDS).status_code == 200


def test_a_running_task_is_cancelled_within_a_second(slow_server: Server) -> None:
    body = BODY | {"n": 8, "async": True, "trace_id": "to be stopped"}
    location = asked(slow_server, "POST", "/v1/images/generations", json=body).headers["location"]
    deadline = time.monotonic() + SECONDS
    while asked(slow_server, "GET", location).json()["status"] != "running":
        assert time.monotonic() < deadline

    began = time.monotonic()
    answer = asked(slow_server, "POST", f"{location}/cancel")

    assert time.monotonic() - began < 1
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["cost"] == {"held": "0.000000", "charged": "0.000000"}
    assert asked(slow_server, "POST", f"{location}/cancel").status_code == 409


def test_a_server_that_stops_does_not_wait_for_watchers(
    new_database: Callable[[], AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    environ = {"LIMNER_WORKER__ENGINES": "[]"}
    with new_database() as url:
        server = start(tmp_path_factory.mktemp("stopping") / "data", database_url=url, environ=environ)
        location = asked(server, "POST", "/v1/images/generations", json=BODY | {"async": True}).headers["location"]
        with asked(server, "GET", f"{location}/events", stream=True) as events:
            lines = events.iter_lines(chunk_size=1, decode_unicode=True)
            while next(lines) != "event: task":
                continue
            began = time.monotonic()
            code = server.stop()
            rest = list(lines)

    assert code == 0, server.log.read_text()[-2000:]
    assert time.monotonic() - began < 10  # it would have waited for thirty
    assert "event: end" not in rest


@pytest.mark.parametrize("prefix", ["/v1", "/openai"])
@pytest.mark.parametrize("way", ["async", "callback_url"])
def test_the_official_client(server: Server, prefix: str, way: str) -> None:
    with (
        listening(path="") as inbox,
        openai.OpenAI(base_url=server.url + prefix, api_key=server.owner_key, max_retries=0) as client,
    ):
        extra = {"async": True} if way == "async" else {"callback_url": f"{inbox.url}/told"}
        accepted = client.images.generate(model="gpt-image-1", prompt=PROMPT, extra_body=extra)
        assert accepted.model_extra is not None
        task_id = accepted.model_extra["task_id"]
        told = json.loads(inbox.posted(seconds=SECONDS).body) if way == "callback_url" else None
        task = client.get(
            f"/images/tasks/{task_id}", cast_to=dict[str, Any], options={"headers": {"prefer": "wait=20"}}
        )

    assert accepted.data is None
    assert task["status"] == "succeeded"
    result = ImagesResponse.model_validate(task["result"])
    assert result.data is not None
    assert bool(result.data[0].b64_json) == (prefix == "/v1")
    if told is not None:
        assert told["data"]["data"][0].keys() == task["result"]["data"][0].keys()


def test_the_vendor_s_way_from_the_request_to_the_signed_callback_and_the_task(server: Server) -> None:
    with listening(path="") as inbox:
        body = BODY | {
            "callback_url": f"{inbox.url}/told?order=7",
            "callback_secret": "between us",
            "trace_id": "order-7",
        }
        accepted = asked(server, "POST", "/openai/images/generations", json=body)
        posted = inbox.posted(seconds=SECONDS)

    assert (accepted.status_code, list(accepted.json())) == (200, ["task_id"])
    assert posted.path == "/told?order=7"
    signature = hmac.new(b"between us", posted.body, hashlib.sha256).hexdigest()
    assert posted.headers["x-callback-signature"] == signature
    told = json.loads(posted.body)
    task = asked(server, "POST", "/openai/tasks", json={"trace_id": "order-7"}).json()
    assert task["id"] == told["task_id"] == accepted.json()["task_id"]
    assert task["request"] == BODY | {"callback_url": f"{inbox.url}/told?order=7"}
    assert task["response"]["data"][0]["revised_prompt"] == told["data"]["data"][0]["revised_prompt"]
    batch = asked(
        server, "POST", "/openai/tasks", json={"action": "retrieve_batch", "ids": [task["id"]], "type": "images"}
    ).json()
    assert (batch["count"], batch["items"][0]["_id"]) == (1, task["_id"])


def test_ten_who_race_over_sockets_get_one_task(server: Server) -> None:
    found: list[str] = []

    def ask() -> None:
        answer = asked(server, "POST", "/v1/images/generations", json=BODY, headers={"idempotency-key": "the-race"})
        found.append(answer.json()["task_id"])

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(found), len(set(found))) == (10, 1)
