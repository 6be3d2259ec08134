"""Somebody who is called back: a real server on a port of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What was sent; the headers' names in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """What has come, in order."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.box: queue.Queue[Posted] = queue.Queue()

    def posted(self, *, seconds: float) -> Posted:
        """The next that comes, within so many seconds."""
        return self.box.get(timeout=seconds)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver that takes everything, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()
            found.box.put(Posted(path=self.path, headers=headers, body=body))

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
