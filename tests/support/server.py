"""Servers and workers in processes of their own, as `limner serve` and `limner worker` start them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_STARTING_SECONDS = 30
_STOPPING_SECONDS = 20


@dataclass
class _Process:
    process: subprocess.Popen[str]
    log: Path

    def stop(self) -> int:
        """End it as Ctrl-C would; its exit code."""
        self.process.terminate()
        return self.wait()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        """Until it has ended, whatever ended it."""
        code = self.process.wait(_STOPPING_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@dataclass
class Server(_Process):
    """One running server."""

    url: str
    owner_key: str
    data_dir: Path


@dataclass
class Worker(_Process):
    """One running worker, and what it said at the start."""

    banner: str


def start(
    data_dir: Path, *, database_url: str, environ: dict[str, str] | None = None, options: Sequence[str] = ()
) -> Server:
    """Start a server on a free port and wait until it says where it is."""
    log = data_dir.with_suffix(".log")
    process = _begun("serve", data_dir, log, database_url=database_url, environ=environ, options=options)
    too_late = threading.Timer(_STARTING_SECONDS, process.kill)
    too_late.start()
    try:
        url = _address(process)
    finally:
        too_late.cancel()
        too_late.join()
    assert url is not None, f"the server did not start: {log.read_text()[-2000:]}"
    key = (data_dir / "owner.key").read_text(encoding="utf-8").strip()
    return Server(process=process, url=url, owner_key=key, data_dir=data_dir, log=log)


def start_worker(
    data_dir: Path, *, database_url: str, environ: dict[str, str] | None = None, options: Sequence[str] = ()
) -> Worker:
    """Start a worker for the server of that folder and wait until it says that it works."""
    log = data_dir.with_name(f"{data_dir.name}-worker.log")
    process = _begun("worker", data_dir, log, database_url=database_url, environ=environ, options=options)
    too_late = threading.Timer(_STARTING_SECONDS, process.kill)
    too_late.start()
    lines: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
    finally:
        too_late.cancel()
        too_late.join()
    assert lines, f"the worker did not start: {log.read_text()[-2000:]}"
    return Worker(process=process, banner="".join(lines), log=log)


def run(data_dir: Path, *words: str, database_url: str) -> subprocess.CompletedProcess[str]:
    """One command for that folder, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "limner", *words],
        env=_variables(data_dir, database_url=database_url, environ=None),
        capture_output=True,
        text=True,
        timeout=_STARTING_SECONDS,
        check=False,
    )


def _variables(data_dir: Path, *, database_url: str, environ: dict[str, str] | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")}
    return {
        **kept,
        "LIMNER_DATA_DIR": str(data_dir),
        "LIMNER_DATABASE__URL": database_url,
        "LIMNER_SERVER__PORT": "0",
        "LIMNER_CATALOG__ENGINE": "fake",
        **(environ or {}),
    }


def _begun(
    command: str,
    data_dir: Path,
    log: Path,
    *,
    database_url: str,
    environ: dict[str, str] | None,
    options: Sequence[str],
) -> subprocess.Popen[str]:
    with log.open("a") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "limner", command, *options],
            env=_variables(data_dir, database_url=database_url, environ=environ),
            cwd=data_dir.parent,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )


def _address(process: subprocess.Popen[str]) -> str | None:
    assert process.stdout is not None
    for line in process.stdout:
        if found := _ADDRESS.search(line):
            return found[0]
    process.wait()
    process.stdout.close()
    return None
