"""What is kept of a request, and how it is shown. Pure."""

from __future__ import annotations

import base64
import codecs
import hashlib
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from limner.inboxes.models import ShownBody

TOKEN_BYTES: Final = 20
BODY_BYTES_KEPT: Final = 262_144
_TOKEN: Final = re.compile(r"[a-z2-7]{32}", re.ASCII)
_PATH_CHARACTERS: Final = 2048
_HEADERS_MAX: Final = 100
_HEADER_CHARACTERS: Final = 4096
_MORE: Final = "…"
# What opens doors elsewhere is not kept. Where a header says how before it says what, the first of it stays.
_SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "x-auth-token"}
)
_SCHEME: Final = re.compile(r"(Basic|Bearer|Digest|Negotiate|Token)\s+\S", re.ASCII | re.IGNORECASE)
_MASK: Final = "***"
# Longer than any hash, id or signature: pictures as base64.
_LONG_RUN: Final = re.compile(r"[A-Za-z0-9+/=_-]{256,}", re.ASCII)
_RUN_SHOWN: Final = 48


def token_of(noise: bytes) -> str:
    """The last part of an inbox's address: letters and digits only, so that it is a word wherever it is put.

    `noise`: random bytes, `TOKEN_BYTES` of them.
    """
    assert len(noise) == TOKEN_BYTES
    return base64.b32encode(noise).decode().lower()


def is_token(text: str) -> bool:
    """Whether it could be one."""
    return _TOKEN.fullmatch(text) is not None


def fingerprint(name: str) -> bytes:
    """A hash of what is asked for when an inbox is made."""
    return hashlib.sha256(name.encode()).digest()


def kept_line(text: str) -> str:
    """A path or a query, as much of it as is kept, as text that the database takes."""
    return _cut(_storable(text), _PATH_CHARACTERS)


def kept_headers(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Headers by their names in lower case, those of one name joined; no secrets, and nothing without end."""
    kept: dict[str, str] = {}
    for given, value in pairs:
        name = _cut(_storable(given.lower()), _HEADER_CHARACTERS)
        if name not in kept and len(kept) == _HEADERS_MAX:
            continue
        shown = _masked(value) if name in _SECRET_HEADERS else _storable(value)
        kept[name] = _cut(f"{kept[name]}, {shown}" if name in kept else shown, _HEADER_CHARACTERS)
    return MappingProxyType(kept)


def _masked(value: str) -> str:
    scheme = _SCHEME.match(value)
    return f"{scheme[1]} {_MASK}" if scheme else _MASK


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", "�")


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + _MORE


def shown_body(body: bytes, *, is_truncated: bool, characters: int | None = None) -> ShownBody:
    """A body as text, if it is one. `characters`: shorten it, and what in it looks like a picture, to about so much."""
    # A character that the end of what was kept has cut in two is no reason to take all for bytes.
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        text = decoder.decode(body, final=not is_truncated)
    except UnicodeDecodeError:
        part = body if characters is None else body[: characters * 3 // 4]
        return ShownBody(text=base64.b64encode(part).decode(), encoding="base64", is_shortened=len(part) < len(body))
    shown = text if characters is None else _cut(shortened(text), characters)
    return ShownBody(text=shown, encoding="utf-8", is_shortened=shown != text)


def shortened(text: str) -> str:
    """The text with only the beginnings of what looks like pictures in it. JSON stays JSON."""
    return _LONG_RUN.sub(lambda run: f"{run[0][:_RUN_SHOWN]}{_MORE} ({len(run[0]) - _RUN_SHOWN:,} more)", text)
