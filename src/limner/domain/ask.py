"""What a caller asked for, in the API's own words: types checked, values not yet.

A dialect makes it from the wire; the catalogue turns it into a `Spec` by the rules of the model's profile.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

ResponseFormat = Literal["url", "b64_json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A generation request. None: not given."""

    prompt: str
    model: str
    n: int | None = None
    size: str | None = None
    quality: str | None = None
    style: str | None = None
    response_format: str | None = None
    output_format: str | None = None
    output_compression: int | None = None
    background: str | None = None
    moderation: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    seed: int | None = None

    def given(self) -> dict[str, str | int]:
        """The fields that were given, by name, in the order above."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in pairs if value is not None}
