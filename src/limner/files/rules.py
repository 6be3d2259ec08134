"""What files are called, and where they lie. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

_NAME_MAX: Final = 255
_FOLDER: Final = "inputs"
_URL_MAX: Final = 2048
_SUBTYPE: Final = re.compile(r"image/([a-z0-9]{1,16})", re.ASCII)
_OTHER: Final = "bin"
_ID_DIGITS: Final = 32
_ID_BEGINS: Final = re.compile(r"[0-9a-f]{1,32}", re.ASCII)
# Control characters, and marks that turn the direction of what follows: names are shown to people.
_UNSHOWN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def kept_name(given: str) -> str:
    """A file's name without folders, as text that the database takes and that may be shown."""
    name = given.replace("\\", "/").rpartition("/")[2]
    return "".join(one for one in name if unicodedata.category(one) not in _UNSHOWN).strip()[:_NAME_MAX]


def kept_url(given: str | None) -> str | None:
    """Where a file was fetched, without what may be a secret: its query."""
    if given is None:
        return None
    return given.partition("#")[0].partition("?")[0].replace("\0", "")[:_URL_MAX]


def id_range(prefix: str) -> tuple[UUID, UUID] | None:
    """The first and the last id that begins so, with or without `file-` before it. None: no id does."""
    digits = prefix.strip().lower().removeprefix("file-").replace("-", "")
    if not _ID_BEGINS.fullmatch(digits):
        return None
    return UUID(digits.ljust(_ID_DIGITS, "0")), UUID(digits.ljust(_ID_DIGITS, "f"))


def extension_of(media_type: str) -> str:
    """How the name of such a file ends, without the dot."""
    found = _SUBTYPE.fullmatch(media_type)
    return found[1] if found else _OTHER


def storage_key(*, id_: UUID, media_type: str, created_at: datetime) -> str:
    """Where the file lies: folders by day (UTC), so that none grows without end."""
    return f"{_FOLDER}/{created_at.astimezone(UTC):%Y-%m-%d}/{id_}.{extension_of(media_type)}"
