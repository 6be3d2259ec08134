"""What an upload of 45 MB takes in memory: `make bench-uploads`.

Starts `limner serve` on loopback with a data folder of its own and the fake engine, has it idle for a while, and sends it
POST /openai/images/edits with a png of 45 MB as a form, streamed from disk; then four at once. Printed is by how much
memory grew above idle, from the first byte sent to the last byte answered:

- the server's process (`limner serve` has no others): its highest resident memory, as the kernel keeps it (VmHWM, set back
  before each round), over its resident memory when idle;
- that and all of the embedded PostgreSQL's: their proportional memory (PSS, which counts shared pages once), sampled every
  ten milliseconds.

Idle is the server that has answered one small generation and rested three seconds. The first round has the imports that
only pictures need; later rounds are measured from the same idle, so that what is not given back counts.

The client is another process and does not count; neither does the page cache of files on disk.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import random
import statistics
import struct
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from serve import Row, Server, family, postgres_pids, server

REACH_MB = 80
BOUNDARY = "limner-benchmark"
MB = 1_000_000


def picture(path: Path, *, megabytes: int, alpha: bool = False) -> None:
    """A png of noise, so that as many bytes go in as come out."""
    channels = 4 if alpha else 3
    width = 3840
    height = megabytes * MB // (width * channels)
    dice = random.Random(7)
    packer = zlib.compressobj(1)
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        write_chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6 if alpha else 2, 0, 0, 0))
        for _ in range(height):
            packed = packer.compress(b"\0" + dice.randbytes(width * channels))
            if packed:
                write_chunk(file, b"IDAT", packed)
        write_chunk(file, b"IDAT", packer.flush())
        write_chunk(file, b"IEND", b"")


def write_chunk(file: object, kind: bytes, data: bytes) -> None:
    file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))  # type: ignore[attr-defined]


def taken(path: Path, *, megabytes: int) -> None:
    """A photograph, as cameras write it, of nothing but noise."""
    told = Image.Exif()
    told[0x010F] = "limner"
    noise = Image.effect_noise((5400, megabytes * MB // 10_300), 120)
    noise = Image.merge("RGB", [noise, noise.transpose(Image.Transpose.ROTATE_180), noise])
    noise.save(path, "JPEG", quality=99, exif=told)


# memory ------------------------------------------------------------------------------------------------------------------


def resident(pid: int, name: str = "VmRSS") -> float:
    """Of one process, in MB of a million bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024 / MB


def proportional(pids: list[int]) -> float:
    """Of several, pages that they share counted once."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024 / MB


@dataclass
class Grown:
    """By how many MB, at the highest, and how many samples say so."""

    server: float = 0.0
    together: float = 0.0
    samples: int = 0


def idle(target: Server) -> tuple[float, float]:
    """The server's resident memory, and everybody's."""
    everybody = [*family(target.process.pid), *postgres_pids(target.folder)]
    return resident(target.process.pid), proportional(everybody)


@contextmanager
def watched(target: Server, before: tuple[float, float]) -> Iterator[Grown]:
    """How memory grows while the block runs, over what it was `before`."""
    pid = target.process.pid
    (Path("/proc") / str(pid) / "clear_refs").write_text("5")
    everybody = [*family(pid), *postgres_pids(target.folder)]
    grown, over = Grown(), threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            # PostgreSQL opens and closes processes of its own as it pleases.
            now = [*family(pid), *postgres_pids(target.folder)] if grown.samples % 20 == 0 else everybody
            everybody[:] = now
            grown.together = max(grown.together, proportional(now) - before[1])
            grown.samples += 1

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield grown
    finally:
        over.set()
        looking.join()
        grown.server = resident(pid, "VmHWM") - before[0]


# load --------------------------------------------------------------------------------------------------------------------


def form_of(path: Path) -> tuple[bytes, bytes]:
    """What comes before the file, and after."""
    fields = {"model": "gpt-image-1", "prompt": "Put a hat on it", "response_format": "url"}
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    parts.append(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="{path.name}"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    return "".join(parts).encode(), f"\r\n--{BOUNDARY}--\r\n".encode()


def edited(url: str, key: str, path: Path) -> float:
    """Seconds for one edit."""
    where = urlsplit(url)
    before, after = form_of(path)
    started = time.perf_counter()
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=120)
    connection.putrequest("POST", "/openai/images/edits")
    connection.putheader("authorization", f"Bearer {key}")
    connection.putheader("content-type", f"multipart/form-data; boundary={BOUNDARY}")
    connection.putheader("content-length", str(len(before) + path.stat().st_size + len(after)))
    connection.endheaders(before)
    with path.open("rb") as file:
        while piece := file.read(1 << 18):
            connection.send(piece)
    connection.send(after)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status != 200:
        sys.exit(f"the edit was refused: {answer.status} {said[:500]!r}")
    return time.perf_counter() - started


def at_once(target: Server, path: Path, *, count: int) -> list[float]:
    """Seconds for each, from processes of their own."""
    with multiprocessing.Pool(count) as pool:
        return pool.starmap(edited, [(target.url, target.key, path)] * count)


# figures -----------------------------------------------------------------------------------------------------------------


def measured(work: Path, *, rounds: int, megabytes: int) -> list[Row]:
    opaque, clear, photograph = work / "opaque.png", work / "clear.png", work / "photograph.jpg"
    picture(opaque, megabytes=megabytes)
    picture(clear, megabytes=megabytes, alpha=True)
    taken(photograph, megabytes=megabytes)
    rows = []
    for name, path, count in (
        (f"edit with a png of {opaque.stat().st_size / MB:.1f} MB", opaque, 1),
        (f"edit with a png of {clear.stat().st_size / MB:.1f} MB with alpha", clear, 1),
        (f"edit with a jpeg of {photograph.stat().st_size / MB:.1f} MB with Exif", photograph, 1),
        (f"four at once, {opaque.stat().st_size / MB:.1f} MB each", opaque, 4),
    ):
        folder = work / f"{path.stem}{count}" / "data"
        folder.parent.mkdir()
        environ = {
            "LIMNER_CATALOG__ENGINE": "fake",
            "LIMNER_LOG__LEVEL": "warning",
            "LIMNER_FILES__ACCOUNT_BYTES_MAX": "100000000000",
        }
        with server(folder, **environ) as target:
            time.sleep(3)
            before = idle(target)
            grown, seconds = [], []
            for number in range(1 + rounds):
                with watched(target, before) as one:
                    took = at_once(target, path, count=count) if count > 1 else [edited(target.url, target.key, path)]
                grown.append(one)
                seconds += took if number else []
                time.sleep(1.5)
        first, later = grown[0], grown[1:]
        worst = max(later, key=lambda one: one.server)
        reach = f"<= {REACH_MB} MB" if count == 1 else "-"
        rows.append(
            Row(
                f"{name}: server above idle",
                reach,
                f"first {first.server:.1f} MB, later at worst {worst.server:.1f} MB, {statistics.median(seconds):.2f} s each",
            )
        )
        together = max(one.together for one in later)
        rows.append(
            Row(
                f"{name}: server and PostgreSQL",
                "-",
                f"first {first.together:.1f} MB, later at worst {together:.1f} MB ({sum(one.samples for one in grown)} samples)",
            )
        )
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=45)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="limner-bench-") as temporary:
        work = Path(temporary)
        work.chmod(0o755)
        rows = measured(work, rounds=chosen.rounds, megabytes=chosen.megabytes)
    width = max(len(row.figure) for row in rows)
    for row in rows:
        print(f"{row.figure:{width}}  {row.reach:10}  {row.measured}")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
