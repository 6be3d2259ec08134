"""What a caller asked for, in the API's own words: types checked, values not yet.

A dialect makes it from the wire; the catalogue turns it into a `Spec` by the rules of the model's profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

ResponseFormat = Literal["url", "b64_json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A generation request. None: not given.

    `extras`: fields that we do not know, as JSON values by name; the model's engine may.
    """

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
    extras: Mapping[str, Any] = field(default_factory=dict)

    def given(self) -> dict[str, Any]:
        """The fields that were given, by name, in the order above; then the extras, as they came beside them."""
        pairs = ((one.name, getattr(self, one.name)) for one in fields(self) if one.name != "extras")
        return {name: value for name, value in pairs if value is not None} | dict(self.extras)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """The request that `given` was taken from."""
        known = {one.name for one in fields(cls)} - {"extras"}
        return cls(
            **{name: value for name, value in given.items() if name in known},
            extras={name: value for name, value in given.items() if name not in known},
        )
