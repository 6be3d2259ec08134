"""What a caller wants painted, and what an engine hands back.

`Spec` is a request after its profile has checked it: every choice made, every default filled in, nothing that an engine
would have to guess. An engine answers with `Picture`s and, in between, with what else there is to say: `Progress`,
`Partial`, `Usage`, `Setback`. All are plain values: they cross process borders by pickling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final


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
    GIF = "gif"

    @property
    def media_type(self) -> str:
        """The Content-Type to serve it with."""
        return "image/svg+xml" if self is OutputFormat.SVG else f"image/{self.value}"


class Cause(StrEnum):
    """What kind of trouble an engine had: by this, and not by its words, it is decided who tries next.

    BUSY: has too much to do, or was asked too often. FAILED: broke. TIMEOUT: took too long. UNAVAILABLE: cannot be reached,
    does not let us in, or is not there. QUOTA: our own means with it are used up. REFUSED: it will not paint that.
    CANNOT: it is not able to do what was asked (a size, a parameter).
    """

    BUSY = "busy"
    FAILED = "failed"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    QUOTA = "quota"
    REFUSED = "refused"
    CANNOT = "cannot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A picture that the caller gave: a whole png, jpeg or webp file, upright and already checked."""

    data: bytes = field(repr=False)
    media_type: str


VARIATION: Final = "Another picture like this one: the same subject, style and mood, composed anew."
"""What engines are told where the caller has given a picture and no words."""
_NOT_CHOICES: Final = frozenset({"prompt", "images", "mask", "markup"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One request to an engine.

    `n` pictures of `width` x `height` pixels. `output_compression` is 0-100 and counts for jpeg and webp only. The same
    `seed` (0 to 2**63 - 1) must give the same bytes; picture `index` of the n uses `seed + index`, so that a caller can
    ask again for any one of them. None: the engine chooses and says which in `Picture.seed`.

    `model`: under what name it was asked for. `quality_word`: the quality in the caller's own word; `size_word`: the size
    likewise, so that "auto" can be told from the default; `quality_told`: the quality in the profile's words, never auto. `partials`: how many unfinished pictures of each are wanted.
    `images`: pictures to start from, none for a picture from words alone; `mask`: a png as large as the first of them, to
    be painted anew where it is transparent; `markup`: a png as large, mostly transparent, with what was drawn over it to say
    what is meant. `is_variation`: there are no words but ours, and another picture like the first is wanted.
    `frames`, `frame_milliseconds`: of a gif. `input_fidelity` (low, high), `complexity` (low, medium, high), `svg` (the
    object of that name): hints in OpenAI's words, None where nothing was said.
    `extras`: parameters beyond the profile's, which the engine says it takes (`Engine.extras`): JSON values by name.
    `moderation`, `user`: as the caller gave them. `links_will_do`: the caller wants links, so that a picture which lies
    elsewhere may stay there. `notes`: what the caller is to know before anything is painted, a sentence each. `given_tokens`: what
    the pictures come to in tokens, where the engine does not count.
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
    model: str = ""
    quality_word: str = "auto"
    size_word: str = "auto"
    quality_told: str = ""
    partials: int = 0
    images: tuple[Source, ...] = ()
    mask: Source | None = None
    markup: Source | None = None
    is_variation: bool = False
    frames: int = 1
    frame_milliseconds: int = 200
    input_fidelity: str | None = None
    complexity: str | None = None
    svg: Mapping[str, Any] | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)
    moderation: str | None = None
    user: str | None = None
    links_will_do: bool = False
    notes: tuple[str, ...] = ()
    given_tokens: int = 0

    def choices(self) -> dict[str, Any]:
        """Everything but the prompt and the pictures, as plain values: what is kept of it."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name not in _NOT_CHOICES}

    @classmethod
    def of(cls, *, prompt: str, choices: Mapping[str, Any]) -> Spec:
        """The spec that `choices` were taken from."""
        return cls(
            prompt=VARIATION if choices.get("is_variation") else prompt,
            **{
                **choices,
                "quality": Quality(choices["quality"]),
                "style": Style(choices["style"]),
                "background": Background(choices["background"]),
                "output_format": OutputFormat(choices["output_format"]),
                "notes": tuple(choices.get("notes", ())),
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
class Usage:
    """What a request used, in tokens, as the engine counts them. Several of one request add up."""

    input_text_tokens: int = 0
    input_image_tokens: int = 0
    output_text_tokens: int = 0
    output_image_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Setback:
    """A try that came to nothing, though the engine goes on trying elsewhere.

    `part`: which of its upstreams or devices. `said`: what that told us, for the operator only. `seconds`: how long it took.
    `lost_pictures`: how many were charged to us, as far as can be known, and never arrived.
    """

    part: str
    cause: Cause
    said: str = field(repr=False)
    seconds: float
    lost_pictures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One finished picture.

    `data`: the encoded file, ready to be stored; empty where `link` is set: then the picture lies with an upstream, under
    that address, and stays there. `seed` None: the engine knows none. `revised_prompt`: what was really painted from.
    `part`: which of the engine's upstreams or devices made it. `notes`: what the caller should know, a sentence each
    ("made at 1536x1024, then cropped to 1792x1024").
    """

    index: int
    data: bytes = field(repr=False)
    output_format: OutputFormat
    width: int
    height: int
    seed: int | None
    revised_prompt: str
    link: str | None = field(default=None, repr=False)
    part: str | None = None
    notes: tuple[str, ...] = ()


Shown = Picture | Progress | Partial | Usage | Setback
"""All that an engine yields."""
