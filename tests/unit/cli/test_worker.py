from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from limner.cli.parts.listening import listen
from limner.cli.parts.reach import calls_itself, reach_of
from limner.config import Outbound, Server, Settings
from support.console import Console

HOLD = """
import sys
from pathlib import Path
from limner.cli.parts.lock import only_server
with only_server(Path(sys.argv[1]), url=sys.argv[2], calls_itself=bool(sys.argv[3])):
    print("holding", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--engines", "dalle"), "there is no engine dalle; there is fake, illustrator"),
        (("--engines", ""), "does not name engines: give some with commas between them, or none"),
        (("--concurrent", "0"), "worker.concurrent (from command line)"),
    ],
)
def test_a_wrong_call_is_one_line_and_2(console: Console, options: tuple[str, ...], words: str) -> None:
    said = console.limner("worker", *options)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert words in said.err


def test_a_worker_makes_nothing_where_nothing_is(console: Console) -> None:
    folder = console.config.parent / "elsewhere"
    console.config.write_text(f'data_dir = "{folder}"\n', encoding="utf-8")
    said = console.limner("worker")
    assert said.code == 1
    assert said.err.startswith("limner: nothing is kept in ")
    assert not folder.exists()


def test_a_port_in_use_names_the_workers_setting(console: Console) -> None:
    with listen(host="127.0.0.1", port=0) as listener:
        port = listener.getsockname()[1]
        console.config.write_text(f"[worker]\nport = {port}\n", encoding="utf-8")
        said = console.limner("worker")
    assert said.code == 1
    assert said.err == (
        f"limner: port {port} on 127.0.0.1 is in use: stop what listens there, "
        "or choose another with LIMNER_WORKER__PORT\n"
    )


def test_links_lead_to_the_server_that_is_known(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, server=Server(port=8123))
    reach = reach_of(settings)
    assert (reach.url, reach.is_guessed) == ("http://127.0.0.1:8123", True)
    public = settings.model_copy(update={"server": Server(public_url="https://pictures.example/")})
    assert reach_of(public).url == "https://pictures.example"
    assert not reach_of(public).is_guessed
    six = settings.model_copy(update={"server": Server(host="::1", port=8123)})
    assert reach_of(six).url == "http://[::1]:8123"


def test_a_worker_calls_this_machine_only_if_it_is_told_or_its_server_may(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert not calls_itself(settings)
    assert calls_itself(settings.model_copy(update={"outbound": Outbound(loopback=True)}))
    for may in (True, False):
        with _another_server(tmp_path, calls_itself=may) as url:
            assert calls_itself(settings) is may
            assert not calls_itself(settings.model_copy(update={"outbound": Outbound(loopback=False)}))
            assert reach_of(settings).url == url
            assert not reach_of(settings).is_guessed


@contextmanager
def _another_server(folder: Path, *, calls_itself: bool) -> Iterator[str]:
    """A process that has the folder: a lock is nothing to the process that has it."""
    url = "http://127.0.0.1:8999"
    command = [sys.executable, "-c", HOLD, str(folder), url, "yes" * calls_itself]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "holding\n"
        yield url
        server.kill()
