"""What a caller wants painted, and what an engine hands back.

`Spec` is a request after its profile has checked it: every choice made, every default filled in, nothing that an engine
would have to guess. `Picture` is one finished picture. Both are plain values: they cross process borders by pickling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any


class Quality(StrEnum):
    """How much work a picture is worth, from the quickest to the richest; the wire's many words map onto these."""

    LOW = "low"
    STANDARD = "standard"
    HD = "hd"


class Style(StrEnum):
    """dall-e-3's two moods: hyper-real and dramatic, or more natural."""

    VIVID = "vivid"
    NATURAL = "natural"


class Background(StrEnum):
    """`transparent`: the subjects alone, on alpha zero."""

    OPAQUE = "opaque"
    TRANSPARENT = "transparent"


class OutputFormat(StrEnum):
    """The file formats that engines write."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    SVG = "svg"

    @property
    def media_type(self) -> str:
        """The Content-Type to serve it with."""
        return "image/svg+xml" if self is OutputFormat.SVG else f"image/{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One request to an engine.

    `n` pictures of `width` x `height` pixels. `output_compression` is 0-100 and counts for jpeg and webp only. The same
    `seed` (0 to 2**63 - 1) must give the same bytes; picture `index` of the n uses `seed + index`, so that a caller can
    ask again for any one of them. None: the engine chooses and says which in `Picture.seed`.
    """

    prompt: str
    n: int
    width: int
    height: int
    quality: Quality
    style: Style
    background: Background
    output_format: OutputFormat
    output_compression: int
    seed: int | None

    def choices(self) -> dict[str, str | int | None]:
        """Everything but the prompt, as plain values: what is kept of it."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "prompt"}

    @classmethod
    def of(cls, *, prompt: str, choices: Mapping[str, Any]) -> Spec:
        """The spec that `choices` were taken from."""
        return cls(
            prompt=prompt,
            **{
                **choices,
                "quality": Quality(choices["quality"]),
                "style": Style(choices["style"]),
                "background": Background(choices["background"]),
                "output_format": OutputFormat(choices["output_format"]),
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an engine has come with a request, between 0 and 1."""

    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """A picture as far as it has come: the encoded file, `number` counting up from 0 for each index."""

    index: int
    number: int
    data: bytes
    output_format: OutputFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One finished picture: the encoded file, ready to be stored as it is."""

    index: int
    data: bytes
    output_format: OutputFormat
    width: int
    height: int
    seed: int
    revised_prompt: str
