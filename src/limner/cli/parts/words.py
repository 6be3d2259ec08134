"""Names and sentences that several commands say the same way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from limner.config import Settings

_CREDENTIALS: Final = re.compile(r"://[^/]*@")
_QUERY: Final = re.compile(r"\?.*", re.DOTALL)


def database_name(settings: Settings) -> str:
    """Which database it is, without its password."""
    if not settings.database.url:
        return "PostgreSQL, embedded in the data folder"
    url = urlsplit(without_password(settings.database.url.get_secret_value()))
    at = url.netloc.rpartition("@")[2] or "this machine's socket"
    return f"PostgreSQL at {at}{url.path}"


def without_password(text: str) -> str:
    """An address without whoever may come in and how; any other text as it is."""
    if "://" not in text:
        return text
    return _QUERY.sub("?***", _CREDENTIALS.sub("://***@", text))
