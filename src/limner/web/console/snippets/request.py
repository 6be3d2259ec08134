"""The one object that both Try and the snippets are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Value = str | int | float | bool | list[Any] | dict[str, Any]

_PATH: Final = "/images/generations"
_FIRST: Final = (
    "model",
    "prompt",
    "n",
    "size",
    "quality",
    "style",
    "response_format",
    "output_format",
    "output_compression",
    "background",
    "moderation",
    "user",
    "safety_identifier",
    "seed",
    "callback_url",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A POST of `body` to `url`, which ends in /images/generations. `key` may be words that stand for one."""

    url: str
    key: str = field(repr=False)
    body: Mapping[str, Value]

    @property
    def base_url(self) -> str:
        """What SDKs add their paths to."""
        return self.url.removesuffix(_PATH)


def in_order(given: Mapping[str, Value | None]) -> dict[str, Value]:
    """A body of what is given, in the order in which people write it: the model, the prompt, then the rest."""
    names = [*(name for name in _FIRST if name in given), *(name for name in given if name not in _FIRST)]
    return {name: value for name in names if (value := given[name]) is not None}
