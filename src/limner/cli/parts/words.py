"""Names and sentences that several commands say the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from limner.kit.masking import without_password

if TYPE_CHECKING:
    from limner.config import Settings


def database_name(settings: Settings) -> str:
    """Which database it is, without its password."""
    if not settings.database.url:
        return "PostgreSQL, embedded in the data folder"
    url = urlsplit(without_password(settings.database.url.get_secret_value()))
    at = url.netloc.rpartition("@")[2] or "this machine's socket"
    return f"PostgreSQL at {at}{url.path}"
