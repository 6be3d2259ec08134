"""Us and others, side by side: `make bench-peers` (needs wrk, nginx and npm, and the folder of a rig: RIG=...).

The rig installs the others, starts a mock upstream with a picture of 1.5 MB, and drives everybody in turn. What is ours
runs as in life: one process with its database, keys, limits, credits, storage on disk and content credentials; its models
are relays to that upstream. Afterwards 3,000 more answers of 2 MB show what becomes of its memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serve import LUA, Server, family, resident_mb, server

ROOT = Path(__file__).resolve().parent.parent
ANSWERS = 3000
SETTINGS = """
[limits]
requests_per_minute = 100000000
concurrent = 1000

[catalog]
engine = "fake"

# The mock paints 708x708 whatever it is asked for: left as it is, as the others leave it.
[engines.mock_b64]
plug = "openai_relay"
fit = "off"
[engines.mock_b64.upstreams.mock]
address = "http://127.0.0.1:9001/v1"
key = "none"
dialect = "openai"
model = "gpt-image-1"

[engines.mock_url]
plug = "openai_relay"
fit = "off"
links = "pass"
[engines.mock_url.upstreams.mock]
address = "http://127.0.0.1:9002/v1"
key = "none"
dialect = "dalle"
model = "dall-e-3"

[catalog.models.relay-b64]
engine = "mock_b64"
price = 0.01

[catalog.models.relay-url]
engine = "mock_url"
price = 0.01
"""
UNSIGNED = """
[provenance]
credentials = false
xmp = false
"""


def main() -> None:
    """Set the rig up if need be, run it with a server of ours, print its table and what memory does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rig", type=Path, default=ROOT.parent / "shared" / "rig", help="the folder of rig.py")
    parser.add_argument("--dir", type=Path, default=ROOT / ".out" / "rig", help="where the others are installed")
    parser.add_argument("--seconds", type=int, default=5, help="of load for each figure")
    parser.add_argument("--alone", action="store_true", help="only our own memory, without the others")
    parser.add_argument("--unsigned", action="store_true", help="without content credentials, which nobody else writes")
    given = parser.parse_args()
    settings = SETTINGS + UNSIGNED if given.unsigned else SETTINGS
    found = given.rig.resolve() / "rig.py"
    if not found.exists():
        sys.exit(f"there is no rig at {found.parent}: say where with RIG=folder")
    given.dir.mkdir(parents=True, exist_ok=True)
    rig = usable(found, given.dir / "rig.py")
    subprocess.run([sys.executable, rig, "setup", "--dir", given.dir], check=True)
    if not given.alone:
        with tempfile.TemporaryDirectory(prefix="limner-bench-") as folder, ours(Path(folder), settings) as target:
            side_by_side(rig, given.dir, target, seconds=given.seconds)
    # A process of its own: what 64 connections at once have left behind in the other one is no measure of this.
    with (
        tempfile.TemporaryDirectory(prefix="limner-bench-") as folder,
        ours(Path(folder), settings) as target,
        mock(given.dir),
    ):
        memory(target, answers=ANSWERS)


def usable(rig: Path, copy: Path) -> Path:
    """The rig, or a copy of it that can take a server of ours.

    One version of it uses the name `pids` twice, and breaks where it asks for the processes of ours. What it measures, and
    how, is the same.
    """
    told = rig.read_text()
    broken = "lambda: [p for q in pids for p in family(q)]"
    if broken not in told:
        return rig
    copy.write_text(told.replace(broken, "lambda given=tuple(pids): [p for q in given for p in family(q)]"))
    return copy


@contextmanager
def ours(folder: Path, told: str = SETTINGS) -> Iterator[Server]:
    """A server of ours whose models are relays to the mock."""
    settings = folder / "limner.toml"
    settings.write_text(told)
    with server(folder / "data", LIMNER_CONFIG=str(settings)) as target:
        yield target


def side_by_side(rig: Path, folder: Path, target: Server, *, seconds: int) -> None:
    """The rig's own table, with a server of ours in it."""
    command = [
        *(sys.executable, str(rig), "run", "--dir", str(folder), "--seconds", str(seconds)),
        *("--ours", target.url, "--key", target.key, "--pid", str(target.process.pid)),
        *("--models", "b64=relay-b64,host=relay-b64,url=relay-url"),
    ]
    subprocess.run(command, check=True)


@contextmanager
def mock(folder: Path) -> Iterator[None]:
    """The rig's upstream, without the rig."""
    subprocess.run(["nginx", "-c", str(folder / "nginx.conf")], check=True, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    try:
        yield
    finally:
        os.kill(int((folder / "nginx.pid").read_text()), 15)


def memory(target: Server, *, answers: int) -> None:
    """What one process keeps in memory while it gives so many answers of 2 MB."""
    script = target.folder.parent / "post.lua"
    script.write_text(LUA)
    ask = {"model": "relay-b64", "prompt": "a red circle on a white table", "response_format": "b64_json"}
    done, told = 0, [f"0: {resident_mb(target.process.pid):.0f} MB"]
    while done < answers:
        told_by_wrk = subprocess.run(
            ["wrk", "-t1", "-c16", "-d5s", "--timeout", "30s", "-s", str(script), target.url],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "KEY": target.key, "BODY": json.dumps(ask)},
        ).stdout
        figures = next(json.loads(line[5:]) for line in told_by_wrk.splitlines() if line.startswith("JSON "))
        if figures["errors"] or not figures["requests"]:
            sys.exit(f"the server did not answer well: {figures}")
        done += figures["requests"]
        told.append(f"{done}: {resident_mb(target.process.pid):.0f} MB")
    print(f"memory of the server process after so many answers of 2 MB: {', '.join(told)}")
    print(f"with its children: {sum(resident_mb(pid) for pid in family(target.process.pid)):.0f} MB")


if __name__ == "__main__":
    main()
