"""How quick asynchronous tasks are: accepted, begun, performed, delivered; with many waiting, and with a dead receiver.

`python benchmarks/tasks.py` starts `limner serve` (and `limner worker`) on loopback with a data folder of its own, a
receiver in a process of its own, and prints a table. The engine is the fake one: what is measured is everything else.
Server, PostgreSQL, receiver and load share the machine. Results are also written as JSON with --json FILE.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import aiohttp
from serve import Row, Server, free_port, server

from limner.db import Database
from limner.db.embedded import open_embedded

OPEN_LIMITS = {
    "LIMNER_CATALOG__ENGINE": "fake",
    "LIMNER_LIMITS__REQUESTS_PER_MINUTE": "100000000",
    "LIMNER_LIMITS__CONCURRENT": "1000",
    "LIMNER_QUEUE__ACCOUNT_WAITING_MAX": "1000000",
    "LIMNER_LOG__LEVEL": "warning",
    "LIMNER_OUTBOUND__LOOPBACK": "true",
}
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


# receivers ---------------------------------------------------------------------------------------------------------------


class _Receiving(asyncio.Protocol):
    """Reads requests and answers them; or reads them and says nothing."""

    def __init__(self, count: Synchronized[int], *, hangs: bool) -> None:
        self._count, self._hangs, self._read = count, hangs, b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self._read) < end + 4 + length:
                return
            self._read = self._read[end + 4 + length :]
            self._count.value += 1
            if not self._hangs:
                self._transport.write(ANSWER)


def _receive(port: int, count: Synchronized[int], *, hangs: bool) -> None:
    async def serve_for_ever() -> None:
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(lambda: _Receiving(count, hangs=hangs), "127.0.0.1", port)
        await listening.serve_forever()

    asyncio.run(serve_for_ever())


@contextmanager
def receiver(*, hangs: bool = False) -> Iterator[tuple[str, Synchronized[int]]]:
    """A receiver in a process of its own: its address, and how many requests it has had."""
    port, count = free_port(), multiprocessing.Value("i", 0)
    process = multiprocessing.Process(target=_receive, args=(port, count), kwargs={"hangs": hangs}, daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{port}/hook", count
    finally:
        process.terminate()
        process.join()


# load --------------------------------------------------------------------------------------------------------------------


async def accepted(
    target: Server, *, requests: int, connections: int, per_second: float | None, callback_url: str | None
) -> list[float]:
    """Milliseconds from request to `task_id`, for each; paced, or as quickly as the connections allow."""
    body = {"model": "dall-e-3", "prompt": "A cute baby sea otter", "async": True}
    body |= {"callback_url": callback_url} if callback_url else {}
    headers = {"authorization": f"Bearer {target.key}"}
    taken: list[float] = []
    numbers = iter(range(requests))
    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections), headers=headers) as session:

        async def caller() -> None:
            for number in numbers:
                due = began + number / per_second if per_second else 0
                wait = due - time.perf_counter()
                if wait > 0:
                    await asyncio.sleep(wait)
                started = time.perf_counter()
                async with session.post(target.url, json=body) as answer:
                    await answer.read()
                    if answer.status != 202:
                        sys.exit(f"a task was refused: {answer.status} {await answer.text()}")
                taken.append((time.perf_counter() - started) * 1e3)

        await asyncio.gather(*(caller() for _ in range(connections)))
    return taken


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def asked(folder: Path, sql: str, *arguments: object) -> list[Any]:
    """What the server's database says."""

    async def ask() -> list[Any]:
        database = await Database.open(await open_embedded(folder / "postgres"), connections_max=2)
        async with database.statement() as tx:
            rows = [tuple(row) for row in await tx.rows(sql, *arguments)]
        await database.close()
        return rows

    return asyncio.run(ask())


def until(count: Synchronized[int], number: int, *, seconds: float) -> float:
    """The moment at which so many had come."""
    deadline = time.perf_counter() + seconds
    while count.value < number:
        if time.perf_counter() > deadline:
            sys.exit(f"{number} callbacks were expected, and {count.value} came")
        time.sleep(0.002)
    return time.perf_counter()


# figures -----------------------------------------------------------------------------------------------------------------


def accepting(work: Path) -> list[Row]:
    """Request to `task_id`, while a slow engine works on what was accepted; and as many as can be."""
    folder = work / "accepting" / "data"
    folder.parent.mkdir()
    engines = json.dumps({"fake": {"seconds": 2}})
    with server(folder, **OPEN_LIMITS, LIMNER_ENGINES=engines) as target:
        asyncio.run(accepted(target, requests=1000, connections=16, per_second=None, callback_url=None))
        paced = [
            asyncio.run(accepted(target, requests=2500, connections=16, per_second=500, callback_url=None))
            for _ in range(3)
        ]
        started = time.perf_counter()
        crowded = asyncio.run(accepted(target, requests=4000, connections=16, per_second=None, callback_url=None))
        seconds = time.perf_counter() - started
    middle = sorted(paced, key=lambda run: percentile(run, 0.5))[1]
    return [
        Row(
            "accept a task, 16 connections at 500/s",
            "p50/p99 <= 8/40 ms",
            f"p50 {percentile(middle, 0.5):.1f} ms, p99 {percentile(middle, 0.99):.1f} ms",
        ),
        Row(
            "accept tasks, 16 connections, as many as can be",
            ">= 500/s",
            f"{len(crowded) / seconds:.0f}/s, p50 {percentile(crowded, 0.5):.1f} ms, p99 {percentile(crowded, 0.99):.1f} ms",
        ),
    ]


def beginning(work: Path) -> list[Row]:
    """Accept to engine start, when nothing else is to be done."""
    folder = work / "beginning" / "data"
    folder.parent.mkdir()
    with server(folder, **OPEN_LIMITS) as target:
        asyncio.run(accepted(target, requests=200, connections=1, per_second=10, callback_url=None))
        time.sleep(1)
        sql = "SELECT extract(epoch FROM started_at - created_at)::float8 * 1000 FROM tasks WHERE is_async"
        waits = [row[0] for row in asked(folder, sql)]
    return [
        Row(
            "idle queue: accept to engine start",
            "p50 <= 15 ms",
            f"p50 {percentile(waits, 0.5):.1f} ms, p99 {percentile(waits, 0.99):.1f} ms",
        )
    ]


@contextmanager
def front(folder: Path, **environ: str) -> Iterator[Server]:
    """A server that accepts and performs nothing."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "limner", "serve", "--port", str(port)],
        env={**os.environ, "LIMNER_DATA_DIR": str(folder), "LIMNER_WORKER__ENGINES": "[]", **environ},
        stdout=subprocess.DEVNULL,
        stderr=(folder.parent / "log").open("ab"),
    )
    try:
        deadline = time.monotonic() + 60
        while not (folder / "owner.key").exists() or not healthy(port):
            if time.monotonic() > deadline:
                sys.exit(f"the server did not answer; its log is {folder.parent / 'log'}")
            time.sleep(0.05)
        key = (folder / "owner.key").read_text().strip()
        yield Server(process, f"http://127.0.0.1:{port}/v1/images/generations", key, folder, 0)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def healthy(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
    except OSError:
        return False
    return True


@contextmanager
def worker(folder: Path, **environ: str) -> Iterator[None]:
    """One more process, which only performs and delivers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "limner", "worker"],
        env={**os.environ, "LIMNER_DATA_DIR": str(folder), **environ},
        stdout=subprocess.DEVNULL,
        stderr=(folder.parent / "worker.log").open("ab"),
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def drained(folder: Path, *, tasks: int) -> float:
    """Tasks a second that one process performs, settles and delivers on its own, from its first delivery to its last."""
    with receiver() as (url, count):
        with front(folder, **OPEN_LIMITS) as target:
            asyncio.run(accepted(target, requests=tasks, connections=16, per_second=None, callback_url=url))
        with worker(folder, **OPEN_LIMITS):
            first = until(count, 100, seconds=60)
            last = until(count, tasks, seconds=300)
    return (tasks - 100) / (last - first)


# As `flow` would have written them, a hundred accounts with two thousand each.
CROWD = """
SELECT count(*) FROM (
    SELECT tasks_open(id, account, key, 'trace', 'images_generations', '/v1', 'dall-e-3', 'nobody', '{"prompt": "x"}', '{}',
            true, 0, 0, true, true, 0::smallint, NULL, NULL, NULL, now()),
        jobs_submit('paint:nobody', id, 0::smallint, account, 8, 1000000)
    FROM (
        SELECT gen_random_uuid() AS id, md5((number % 100)::text)::uuid AS account, gen_random_uuid() AS key
        FROM generate_series($1::int, $2::int) AS number
    ) AS wanted
) AS made
"""


def draining(work: Path, *, waiting: int) -> list[Row]:
    """What one worker process gets done, with an empty queue and with a full one."""
    folder = work / "draining" / "data"
    folder.parent.mkdir()
    # Those who wait are for an engine of the worker's, or the queue would pass them by without looking.
    empty = sorted(drained(folder, tasks=2000) for _ in range(3))[1]
    for start in range(0, waiting, 10_000):
        asked(folder, CROWD.replace("nobody", "fake"), start, min(start + 9_999, waiting - 1))
    # Of low priority, so that it is not they who are performed and counted.
    asked(folder, "UPDATE job_places SET priority = -1 WHERE NOT is_released AND kind = 'paint:fake'")
    asked(folder, "UPDATE pgqueuer SET priority = priority - 20000")
    full = sorted(drained(folder, tasks=2000) for _ in range(3))[1]
    left = asked(folder, "SELECT count(*) FROM tasks WHERE status = 'queued'")[0][0]
    return [
        Row("tasks through the queue, settled and delivered, one process", ">= 150/s", f"{empty:.0f}/s"),
        Row(f"the same with {left:,} tasks waiting", "within 20 %", f"{full:.0f}/s ({full / empty - 1:+.0%})"),
    ]


def hanging(work: Path) -> list[Row]:
    """What a receiver that never answers does to the callbacks of the others, beside one that does, under the same load."""
    folder = work / "hanging" / "data"
    folder.parent.mkdir()
    late = {}
    sql = """
        SELECT extract(epoch FROM a.started_at - t.finished_at)::float8 * 1000
        FROM webhook_attempts a JOIN webhook_messages m ON m.id = a.message_id JOIN tasks t ON t.id = m.task_id
        WHERE a.number = 1 AND m.url = $2 AND t.created_at > now() - make_interval(secs => $1)
    """
    with (
        server(folder, **OPEN_LIMITS) as target,
        receiver() as (url, count),
        receiver() as (well, _),
        receiver(hangs=True) as (dead, _),
    ):

        async def both(other: str) -> None:
            await asyncio.gather(
                accepted(target, requests=800, connections=8, per_second=32, callback_url=url),
                accepted(target, requests=200, connections=4, per_second=8, callback_url=other),
            )

        for with_dead in (False, True):
            before, started = count.value, time.time()
            asyncio.run(both(dead if with_dead else well))
            until(count, before + 800, seconds=60)
            time.sleep(0.5)
            late[with_dead] = [row[0] for row in asked(folder, sql, time.time() - started, url)]
    figures = {name: (percentile(found, 0.5), percentile(found, 0.99)) for name, found in late.items()}
    return [
        Row(
            "task's end to its callback's start, p50 / p99",
            "-",
            f"{figures[False][0]:.1f} / {figures[False][1]:.1f} ms",
        ),
        Row(
            "the same with one receiver of two hanging",
            "p99 <= 50 ms more",
            f"{figures[True][0]:.1f} / {figures[True][1]:.1f} ms ({figures[True][1] - figures[False][1]:+.1f} ms)",
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--waiting", type=int, default=200_000, help="how many tasks wait in the full queue")
    parser.add_argument("--only", choices=["accepting", "beginning", "draining", "hanging"])
    chosen = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="limner-bench-") as temporary:
        work = Path(temporary)
        work.chmod(0o755)
        for part in (accepting, beginning, hanging):
            if chosen.only in (None, part.__name__):
                rows += part(work)
        if chosen.only in (None, "draining"):
            rows += draining(work, waiting=chosen.waiting)
    width = max(len(row.figure) for row in rows)
    for row in rows:
        print(f"{row.figure:{width}}  {row.reach:22}  {row.measured}")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
