"""Several nodes that share nothing but PostgreSQL and S3: two servers that perform nothing, two workers that do."""

from __future__ import annotations

import asyncio
import json
import statistics
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest
import requests

from limner.flow.house import House
from support import books
from support.faults import Node, running
from support.load import Receiver
from support.postgres import ExternalPostgres
from support.s3 import S3Server
from support.scenes import callers, keys_of_people, looking_in, new_database_at, reckon

ENGINE_SECONDS: Final = 0.5
ASKED: Final = {"model": "dall-e-2", "prompt": "A cute baby sea otter", "size": "256x256"}


@dataclass(frozen=True)
class Machines:
    servers: list[Node]
    workers: list[Node]
    house: House
    keys: list[str]

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.keys[0]}"}


@pytest.fixture(scope="module")
def credentials(s3_server: S3Server) -> Iterator[None]:
    """For the house that only looks in."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environ.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
async def machines(
    tmp_path_factory: pytest.TempPathFactory,
    external_postgres: ExternalPostgres,
    s3_server: S3Server,
    credentials: None,  # noqa: ARG001
) -> AsyncIterator[Machines]:
    tmp_path = tmp_path_factory.mktemp("machines")
    database_url = await new_database_at(external_postgres.url)
    s3_server.make_bucket("machines")
    storage_url = s3_server.address("machines", tmp_path.name)
    shared = s3_server.environ | {
        "LIMNER_DATABASE__URL": database_url,
        "LIMNER_ENGINES": json.dumps({"fake": {"seconds": ENGINE_SECONDS}}),
        "LIMNER_STORAGE__URL": storage_url,
        "LIMNER_WORKER__ENGINES": json.dumps([]),
    }
    performing = shared | {"LIMNER_WORKER__ENGINES": json.dumps(["fake"])}
    servers = [Node(tmp_path / name, command="serve", environ=shared) for name in ("one", "two")]
    workers = [Node(tmp_path / name, command="worker", environ=performing) for name in ("three", "four")]
    with running(*servers, *workers):
        async with looking_in(tmp_path / "five", database_url=database_url, storage_url=storage_url) as house:
            yield Machines(servers, workers, house, await keys_of_people(house))


async def test_a_synchronous_request_is_answered_when_a_worker_elsewhere_is_done(
    machines: Machines, say: Callable[[str], None]
) -> None:
    def asked(number: int) -> tuple[str, float]:
        url = f"{machines.servers[number % 2].url}/openai/images/generations"
        with requests.post(url, json=ASKED, headers=machines.headers, timeout=30) as answer:
            answered_at = time.time()
            assert answer.status_code == 200, answer.text
            return answer.json()["task_id"], answered_at

    answers = dict([await asyncio.to_thread(asked, number) for number in range(25)][5:])
    async with machines.house.database.statement() as tx:
        rows = await tx.rows(
            "SELECT id, extract(epoch FROM started_at)::float8 AS began, extract(epoch FROM finished_at)::float8 AS ended,"
            " node_id FROM tasks WHERE id = ANY($1::uuid[])",
            list(answers),
        )
    # From the moment at which the engine is done at the earliest: storing, settling, telling and answering are in it.
    from_engine = [1000 * (answers[str(row["id"])] - row["began"] - ENGINE_SECONDS) for row in rows]
    from_settling = [1000 * (answers[str(row["id"])] - row["ended"]) for row in rows]
    say(
        f"synchronous, performed elsewhere, {len(rows)} requests: answered {statistics.median(from_engine):.1f} ms "
        f"(median; most {max(from_engine):.1f}) after the engine's end, {statistics.median(from_settling):.1f} ms "
        f"(most {max(from_settling):.1f}) after settling began"
    )
    assert statistics.median(from_engine) < 500


async def test_two_workers_share_tasks_and_neither_begins_the_others(
    machines: Machines, say: Callable[[str], None]
) -> None:
    def submitted(number: int) -> str:
        url = f"{machines.servers[number % 2].url}/v1/images/generations"
        headers = {"authorization": f"Bearer {machines.keys[number % 3]}", "prefer": "respond-async"}
        with requests.post(url, json=ASKED, headers=headers, timeout=30) as answer:
            assert answer.status_code == 202, answer.text
            return str(answer.json()["task_id"])

    made = [await asyncio.to_thread(submitted, number) for number in range(40)]
    await books.until_at_rest(machines.house.database, seconds=60)

    async with machines.house.database.statement() as tx:
        rows = await tx.rows("SELECT status, begun FROM tasks WHERE id = ANY($1::uuid[])", made)
    nodes = await books.performers(machines.house.database)
    say(f"two workers share {len(made)} tasks: {sorted(nodes.values())}")
    assert [(row["status"], row["begun"]) for row in rows] == [("succeeded", 1)] * 40
    assert len(nodes) == 2
    found = await books.examine(machines.house.database, machines.house.storage, promises=[], delivered={})
    assert found.wrong == []


@contextmanager
def watched(node: Node, *, task_id: str, headers: dict[str, str]) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The task's events as that server tells them, from now on; when the block ends, the stream has ended too."""
    events: list[tuple[str, dict[str, Any]]] = []
    opened = threading.Event()

    def listen() -> None:
        url = f"{node.url}/v1/images/tasks/{task_id}/events"
        with requests.get(url, headers=headers, stream=True, timeout=30) as answer:
            name = ""
            for line in answer.iter_lines(decode_unicode=True):
                what, _, value = str(line).partition(": ")
                if what == "event":
                    name = value
                elif what == "data":
                    events.append((name, json.loads(value)))
                    opened.set()

    thread = threading.Thread(target=listen)
    thread.start()
    assert opened.wait(10), "there were no events"
    try:
        yield events
    finally:
        thread.join(30)
        assert not thread.is_alive()


async def test_events_and_cancels_cross_nodes(machines: Machines, say: Callable[[str], None]) -> None:
    one, two = machines.servers

    def asked(n: int) -> str:
        headers = machines.headers | {"prefer": "respond-async"}
        with requests.post(
            f"{one.url}/v1/images/generations", json=ASKED | {"n": n}, headers=headers, timeout=30
        ) as answer:
            return str(answer.json()["task_id"])

    def finished() -> list[tuple[str, dict[str, Any]]]:
        with watched(two, task_id=asked(2), headers=machines.headers) as events:
            pass
        return events

    def cancelled() -> tuple[list[tuple[str, dict[str, Any]]], float]:
        task_id = asked(10)  # five seconds, if nobody stops it
        with watched(two, task_id=task_id, headers=machines.headers) as events:
            while not any(name == "progress" for name, _ in events):
                time.sleep(0.01)
            began = time.monotonic()
            url = f"{two.url}/v1/images/tasks/{task_id}/cancel"
            with requests.post(url, headers=machines.headers, timeout=30) as answer:
                seconds = time.monotonic() - began
                assert answer.status_code == 200, answer.text
                assert answer.json()["status"] == "cancelled", answer.text
        return events, seconds

    events = await asyncio.to_thread(finished)
    assert events[-1][0] == "end"
    assert events[-1][1]["status"] == "succeeded"
    assert "progress" in {name for name, _ in events}

    events, seconds = await asyncio.to_thread(cancelled)
    assert events[-1][0] == "end"
    assert events[-1][1]["status"] == "cancelled"
    say(f"a cancel at one server stopped a worker elsewhere within {1000 * seconds:.0f} ms")
    await books.until_at_rest(machines.house.database, seconds=30)
    found = await books.examine(machines.house.database, machines.house.storage, promises=[], delivered={})
    assert found.wrong == []


async def test_a_worker_is_killed_and_a_server_while_all_are_busy(
    machines: Machines, seed: int, say: Callable[[str], None]
) -> None:
    with Receiver().open() as receiver:
        load = callers([node.url for node in machines.servers], machines.keys, receiver=receiver, seed=seed)
        with load.running():
            await asyncio.sleep(2)
            machines.workers[0].kill()
            await asyncio.sleep(2)
            machines.servers[0].kill()
            await asyncio.sleep(1)
            machines.workers[0].start()
            machines.servers[0].start()
            await asyncio.sleep(2)
        found = await reckon(machines.house, load=load, heard=receiver.delivered)
    nodes = await books.performers(machines.house.database)
    say(f"a worker and a server killed: {found}; performed by node {sorted(nodes.values())}")
    assert found.wrong == []
    assert found.accepted > 20
    assert len(nodes) >= 2, "one worker did it all"
    for node in (*machines.servers, *machines.workers):
        node.wait_until_up()
