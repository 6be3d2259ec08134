"""How quick the whole server is: start, memory, and synchronous requests with all accounting and storage on.

`python benchmarks/serve.py` starts `limner serve` on loopback with a data folder of its own, drives it with wrk (Debian:
apt-get install wrk) and prints a table. The engine is the fake one, which hands out a ready PNG: what is measured is
everything else. Server, PostgreSQL and load share the machine. Results are also written as JSON with --json FILE.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

HZ = os.sysconf("SC_CLK_TCK")
BODY = json.dumps({"model": "dall-e-3", "prompt": "A cute baby sea otter"})
LUA = """
wrk.method = "POST"; wrk.body = os.getenv("BODY")
wrk.headers["content-type"] = "application/json"; wrk.headers["authorization"] = "Bearer " .. os.getenv("KEY")
done = function(s, l, r)
  local e = s.errors
  io.write(string.format('JSON {"requests":%d,"seconds":%.3f,"p50":%.3f,"p99":%.3f,"errors":%d}\\n', s.requests,
    s.duration / 1e6, l:percentile(50) / 1e3, l:percentile(99) / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass
class Server:
    """A running server: its process, address, key and folder."""

    process: subprocess.Popen[bytes]
    url: str
    key: str
    folder: Path
    seconds_to_answer: float


@dataclass
class Row:
    """One line of the table."""

    figure: str
    reach: str
    measured: str


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def server(folder: Path, **environ: str) -> Iterator[Server]:
    """Start a server and wait for its first answered request."""
    port = free_port()
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "limner", "serve", "--port", str(port)],
        env={**os.environ, "LIMNER_DATA_DIR": str(folder), **environ},
        stdout=subprocess.DEVNULL,
        stderr=(folder.parent / "log").open("ab"),
    )
    try:
        url = f"http://127.0.0.1:{port}/v1/images/generations"
        key = first_answer(url, folder / "owner.key", process)
        yield Server(process, url, key, folder, time.perf_counter() - started)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def first_answer(url: str, key_file: Path, process: subprocess.Popen[bytes]) -> str:
    """Ask until there is an answer; the key that it was given to."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            key = key_file.read_text().strip()
            request = urllib.request.Request(
                url, BODY.encode(), {"authorization": f"Bearer {key}", "content-type": "application/json"}
            )
            urllib.request.urlopen(request, timeout=30).close()
        except (OSError, urllib.error.URLError):
            time.sleep(0.01)
        else:
            return key
    sys.exit(f"the server did not answer; its log is {key_file.parent.parent / 'log'}")


def family(pid: int) -> list[int]:
    """A process and all that came from it."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    return [pid, *(below for child in found for below in family(int(child)))]


def cpu_seconds(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / HZ


def resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def postgres_pids(folder: Path) -> list[int]:
    """The embedded PostgreSQL's postmaster and all its children."""
    return family(int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0]))


def drive(target: Server, *, connections: int, seconds: int) -> dict[str, float]:
    """Load from wrk: requests, latencies, and what they cost in CPU."""
    script = target.folder.parent / "post.lua"
    script.write_text(LUA)
    mine, database = family(target.process.pid), postgres_pids(target.folder)
    before = cpu_seconds(mine), cpu_seconds(database)
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script), target.url],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "KEY": target.key, "BODY": BODY},
    )
    figures: dict[str, float] = next(json.loads(x[5:]) for x in done.stdout.splitlines() if x.startswith("JSON "))
    count = max(1, figures["requests"])
    return figures | {
        "per_second": figures["requests"] / figures["seconds"],
        "server_cpu_ms": (cpu_seconds(mine) - before[0]) / count * 1e3,
        "database_cpu_ms": (cpu_seconds(database) - before[1]) / count * 1e3,
    }


def median_of(target: Server, *, connections: int, seconds: int) -> dict[str, float]:
    """The middle one of three runs: other guests of the machine come and go."""
    runs = [drive(target, connections=connections, seconds=seconds) for _ in range(3)]
    return sorted(runs, key=lambda run: run["per_second"])[1]


def starts(work: Path) -> list[Row]:
    """The first and a later start, to the first answered request, with the real engine; and what idling takes."""
    folder = work / "starts" / "data"
    folder.parent.mkdir()
    with server(folder) as first:
        first_seconds = first.seconds_to_answer
    with server(folder) as later:
        later_seconds = later.seconds_to_answer
        time.sleep(3)
        idle = resident_mb(later.process.pid)
    return [
        Row("first start to first answered request", "<= 4 s", f"{first_seconds:.2f} s"),
        Row("later start to first answered request", "<= 2 s", f"{later_seconds:.2f} s"),
        Row("idle memory of the server process", "<= 120 MB", f"{idle:.0f} MB"),
    ]


def loads(work: Path, *, seconds: int) -> list[Row]:
    """Synchronous requests with a ready PNG of 2 KB and of 100 KB."""
    rows: list[Row] = []
    for size, label, reach in ((2048, "2 KB", ">= 700/s, goal 1000/s"), (102_400, "100 KB", ">= 400/s, goal 600/s")):
        folder = work / label.replace(" ", "") / "data"
        folder.parent.mkdir()
        environ = {
            "LIMNER_CATALOG__ENGINE": "fake",
            "LIMNER_ENGINES": json.dumps({"fake": {"bytes": size}}),
            "LIMNER_LIMITS__REQUESTS_PER_MINUTE": "100000000",
            "LIMNER_LIMITS__CONCURRENT": "1000",
        }
        with server(folder, **environ) as target:
            drive(target, connections=16, seconds=5)  # warm up
            many = median_of(target, connections=16, seconds=seconds)
            rows.append(Row(f"requests, {label} PNG, 16 connections", reach, told(many)))
            if size == 2048:
                one = median_of(target, connections=1, seconds=seconds)
                rows.append(Row(f"requests, {label} PNG, 1 connection", "p50 <= 4 ms", told(one)))
    return rows


def told(figures: dict[str, float]) -> str:
    return (
        f"{figures['per_second']:.0f}/s, p50 {figures['p50']:.2f} ms, p99 {figures['p99']:.1f} ms, errors {figures['errors']:.0f}, "
        f"CPU per request: server {figures['server_cpu_ms']:.2f} ms, database {figures['database_cpu_ms']:.2f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=["starts", "loads"])
    chosen = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: apt-get install wrk")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="limner-bench-") as temporary:
        work = Path(temporary)
        work.chmod(0o755)
        rows += starts(work) if chosen.only != "loads" else []
        rows += loads(work, seconds=chosen.seconds) if chosen.only != "starts" else []
    width = max(len(row.figure) for row in rows)
    for row in rows:
        print(f"{row.figure:{width}}  {row.reach:22}  {row.measured}")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
