"""`limner inbox` beside a server: a callback as it is really sent, seen as it arrives."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import requests

from support.server import Server, start

SECONDS = 60


@contextmanager
def inbox(server: Server, database_url: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command, until the block ends."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")}
    environ = {"LIMNER_DATA_DIR": str(server.data_dir), "LIMNER_DATABASE__URL": database_url, **kept}
    process = subprocess.Popen(
        [sys.executable, "-m", "limner", "inbox", *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(stream: Iterator[str], pattern: str) -> re.Match[str]:
    """The first line in which it is found."""
    seen = []
    for line in stream:
        seen.append(line)
        if found := re.search(pattern, line):
            return found
    raise AssertionError("".join(seen))


def ask(server: Server, **body: str) -> str:
    answer = requests.post(
        f"{server.url}/openai/images/generations",
        json={"model": "dall-e-3", "prompt": "A cute baby sea otter", **body},
        headers={"authorization": f"Bearer {server.owner_key}"},
        timeout=SECONDS,
    )
    task_id: str = answer.json()["task_id"]
    return task_id


def test_a_callback_is_seen_to_be_valid_as_it_arrives(server: Server, fresh_database_url: str) -> None:
    with inbox(server, fresh_database_url) as process:
        assert process.stdout is not None
        url = until(process.stdout, rf"{server.url}/inbox/\w+")[0]
        until(process.stdout, "Ctrl-C")
        task_id = ask(server, callback_url=url, callback_secret="hush")

        until(process.stdout, r"^── 1 ── ")
        assert until(process.stdout, r"^Signature +(\w+)")[1] == "valid"
        assert until(process.stdout, r"x-callback-signature (\w+)")[1] == "valid"
        assert until(process.stdout, r"^Task +(\S+)")[1] == task_id
        until(process.stdout, r'^ +"url": "http')

        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, errors) == (0, "")
    assert rest.rstrip().splitlines()[-1].startswith("The inbox stays until ")


def test_a_program_can_wait_for_one_callback(server: Server, fresh_database_url: str) -> None:
    with inbox(server, fresh_database_url, "--json", "--once") as process:
        assert process.stderr is not None
        url = until(process.stderr, rf"{server.url}/inbox/\w+")[0]
        task_id = ask(server, callback_url=f"{url}/done")

        out, _ = process.communicate(timeout=SECONDS)
    request = json.loads(out)
    assert process.returncode == 0
    assert request["signature"] == {"valid": True, "standard": "valid", "callback": "unsigned"}
    assert (request["path"], request["task_id"]) == ("/done", task_id)
    assert json.loads(request["body"])["success"] is True
    assert url.rpartition("/")[2] not in server.log.read_text()


def test_a_server_that_stops_does_not_wait_for_whoever_watches(
    tmp_path: Path, new_database: Callable[[], AbstractContextManager[str]]
) -> None:
    with new_database() as database_url:
        stopped_while_watched(tmp_path, database_url)


def stopped_while_watched(tmp_path: Path, database_url: str) -> None:
    own = start(tmp_path / "data", database_url=database_url, environ={"LIMNER_SERVER__STOP_SECONDS": "600"})
    headers = {"authorization": f"Bearer {own.owner_key}"}
    inbox = requests.post(f"{own.url}/v1/inboxes", headers=headers, timeout=SECONDS).json()
    events = f"{own.url}/v1/inboxes/{inbox['token']}/events"
    with requests.get(events, headers=headers, stream=True, timeout=SECONDS) as watching:
        heard = watching.iter_lines()
        assert next(heard).startswith(b": ")

        assert own.stop() == 0

        assert list(heard) == [b""]
