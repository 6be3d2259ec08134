"""Somebody on this machine who is told things over HTTP: a callback's receiver, a collector of traces."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What was sent; the headers' names in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Ear:
    """Takes every POST and answers it with `status`."""

    url: str
    status: int = 200
    heard: queue.Queue[Posted] = field(default_factory=queue.Queue)

    def posted(self, *, seconds: float) -> Posted:
        """The next that comes, within so many seconds."""
        return self.heard.get(timeout=seconds)

    def next(self) -> bytes:
        """The next body, now or soon."""
        return self.posted(seconds=10).body

    def all(self) -> list[bytes]:
        """Every body that has come since."""
        bodies = []
        while not self.heard.empty():
            bodies.append(self.heard.get().body)
        return bodies


@contextmanager
def listening(*, path: str = "/", status: int = 200) -> Iterator[Ear]:
    """An ear at a free port, for as long as the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            # Before the answer: whoever has been answered has been heard.
            ear.heard.put(Posted(path=self.path, headers=headers, body=body))
            self.send_response(ear.status)
            self.send_header("content-length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Silence."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        ear = Ear(url=f"http://127.0.0.1:{server.server_port}{path}", status=status)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield ear
        finally:
            server.shutdown()
            thread.join()
