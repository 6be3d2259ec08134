"""The one object that both Try and the snippets are made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Value = str | int | float | bool | list[Any] | dict[str, Any]

_PATHS: Final = ("/images/generations", "/images/edits")
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
    """A POST of `body` to `url`, which ends in /images/generations or /images/edits. `key` may be words that stand for one.

    `images`, `mask`: the names of files that lie where the program runs; with them the body is a form, else it is JSON.
    """

    url: str
    key: str = field(repr=False)
    body: Mapping[str, Value]
    images: tuple[str, ...] = ()
    mask: str | None = None

    @property
    def base_url(self) -> str:
        """What SDKs add their paths to."""
        return next((self.url.removesuffix(path) for path in _PATHS if self.url.endswith(path)), self.url)

    @property
    def is_form(self) -> bool:
        """Whether files go with it."""
        return bool(self.images) or self.mask is not None

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """The parts of the form that are files, by field and name. Several pictures are numbered: names are taken once."""
        several = len(self.images) > 1
        parts = [(f"image[{place}]" if several else "image", name) for place, name in enumerate(self.images)]
        return (*parts, *([("mask", self.mask)] if self.mask is not None else []))


def in_order(given: Mapping[str, Value | None]) -> dict[str, Value]:
    """A body of what is given, in the order in which people write it: the model, the prompt, then the rest."""
    names = [*(name for name in _FIRST if name in given), *(name for name in given if name not in _FIRST)]
    return {name: value for name in names if (value := given[name]) is not None}


def in_form(value: Value) -> str:
    """A value as a form has it: words as they are, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
