"""The embedded PostgreSQL as a server and commands beside it have it: it dies, and is stopped by whoever leaves last."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from support.server import Server, start

SECONDS = 30


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server with a database of its own in its data folder."""
    server = start(tmp_path / "data", database_url="")
    yield server
    if server.process.poll() is None:
        server.stop()


def postmaster(server: Server) -> Path:
    return server.data_dir / "postgres" / "postmaster.pid"


def painted(server: Server) -> int:
    return requests.post(
        f"{server.url}/v1/images/generations",
        json={"prompt": "A cute baby sea otter", "size": "256x256"},
        headers={"authorization": f"Bearer {server.owner_key}"},
        timeout=30,
    ).status_code


def test_a_database_that_dies_is_started_again(own: Server) -> None:
    assert painted(own) == 200
    os.kill(int(postmaster(own).read_text().split()[0]), signal.SIGKILL)

    deadline = time.monotonic() + SECONDS
    while (status := painted(own)) != 200:
        assert status == 503
        assert time.monotonic() < deadline
    assert own.stop() == 0


def test_whoever_was_killed_does_not_keep_the_database_running(own: Server) -> None:
    beside = subprocess.Popen(
        [sys.executable, "-m", "limner", "--data-dir", str(own.data_dir), "inbox"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "LIMNER_CATALOG__ENGINE": "fake"},
    )
    assert beside.stdout is not None
    assert any("/inbox/" in line for line in beside.stdout)
    beside.kill()
    beside.wait(10)
    beside.stdout.close()

    assert own.stop() == 0

    assert not postmaster(own).exists()
