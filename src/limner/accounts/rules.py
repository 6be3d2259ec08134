"""What a key looks like, and whether one may be used. Pure."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Final

SECRET_PREFIX: Final = "sk-limner-"  # noqa: S105 - what every key begins with
SECRET_BYTES: Final = 32
_SHOWN_CHARACTERS: Final = len(SECRET_PREFIX) + 6
KNOWN_BY_CHARACTERS: Final = len(SECRET_PREFIX) + 3
_BEARER: Final = "bearer "
MANAGES: Final = "platform-v1-"
"""How tokens begin that manage an account and are no keys."""


def secret_from(noise: bytes) -> str:
    """A key's secret from 32 random bytes."""
    assert len(noise) == SECRET_BYTES
    return SECRET_PREFIX + base64.urlsafe_b64encode(noise).decode().rstrip("=").replace("-", "A").replace("_", "z")


def shown_prefix(secret: str) -> str:
    """The part of a secret by which people recognise it: too short to help a guesser."""
    return secret[:_SHOWN_CHARACTERS]


def hash_of(secret: str) -> bytes:
    """What is kept instead of the secret. One SHA-256 is enough: 256 random bits cannot be guessed, however quick the hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def bearer_secret(authorization: str | None) -> str | None:
    """The secret in an Authorization header, or None if there is none. The scheme may be written in any case."""
    if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER:
        return None
    return authorization[len(_BEARER) :].strip() or None


def has_expired(expires_at: datetime | None, *, now: datetime) -> bool:
    """Whether a key's time is over."""
    return expires_at is not None and expires_at <= now


def like(text: str) -> str:
    """A pattern for LIKE that finds the text as it is, anywhere."""
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"
