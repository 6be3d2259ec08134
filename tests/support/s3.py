"""A server that speaks S3 over real HTTP, in a process of its own: moto's."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

# Ends with whoever started it, even if that is killed: then its standard input ends.
_PROGRAM: Final = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
_STOPPING_SECONDS: Final = 20
_PAGE: Final = 50  # keys that a listing gives at once; Amazon gives 1000

CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "limner", "AWS_SECRET_ACCESS_KEY": "of-no-worth"}


@dataclass
class S3Server:
    """One running server. Buckets stay until it stops."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        """What a process that uses a bucket here needs in its environment."""
        return dict(CREDENTIALS)

    def address(self, bucket: str, folder: str = "", **options: str) -> str:
        """What `storage.url` says to keep pictures here."""
        query = urlencode({"endpoint": self.endpoint, "region": "us-east-1", "allow_http": "true", **options})
        return f"s3://{bucket}/{quote(folder)}?{query}"

    def make_bucket(self, bucket: str) -> None:
        """Make a bucket; if it is there already, it stays as it is."""
        self.ask("PUT", f"/{bucket}")

    def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Ask the server itself, without signing; its answer, which must be a good one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body=body)
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        assert answer.status < 300, f"{method} {path}: {answer.status} {said.decode()}"
        return said

    @contextmanager
    def looking_at_credentials(self) -> Iterator[None]:
        """Refuse whoever may not; else anybody may do anything."""
        self.ask("POST", "/moto-api/reset-auth", b"0")
        try:
            yield
        finally:
            self.ask("POST", "/moto-api/reset-auth", b"inf")

    def stop(self) -> None:
        """End it, and forget all that it kept."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(_STOPPING_SECONDS)
        self.process.stdout.close()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.stop()


def start(*, environ: dict[str, str] | None = None) -> S3Server:
    """Start a server on a free port; it accepts connections at once."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _PROGRAM],
        env=variables | {"MOTO_S3_DEFAULT_MAX_KEYS": str(_PAGE)} | (environ or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    port = process.stdout.readline()
    assert port, "moto did not start: `python -m moto.server` says why"
    return S3Server(process=process, port=int(port))
