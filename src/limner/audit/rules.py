"""What may stand in an entry. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "***"
TEXT_CHARACTERS_MAX: Final = 1000
_SECRET_WORDS: Final = ("secret", "token", "password", "authorization", "code")
_HARMLESS: Final = frozenset({"code_id", "error_code"})


def masked(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details as they may be kept: what is called like a secret is not, and no text is endless."""
    return {name: MASK if _is_secret(name) and value is not None else _short(value) for name, value in details.items()}


def like(text: str) -> str:
    """A pattern for LIKE that finds the text as it is, anywhere."""
    return f"%{_plain(text)}%"


def like_beginning(text: str) -> str:
    """The same for what begins so."""
    return f"{_plain(text)}%"


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _is_secret(name: str) -> bool:
    return name not in _HARMLESS and any(word in name.lower() for word in _SECRET_WORDS)


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= TEXT_CHARACTERS_MAX else value[:TEXT_CHARACTERS_MAX] + "..."
    if isinstance(value, Mapping):
        return masked({str(name): part for name, part in value.items()})
    if isinstance(value, (list, tuple)):
        return [_short(part) for part in value]
    return value
