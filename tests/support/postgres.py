"""A PostgreSQL server of its own, from the system's package: what an operator would have, over TCP and with a password."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from support.ports import free_port

_USER: Final = "limner"
_PASSWORD: Final = "otters & herons: 100% p@id/for"  # an address can hold any
_STARTING_SECONDS: Final = 30
_STOPPING_SECONDS: Final = 20
_SIGNALS: Final = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


def find_programs() -> Path | None:
    """The folder of the newest PostgreSQL server's programs; None if there is none that could be started here."""
    if os.getuid() == 0 and _server_user() is None:
        return None
    installed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb") if _is_whole(path.parent)]
    if installed:
        return max(installed, key=lambda folder: float(folder.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found and _is_whole(Path(found).resolve().parent) else None


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("initdb", "postgres", "pg_isready"))


def _server_user() -> pwd.struct_passwd | None:
    """Whom the server runs as when we are root, as whom it would refuse to."""
    return next((user for user in pwd.getpwall() if user.pw_name == "postgres"), None)


class ExternalPostgres:
    """One server with its files in `folder`, which is made, and which another user must be able to reach if we are root.

    The port stays the same from start to start. `is_durable`: whether what was committed would outlive a power cut; the
    end of the server's process it outlives in any case.
    """

    def __init__(self, folder: Path, *, programs: Path, is_durable: bool = False) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._programs = programs
        self._is_durable = is_durable
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._was_killed = False
        self.log = folder / "log"

    @property
    def url(self) -> str:
        """The address of the database that every server has, as one who may do everything."""
        return f"postgresql://{_USER}:{quote(_PASSWORD, safe='')}@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it, with files made anew the first time, and wait until it accepts connections."""
        assert self._process is None, "it runs already"
        if not self._data.exists():
            self._make()
        deadline = time.monotonic() + _STARTING_SECONDS
        process = self._launched()
        while not self._comes_up(process, deadline=deadline):
            # What a killed one left behind ends soon; until then no other may start.
            assert self._was_killed, f"PostgreSQL did not start: {self.log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"PostgreSQL did not start again: {self.log.read_text()[-2000:]}"
            process = self._launched()
        self._process = process
        self._was_killed = False

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """End it: `fast` rolls back and disconnects, `immediate` leaves everything for recovery."""
        self._end(_SIGNALS[mode])

    def kill(self) -> None:
        """Kill the server's first process, and no other: the rest notices and ends by itself."""
        self._end(signal.SIGKILL)
        self._was_killed = True

    def is_running(self) -> bool:
        """Whether it was started and has not ended since."""
        return self._process is not None and self._process.poll() is None

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None, "it does not run"
        self._process.send_signal(how)
        self._process.wait(_STOPPING_SECONDS)
        self._process = None

    def _make(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        password = self._folder / "password"
        password.write_text(_PASSWORD)
        self.log.touch()
        if user := self._user():
            for path in (self._folder, password, self.log):
                os.chown(path, user.pw_uid, user.pw_gid)
        arguments = ["--auth=scram-sha-256", f"--username={_USER}", f"--pwfile={password}", "--encoding=UTF8"]
        process = self._run("initdb", f"--pgdata={self._data}", *arguments, "--no-locale", "--no-sync")
        code = process.wait(_STARTING_SECONDS)
        assert code == 0, f"PostgreSQL's files could not be made: {self.log.read_text()[-2000:]}"

    def _launched(self) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
            "fsync": "on" if self._is_durable else "off",
            "full_page_writes": "on" if self._is_durable else "off",
        }
        return self._run("postgres", "-D", str(self._data), *(f"--{name}={value}" for name, value in settings.items()))

    def _comes_up(self, process: subprocess.Popen[bytes], *, deadline: float) -> bool:
        while process.poll() is None:
            if self._accepts():
                return True
            if time.monotonic() > deadline:
                process.kill()
                process.wait(_STOPPING_SECONDS)
            time.sleep(0.02)
        return False

    def _accepts(self) -> bool:
        arguments = ["-q", "-h", "127.0.0.1", "-p", str(self._port)]
        return subprocess.run([self._programs / "pg_isready", *arguments], check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        user = self._user()
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [self._programs / program, *arguments],
                cwd=self._folder,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in a terminal is for pytest, which then stops the server.
                start_new_session=True,
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=() if user else None,
            )

    @staticmethod
    def _user() -> pwd.struct_passwd | None:
        return _server_user() if os.getuid() == 0 else None
