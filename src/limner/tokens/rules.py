"""What tokens look like. Pure."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

NOISE_BYTES: Final = 32
BEGINNING: Final = "platform-v1-"
NAME_CHARACTERS_MAX: Final = 64
_SHOWN_CHARACTERS: Final = len(BEGINNING) + 4


def secret_from(noise: bytes) -> str:
    """A token, from 32 random bytes."""
    assert len(noise) == NOISE_BYTES
    return BEGINNING + base64.urlsafe_b64encode(noise).decode().rstrip("=")


def hash_of(secret: str) -> bytes:
    """What is kept instead of a token. One SHA-256 is enough: 256 random bits cannot be guessed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def shown_prefix(secret: str) -> str:
    """The part by which people recognise it."""
    return secret[:_SHOWN_CHARACTERS]


def looks_like_one(secret: str) -> bool:
    """Whether it is a token of this kind, good or not."""
    return secret.startswith(BEGINNING)
