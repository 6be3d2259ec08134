"""What a caller asked for, in the API's own words: types checked, values not yet.

A dialect makes it from the wire; the catalogue turns it into a `Spec` by the rules of the model's profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final, Literal, Self
from uuid import UUID

ResponseFormat = Literal["url", "b64_json"]


class Act(StrEnum):
    """What is asked for: a picture from words, from pictures and words, or another like a picture."""

    GENERATION = "generation"
    EDIT = "edit"
    VARIATION = "variation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A picture that came with a request, as it is kept: a file of the account.

    Pixels for `width` and `height`. `sha256`: of its bytes, in hexadecimal. `alpha`: none (it cannot be seen through),
    opaque (it could, and is nowhere clear), clear (somewhere it is). `url`: where it was fetched, if it was.
    `notes`: what was done to it, a sentence each.
    """

    file_id: UUID
    media_type: str
    bytes: int
    width: int
    height: int
    sha256: str
    alpha: Literal["none", "opaque", "clear"]
    url: str | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it is kept with a task."""
        pairs = ((one.name, getattr(self, one.name)) for one in fields(self))
        return {name: value for name, value in pairs if value not in (None, ())} | {"file_id": str(self.file_id)}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """The same back."""
        return cls(**{**kept, "file_id": UUID(kept["file_id"]), "notes": tuple(kept.get("notes", ()))})


FILE_ID_PREFIX: Final = "file-"
"""What ids of files begin with on the wire."""
_PICTURES: Final = ("images", "mask", "markup")


def as_sent(request: Mapping[str, Any]) -> dict[str, Any]:
    """A kept request as it was sent, or could be sent again: pictures by their links, else by the ids of their files."""
    told = dict(request)
    if "image" in told:
        named = [_named(one) for one in told["image"]]
        told["image"] = named if len(named) > 1 else named[0]
    return told | {name: _named(told[name]) for name in ("mask", "markup") if told.get(name) is not None}


def _named(kept: Mapping[str, Any]) -> str:
    return kept.get("url") or FILE_ID_PREFIX + UUID(kept["file_id"]).hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request for pictures. None: not given.

    `images`: pictures to start from; with them, a `prompt` of nothing asks for variations. `mask`, `markup`: as in `Spec`.
    `partial_images` counts only where the answer is streamed. `svg`: the object of that name.
    `extras`: fields that we do not know, as JSON values by name; the model's engine may.
    """

    prompt: str
    model: str
    images: tuple[Given, ...] = ()
    mask: Given | None = None
    markup: Given | None = None
    n: int | None = None
    size: str | None = None
    quality: str | None = None
    style: str | None = None
    response_format: str | None = None
    output_format: str | None = None
    output_compression: int | None = None
    background: str | None = None
    moderation: str | None = None
    input_fidelity: str | None = None
    partial_images: int | None = None
    complexity: str | None = None
    frame_count: int | None = None
    frame_duration_ms: int | None = None
    svg: Mapping[str, Any] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    seed: int | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)

    @property
    def act(self) -> Act:
        """What is asked for."""
        if not self.images:
            return Act.GENERATION
        return Act.EDIT if self.prompt else Act.VARIATION

    def given(self) -> dict[str, Any]:
        """The fields that were given, by name, in the order above; then the extras, as they came beside them.

        All are JSON values: of a picture, where it lies. The list of them is called `image`, as programs call it.
        """
        pairs = ((one.name, getattr(self, one.name)) for one in fields(self) if one.name not in {"extras", *_PICTURES})
        found = {name: value for name, value in pairs if value is not None}
        if self.images:
            found["image"] = [one.to_json() for one in self.images]
        for name, picture in (("mask", self.mask), ("markup", self.markup)):
            if picture is not None:
                found[name] = picture.to_json()
        return found | dict(self.extras)

    def identity(self) -> dict[str, Any]:
        """The same for telling whether two requests are one: of pictures, what is in them, not where they lie."""
        told = self.given()
        if self.images:
            told["image"] = [one.sha256 for one in self.images]
        for name, picture in (("mask", self.mask), ("markup", self.markup)):
            if picture is not None:
                told[name] = picture.sha256
        return told

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """The request that `given` was taken from."""
        known = {one.name for one in fields(cls)} - {"extras", *_PICTURES}
        pictures: dict[str, Any] = {
            name: Given.of(given[name]) for name in ("mask", "markup") if given.get(name) is not None
        }
        return cls(
            **{name: value for name, value in given.items() if name in known},
            **pictures,
            images=tuple(Given.of(one) for one in given.get("image", ())),
            extras={name: value for name, value in given.items() if name not in {*known, *_PICTURES, "image"}},
        )
