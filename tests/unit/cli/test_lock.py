from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from limner.cli.parts.lock import holder_of, only_server
from limner.cli.parts.trouble import Trouble

URL = "http://127.0.0.1:8000"
HOLD = """
import sys
from pathlib import Path
from limner.cli.parts.lock import only_server
with only_server(Path(sys.argv[1]), url=sys.argv[2]):
    print("holding", flush=True)
    sys.stdin.read()
"""


@contextmanager
def _another_server(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(folder), URL]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "holding\n"
        yield server
        server.kill()


def test_a_second_server_is_told_about_the_first(tmp_path: Path) -> None:
    with _another_server(tmp_path) as first:
        told = rf"another limner \(pid {first.pid}\) serves the folder .* at {URL}"
        with pytest.raises(Trouble, match=told), only_server(tmp_path, url="http://127.0.0.1:9"):
            pass
        holder = holder_of(tmp_path)
        assert holder is not None
        assert (holder.pid, holder.url) == (first.pid, URL)


def test_a_killed_server_holds_nothing(tmp_path: Path) -> None:
    with _another_server(tmp_path) as first:
        first.kill()
        first.wait()
        assert holder_of(tmp_path) is None
        with only_server(tmp_path, url=URL):
            pass


def test_a_folder_that_nobody_serves(tmp_path: Path) -> None:
    assert holder_of(tmp_path) is None
