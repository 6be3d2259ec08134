"""A folder on this machine: `file:///var/lib/limner/pictures`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from obstore.store import LocalStore

from limner.storage import StorageFailed
from limner.storage._objects import Objects


class Plug(Objects):
    """Files in a folder, each written beside its place and renamed into it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
            raise ValueError(f"{url} should be like file:///folder, with three slashes and the whole path")
        self._folder = Path(unquote(parts.path))

    async def open(self) -> None:
        """Make the folder and try it."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".try-") as trial:
                trial.write(b"x")
                trial.flush()
                os.fsync(trial.fileno())
        except OSError as error:
            raise StorageFailed(f"pictures cannot be kept in {self._folder}: {error.strerror}") from None
        super().__init__(LocalStore(self._folder, mkdir=True))

    async def close(self) -> None:
        """There is nothing to let go of."""
