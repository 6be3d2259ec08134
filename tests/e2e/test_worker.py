"""A server that performs nothing itself, and workers that do it for it: real processes on one database."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.server import Server, Worker, run, start, start_worker

SLOW = '{"fake": {"seconds": 60}}'
_DEADLINE_SECONDS = 30


@dataclass
class Place:
    """A server without hands, and what its workers are started with."""

    server: Server
    database_url: str

    @contextmanager
    def worker(self, *options: str, **environ: str) -> Iterator[Worker]:
        """A worker, killed at the end if it has not ended by then."""
        worker = start_worker(
            self.server.data_dir, database_url=self.database_url, options=options, environ=dict(environ)
        )
        try:
            yield worker
        finally:
            if worker.process.poll() is None:
                worker.kill()

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        """A request of the owner's, answered."""
        request = urllib.request.Request(
            self.server.url + path,
            json.dumps(body).encode() if body else None,
            {"Authorization": f"Bearer {self.server.owner_key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=_DEADLINE_SECONDS) as answer:
            told: dict[str, Any] = json.loads(answer.read())
            return told

    def submit(self, prompt: str) -> str:
        """An asynchronous task; its id."""
        body = {"model": "dall-e-2", "prompt": prompt, "async": True}
        return str(self.ask("/openai/images/generations", **body)["task_id"])

    def until(self, task_id: str, status: str) -> dict[str, Any]:
        """The task's record when it has come to that."""
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while (record := self.shown(task_id))["status"] != status:
            assert time.monotonic() < deadline, f"it is {record['status']}"
        return record

    def shown(self, task_id: str) -> dict[str, Any]:
        """What `limner tasks show` says."""
        done = run(self.server.data_dir, "tasks", "show", task_id, "--json", database_url=self.database_url)
        assert done.returncode == 0, done.stderr
        record: dict[str, Any] = json.loads(done.stdout)
        return record


@pytest.fixture
def place(new_database: Callable[[], AbstractContextManager[str]], tmp_path: Path) -> Iterator[Place]:
    with new_database() as url:
        server = start(tmp_path / "data", database_url=url, options=("--engines", "none"))
        yield Place(server, url)
        assert server.stop() == 0, server.log.read_text()[-2000:]


def test_a_worker_performs_what_a_server_was_asked_for(place: Place) -> None:
    with place.worker("--engines", "fake", "--concurrent", "2") as worker:
        assert "fake, 2 at once" in worker.banner
        assert f"begin with {place.server.url}" in worker.banner
        assert "Note" not in worker.banner

        answer = place.ask("/v1/images/generations", model="dall-e-3", prompt="An otter")
        with urllib.request.urlopen(answer["data"][0]["url"], timeout=_DEADLINE_SECONDS) as picture:
            assert picture.read().startswith(b"\x89PNG")
        assert place.until(place.submit("Another otter"), "succeeded")["begun"] == 1

        assert worker.stop() == 0
        assert "task.finished" in worker.log.read_text()
        assert "task.finished" not in place.server.log.read_text()


def test_a_task_under_way_goes_back_and_to_the_next_worker(place: Place) -> None:
    with place.worker(LIMNER_ENGINES=SLOW, LIMNER_SERVER__STOP_SECONDS="1") as slow:
        task_id = place.submit("A slow otter")
        place.until(task_id, "running")
        assert slow.stop() == 0
    record = place.shown(task_id)
    assert (record["status"], record["begun"]) == ("queued", 0)
    with place.worker():
        assert place.until(task_id, "succeeded")["begun"] == 1


def test_a_second_signal_does_not_wait(place: Place) -> None:
    with place.worker(LIMNER_ENGINES=SLOW, LIMNER_SERVER__STOP_SECONDS="3600") as slow:
        task_id = place.submit("A slow otter")
        place.until(task_id, "running")
        slow.process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while "worker.stopping" not in slow.log.read_text():
            assert time.monotonic() < deadline
        slow.process.send_signal(signal.SIGINT)
        assert slow.wait() == 0
    assert place.shown(task_id)["status"] == "queued"
