"""Nodes in processes of their own, and what befalls them: killed at random moments, started again at once."""

from __future__ import annotations

import http.client
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from support.ports import free_port

_STARTING_SECONDS: Final = 60
_STOPPING_SECONDS: Final = 30
_RETRY_SECONDS: Final = [0.3, 0.3, 0.5, 0.5, *[1.0] * 120]  # nothing is ever given up
_COMMON: Final = {
    "LIMNER_CATALOG__ENGINE": "fake",
    "LIMNER_CREDITS__OWNER_START": "1000000",
    "LIMNER_LIMITS__REQUESTS_PER_MINUTE": "1000000",
    "LIMNER_LIMITS__CONCURRENT": "1000",
    "LIMNER_OUTBOUND__LOOPBACK": "true",
    "LIMNER_QUEUE__ATTEMPTS_MAX": "100",
    "LIMNER_QUEUE__LEASE_SECONDS": "2",
    "LIMNER_SERVER__STOP_SECONDS": "10",
    "LIMNER_WEBHOOKS__RETRY_SECONDS": str(_RETRY_SECONDS),
    "LIMNER_WEBHOOKS__TIMEOUT_SECONDS": "2",
}


class Node:
    """`limner serve` or `limner worker`, at the same port from start to start; what it says is in `log`."""

    def __init__(self, folder: Path, *, command: Literal["serve", "worker"], environ: Mapping[str, str]) -> None:
        self.folder, self.command, self.port = folder, command, free_port()
        self.log = folder.parent / f"{folder.name}-{command}.log"
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")}
        self._environ |= _COMMON | {
            "LIMNER_DATA_DIR": str(folder),
            "LIMNER_SERVER__PORT": str(self.port),
            **({"LIMNER_WORKER__PORT": str(self.port)} if command == "worker" else {}),
            **environ,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and do not wait for it."""
        assert self._process is None, "it runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "limner", self.command],
                env=self._environ,
                cwd=self.folder.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def is_up(self) -> bool:
        """Whether it says that it can do its work."""
        assert self._process is not None
        assert self._process.poll() is None, f"the {self.command} ended by itself: {self.last_words()}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + _STARTING_SECONDS
        while not self.is_up():
            assert time.monotonic() < deadline, f"the {self.command} does not get ready: {self.last_words()}"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as Ctrl-C would."""
        code = self._end(signal.SIGTERM)
        assert code == 0, f"the {self.command} ended with {code}: {self.last_words()}"

    def make_sure_of_its_end(self) -> None:
        if self._process is not None:
            self.kill()

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def _end(self, how: signal.Signals) -> int:
        assert self._process is not None, "it does not run"
        self._process.send_signal(how)
        try:
            return self._process.wait(_STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOPPING_SECONDS)
            raise
        finally:
            self._process = None


@contextmanager
def running(*nodes: Node) -> Iterator[None]:
    """All of them; the first makes the database before the others start. At the end of the block they are stopped."""
    try:
        for some in (nodes[:1], nodes[1:]):
            for node in some:
                node.start()
            for node in some:
                node.wait_until_up()
        yield
        for node in nodes:
            node.stop()
    finally:
        for node in nodes:
            node.make_sure_of_its_end()


def kill_at_random(nodes: Sequence[Node], *, times: int, seed: int, pause_max: float = 1.0) -> None:
    """Kill nodes so many times, now and then two at once, also such as are only just starting; all are up at the end."""
    dice = random.Random(seed)
    killed = 0
    while killed < times:
        time.sleep(dice.uniform(0.02, pause_max))
        count = 2 if dice.random() < 0.15 and times - killed > 1 else 1
        victims = dice.sample(list(nodes), k=min(count, len(nodes)))
        if dice.random() < 0.85:
            for node in victims:
                node.wait_until_up()
        for node in victims:
            node.kill()
        for node in victims:
            node.start()
        killed += len(victims)
    for node in nodes:
        node.wait_until_up()
