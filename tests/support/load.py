"""Callers who ask for pictures without a pause and remember what they were promised, and whom their callbacks reach.

Both live in the test's own process, which outlives every node.
"""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal, TypeAlias
from uuid import uuid4

import requests
from typing_extensions import override

Answer: TypeAlias = Literal["well", "500", "reset", "hang", "late"]
Behave: TypeAlias = Callable[[str, int], Answer]

_RESET: Final = struct.pack("ii", 1, 0)
_THREADS: Final = 6


class Receiver:
    """Where callbacks arrive. `behave`: what the n-th attempt (from 1) for a task gets for an answer.

    `late_seconds`: how late an answer is that comes late. `delivered`: what the callbacks that were answered well, and
    in time, said of their tasks: whether they succeeded, one after the other.
    """

    def __init__(self, *, behave: Behave = lambda _task, _n: "well", late_seconds: float = 3.0) -> None:
        self.delivered: dict[str, list[bool]] = defaultdict(list)
        self.attempts: dict[str, int] = defaultdict(int)
        self.behave = behave
        self._late_seconds = late_seconds
        self._over = threading.Event()
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 20

            def do_POST(self) -> None:
                receiver._receive(self)

            @override
            def log_message(self, format: str, *args: Any) -> None:
                """Nobody reads it."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/done"

    @contextmanager
    def open(self) -> Iterator[Receiver]:
        thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.05))
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _receive(self, handler: BaseHTTPRequestHandler) -> None:
        try:
            body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
            assert handler.headers["webhook-signature"].startswith("v1,")
            task_id = str(body["task_id"])
            with self._lock:
                self.attempts[task_id] += 1
                number = self.attempts[task_id]
            how = self.behave(task_id, number)
            if how == "reset":
                handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                return
            if how in {"hang", "late"}:
                self._over.wait(self._late_seconds)
            if how == "hang":
                return
            if how == "well":
                with self._lock:
                    self.delivered[task_id].append(bool(body["success"]))
            handler.send_response(500 if how == "500" else 204)
            handler.end_headers()
        except OSError:
            return  # whoever called has been killed, or waits no longer


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # all are waited for at the end
    request_queue_size = 256

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that was killed."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a caller was told: a task's id (`answered` False), or its pictures."""

    task_id: str
    answered: bool
    has_callback: bool


@dataclass(slots=True)
class Load:
    """Callers of several accounts at several servers. `promises`: all that they were told; `refused`: answers that were none."""

    urls: Sequence[str]
    keys: Sequence[str]
    callback_url: str | None
    per_second: float
    seed: int
    sync_share: float = 0.3
    promises: list[Promise] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        """While the block runs; at its end, until the last one is answered."""
        threads = [threading.Thread(target=self._call, args=(number,)) for number in range(_THREADS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _call(self, number: int) -> None:
        dice = random.Random(self.seed * 1000 + number)
        with requests.Session() as session:
            while not self._over.wait(dice.expovariate(self.per_second / _THREADS)):
                is_sync = dice.random() < self.sync_share
                has_callback = not is_sync and self.callback_url is not None and dice.random() < 0.75
                body: dict[str, Any] = {
                    "model": "dall-e-2",
                    "prompt": "A cute baby sea otter",
                    "size": "256x256",
                    "n": dice.choice((1, 1, 2)),
                }
                if has_callback:
                    body["callback_url"] = self.callback_url
                elif not is_sync:
                    body["async"] = True
                headers = {"authorization": f"Bearer {dice.choice(self.keys)}"}
                again = dice.random() < 0.5
                if again:  # asks until there is an answer, and must get one task for it
                    headers["idempotency-key"] = str(uuid4())
                told = self._ask(session, dice, body, headers, tries=20 if again else 1)
                if told is not None:
                    self.promises.append(Promise(told, answered=is_sync, has_callback=has_callback))

    def _ask(
        self,
        session: requests.Session,
        dice: random.Random,
        body: dict[str, Any],
        headers: dict[str, str],
        *,
        tries: int,
    ) -> str | None:
        for _ in range(tries):
            try:
                with session.post(
                    f"{dice.choice(self.urls)}/openai/images/generations", json=body, headers=headers, timeout=30
                ) as answer:
                    if answer.status_code == 200:
                        return str(answer.json()["task_id"])
                    self.refused[f"{answer.status_code} {answer.json()['error']['code']}"] += 1
                    if answer.status_code != 503:
                        return None  # an answer for good: asked again with the same key, it would be the same
            except requests.RequestException as error:
                self.refused[type(error).__name__] += 1
            time.sleep(0.3)
        return None
