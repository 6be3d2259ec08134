"""A server in a process of its own, as `limner serve` starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_STARTING_SECONDS = 30
_STOPPING_SECONDS = 20


@dataclass
class Server:
    """One running server."""

    process: subprocess.Popen[str]
    url: str
    owner_key: str
    data_dir: Path
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


def start(data_dir: Path, *, database_url: str, environ: dict[str, str] | None = None) -> Server:
    """Start a server on a free port and wait until it says where it is."""
    log = data_dir.with_suffix(".log")
    variables = {name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")}
    variables |= {
        "LIMNER_DATA_DIR": str(data_dir),
        "LIMNER_DATABASE__URL": database_url,
        "LIMNER_SERVER__PORT": "0",
        "LIMNER_CATALOG__ENGINE": "fake",
        **(environ or {}),
    }
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "limner", "serve"],
            env=variables,
            cwd=data_dir.parent,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
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


def _address(process: subprocess.Popen[str]) -> str | None:
    assert process.stdout is not None
    for line in process.stdout:
        if found := _ADDRESS.search(line):
            return found[0]
    process.wait()
    process.stdout.close()
    return None
