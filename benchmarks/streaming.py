"""How soon the caller has what the engine shows: `make bench-streaming`.

Starts `limner serve` on loopback with a data folder of its own and the fake engine, which puts into each unfinished
picture the moment at which it yields it, by the system's monotonic clock. The client, in a process of its own on the same
machine, asks for generations with `stream: true`, `partial_images: 1`, and reads that clock when the whole first event is
there: the difference is what the stage, the stream, base64, the server and the client's socket take together.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import orjson
from serve import Row, server

REACH_MS = 10.0
ENGINE_SECONDS = 0.4


class Reading(asyncio.Protocol):
    """Keeps what comes, and when the first event was whole."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._pieces: list[bytes] = []
        self._text = b""
        self.first = b""
        self.at = 0
        self.over: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Keep it."""
        now = time.monotonic_ns()
        self._pieces.append(data)
        # The end of an event is looked for where it can be: its lines are short, but for the one with the picture.
        if not self.at and b"\n\n" in data:
            first = b"".join(self._pieces)
            if b"event: image_generation.partial_image" in first:
                self.first, self.at = first, now

    def connection_lost(self, _error: Exception | None) -> None:
        """All is there."""
        self.over.set_result(b"".join(self._pieces))


async def first_event(host: str, port: int, key: str) -> float:
    """Milliseconds from the engine's yield to the whole first event; the rest of the stream is read, too."""
    body = orjson.dumps(
        {"model": "gpt-image-1", "prompt": "A cute baby sea otter", "stream": True, "partial_images": 1}
    )
    request = (
        b"POST /v1/images/generations HTTP/1.1\r\nhost: limner\r\nconnection: close\r\ncontent-type: application/json\r\n"
        b"authorization: Bearer %s\r\ncontent-length: %d\r\n\r\n%s" % (key.encode(), len(body), body)
    )
    _, reading = await asyncio.get_running_loop().create_connection(lambda: Reading(request), host, port)
    everything = await reading.over
    if not everything.startswith(b"HTTP/1.1 200") or b"image_generation.completed" not in everything:
        sys.exit(f"the stream was refused, or broke off: {everything[:300]!r} ... {everything[-300:]!r}")
    return (reading.at - stamp_of(reading.first)) / 1e6


def stamp_of(came: bytes) -> int:
    """When the engine yielded the picture of the first event. The body comes in chunks, whose lengths stand in between."""
    body = came[came.index(b"\r\n\r\n") + 4 :]
    event = without_lengths(body)
    picture = base64.b64decode(event[event.index(b'"b64_json":"') + 12 : event.index(b'"}\n\n')])
    place = picture.index(b"stMp") + 4
    return int.from_bytes(picture[place : place + 8])


def without_lengths(body: bytes) -> bytes:
    """What is in the chunks; the last one may be there in part."""
    pieces, place = [], 0
    while (end := body.find(b"\r\n", place)) >= 0 and (length := int(body[place:end], 16)):
        pieces.append(body[end + 2 : end + 2 + length])
        place = end + 2 + length + 2
    return b"".join(pieces)


async def streams(url: str, key: str, *, count: int, at_once: int) -> list[float]:
    """So many streams, so many at once."""
    where = urlsplit(url)
    taken: list[float] = []
    numbers = iter(range(count))

    async def caller(number: int) -> None:
        # People do not begin all in the same millisecond.
        await asyncio.sleep(number * ENGINE_SECONDS / at_once)
        for _ in numbers:
            took = await first_event(where.hostname or "", where.port or 0, key)
            taken.append(took)

    await asyncio.gather(*(caller(number) for number in range(at_once)))
    return taken


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def measured(work: Path, *, count: int) -> list[Row]:
    rows = []
    for size, label in ((100_000, "100 KB"), (1_500_000, "1.5 MB")):
        folder = work / str(size) / "data"
        folder.parent.mkdir()
        environ = {
            "LIMNER_CATALOG__ENGINE": "fake",
            "LIMNER_ENGINES": json.dumps({"fake": {"bytes": size, "seconds": ENGINE_SECONDS, "stamps": 1}}),
            "LIMNER_LIMITS__REQUESTS_PER_MINUTE": "100000000",
            "LIMNER_LIMITS__CONCURRENT": "1000",
            "LIMNER_LOG__LEVEL": "warning",
        }
        with server(folder, **environ) as target:
            asyncio.run(streams(target.url, target.key, count=20, at_once=2))
            for at_once in (1, 8):
                taken = asyncio.run(streams(target.url, target.key, count=count, at_once=at_once))
                rows.append(
                    Row(
                        f"yield to first event, {label} picture, {'alone' if at_once == 1 else f'{at_once} streams at once'}",
                        f"p95 <= {REACH_MS:g} ms",
                        f"p50 {percentile(taken, 0.5):.2f} ms, p95 {percentile(taken, 0.95):.2f} ms,"
                        f" p99 {percentile(taken, 0.99):.2f} ms, of {len(taken)}",
                    )
                )
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=400, help="streams for each line")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="limner-bench-") as temporary:
        work = Path(temporary)
        work.chmod(0o755)
        rows = measured(work, count=chosen.count)
    width = max(len(row.figure) for row in rows)
    print(f"of the last minute, {os.getloadavg()[0]:.1f} processes wanted {os.cpu_count()} processors")
    for row in rows:
        print(f"{row.figure:{width}}  {row.reach:13}  {row.measured}")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
