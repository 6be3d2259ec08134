"""What e-mails, passwords, tokens and places to return to look like. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import unquote

TOKEN_BYTES: Final = 32
PASSWORD_CHARACTERS_MIN: Final = 10
PASSWORD_CHARACTERS_MAX: Final = 200
EMAIL_CHARACTERS_MAX: Final = 254
_SHOWN_CHARACTERS: Final = 6
_AGENT_CHARACTERS_MAX: Final = 300
_NAME_CHARACTERS_MAX: Final = 40
_NEXT_CHARACTERS_MAX: Final = 1000
_V6_PREFIX: Final = 64
_ROUNDS_MAX: Final = 4
_EMAIL: Final = re.compile(
    r"[^\s@<>()\[\],;:\\\"]{1,64}@(?:[^\s@.<>()\[\],;:\\\"]{1,63}\.)*[^\s@.<>()\[\],;:\\\"]{1,63}"
)


def token_from(noise: bytes) -> str:
    """A token for a cookie or a link, from 32 random bytes: letters and digits, which nobody takes for anything else."""
    assert len(noise) == TOKEN_BYTES
    return base64.urlsafe_b64encode(noise).decode().rstrip("=").replace("-", "A").replace("_", "z")


def hash_of(token: str) -> bytes:
    """What is kept instead of a token. One SHA-256 is enough: 256 random bits cannot be guessed."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def shown_prefix(code: str) -> str:
    """The part of a code by which people recognise it."""
    return code[:_SHOWN_CHARACTERS]


def is_email(text: str) -> bool:
    """Whether it looks like an address. Whether it is one, only a mail can tell."""
    return len(text) <= EMAIL_CHARACTERS_MAX and text.isprintable() and _EMAIL.fullmatch(text) is not None


def same_email(text: str) -> str:
    """What two ways to write an address have in common."""
    return text.strip().lower()


def name_from(email: str | None) -> str:
    """What an account is called at first: what stands before the @."""
    local = (email or "").partition("@")[0]
    kept = "".join(letter for letter in local if letter.isprintable()).strip()[:_NAME_CHARACTERS_MAX]
    return kept or "account"


def password_fault(password: str, *, email: str | None) -> str | None:
    """What is wrong with a new password, as the end of "a password ..."; None if nothing is."""
    if len(password) < PASSWORD_CHARACTERS_MIN:
        return f"has at least {PASSWORD_CHARACTERS_MIN} characters"
    if len(password) > PASSWORD_CHARACTERS_MAX:
        return f"has at most {PASSWORD_CHARACTERS_MAX} characters"
    if email is not None and same_email(password) == same_email(email):
        return "is not the e-mail itself"
    return None


def sender_of(address: str | None) -> str:
    """By what a caller's tries are counted: the address, or for IPv6 the network that one household has."""
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or "unknown"
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ip_network((found, _V6_PREFIX), strict=False))
    return str(found)


def subject_of(kind: str, who: str) -> bytes:
    """By what a throttle is found: strangers' addresses need not be kept to count them."""
    return hashlib.sha256(f"{kind}\0{who}".encode("utf-8", "surrogateescape")).digest()


def kept_agent(agent: str) -> str:
    """What a browser calls itself, as it may be kept and shown."""
    return "".join(letter for letter in agent if letter.isprintable())[:_AGENT_CHARACTERS_MAX]


def place_of_ours(given: str | None) -> str | None:
    r"""A path on this server to go on to, or None for anything that might lead elsewhere.

    Browsers take `//host` and `/\host` for another host, drop tabs and line ends, and something on the way may decode
    once more: so it must be harmless however often it is decoded.
    """
    if not given or len(given) > _NEXT_CHARACTERS_MAX:
        return None
    path = re.split(r"[?#]", given, maxsplit=1)[0]
    if not given.isprintable():
        return None
    for _ in range(_ROUNDS_MAX):
        if not _is_plain_path(path):
            return None
        decoded = unquote(path)
        if decoded == path:
            return given
        path = decoded
    return None


def _is_plain_path(path: str) -> bool:
    return (
        path.startswith("/")
        and "//" not in path
        and "\\" not in path
        and path.isprintable()
        and ".." not in path.split("/")
    )


def like(text: str) -> str:
    """A pattern for LIKE that finds the text as it is, anywhere."""
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"
