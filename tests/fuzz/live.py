"""A server to be fuzzed: a process of its own, with the fake engine, high limits, and no way out of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:\d+")
_STARTING_SECONDS: Final = 60
_STOPPING_SECONDS: Final = 60
_SETTINGS: Final = {
    "SERVER__PORT": "0",
    "CATALOG__ENGINE": "fake",
    # Long enough for a case to find a task under way.
    "ENGINES__FAKE__SECONDS": "0.2",
    "LIMITS__REQUESTS_PER_MINUTE": "1000000",
    "LIMITS__CONCURRENT": "10000",
    # Callbacks and links to pictures that the cases make up: this machine only. No other port may be called.
    "OUTBOUND__PORTS": "[]",
    "OUTBOUND__LOOPBACK": "true",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A server that is up."""

    url: str
    key: str
    token: str
    log: Path


@contextmanager
def live(python: str) -> Iterator[Live]:
    """Start one with limner's own `python`, in a fresh folder, until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="limner-fuzz-"))
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LIMNER_", "OPENAI_"))}
    environ |= {f"LIMNER_{name}": value for name, value in _SETTINGS.items()}
    environ["LIMNER_DATA_DIR"] = str(folder / "data")
    log = folder / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [python, "-m", "limner", "serve"], env=environ, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        url = _address_of(process, log)
        key = (folder / "data" / "owner.key").read_text(encoding="utf-8").strip()
        said = subprocess.run(
            [python, str(Path(__file__).with_name("inside.py"))],
            env=environ,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 0, said.stderr
        yield Live(url=url, key=key, token=said.stdout.strip(), log=log)
    finally:
        process.terminate()
        try:
            process.wait(_STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)


def _address_of(process: subprocess.Popen[str], log: Path) -> str:
    too_late = threading.Timer(_STARTING_SECONDS, process.kill)
    too_late.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := _ADDRESS.search(line):
                return found[0]
    finally:
        too_late.cancel()
        too_late.join()
    raise AssertionError(f"the server did not start: {log.read_text()[-2000:]}")
