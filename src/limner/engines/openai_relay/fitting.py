"""An upstream's picture as the caller asked for it: the size, the file format. Left as it is wherever it fits already.

What a file is, is read from its first bytes. Only what does not fit is decoded, which takes tens of milliseconds: `fitted`
is for a thread. Pillow and numpy are imported when first needed.
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from limner.domain.spec import OutputFormat
from limner.engines import EngineFailed
from limner.engines.openai_relay.dialects import Size
from limner.engines.openai_relay.options import Fit

if TYPE_CHECKING:
    from PIL import Image

PIXELS_MAX: Final = 64_000_000
"""More than that is not decoded: four times the largest picture that any upstream paints."""
_EDGE_MAX: Final = 65_535
_AS_THEY_COME: Final = frozenset({OutputFormat.GIF, OutputFormat.SVG})
_SVG_HEAD: Final = 16 * 1024
# What may stand before the root: a mark of the encoding, a declaration, comments, a document type.
_SVG: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?[^>]*\?>\s*|<!--.*?-->\s*|<!DOCTYPE svg[^>\[]*>\s*)*<svg[\s>]", re.DOTALL
)
# Of an edge: less than that is cut off rather than scaled away, which would blur everything for it.
_SLACK: Final = 1 / 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A file of `output_format`, `width` x `height` pixels. `notes`: what was done to it, a sentence each."""

    data: bytes = field(repr=False)
    output_format: OutputFormat
    width: int
    height: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a file's first bytes say of it."""

    output_format: OutputFormat
    width: int
    height: int


def header_of(data: bytes) -> Header | None:
    """What the file is and how large, without decoding it. None: nothing that we know, or cut off in its header.

    An svg is as large as it is drawn: `width` and `height` are 0 then.
    """
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            return _header(OutputFormat.PNG, *struct.unpack_from(">II", data, 16))
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
        if data.startswith((b"GIF87a", b"GIF89a")):
            return _header(OutputFormat.GIF, *struct.unpack_from("<HH", data, 6))
    except struct.error:
        return None
    return Header(output_format=OutputFormat.SVG, width=0, height=0) if _SVG.match(data[:_SVG_HEAD]) else None


def at_once(
    data: bytes, *, size: Size, output_format: OutputFormat, fit: Fit, part: str | None = None
) -> Fitted | None:
    """The picture as it is, if that is what is wanted; None if `fitted` has work to do. Costs no time.

    A gif or an svg is never changed, whatever its size. Raises `EngineFailed` for what is no picture, for a file that has
    no end, and for what cannot be made into what is wanted.
    """
    header = _header_of_whole(data, part=part)
    made = size if header.output_format is OutputFormat.SVG else (header.width, header.height)
    if {header.output_format, output_format} & _AS_THEY_COME:
        if header.output_format is not output_format:
            raise EngineFailed(
                f"the upstream sent a {header.output_format}, and was asked for a {output_format}", part=part
            )
    elif header.output_format is not output_format or (fit != "off" and made != size):
        return None
    return Fitted(data=data, output_format=output_format, width=made[0], height=made[1], notes=_off_note(made, size))


def fitted(
    data: bytes, *, size: Size, output_format: OutputFormat, output_compression: int, fit: Fit, part: str | None = None
) -> Fitted:
    """The picture in the size and format wanted; `output_compression` (0-100) counts where it is encoded anew.

    Transparency survives, but in jpeg, where it becomes white. Raises `EngineFailed` for what is no picture, is cut off,
    or is too large to be decoded.
    """
    as_it_is = at_once(data, size=size, output_format=output_format, fit=fit, part=part)
    if as_it_is is not None:
        return as_it_is
    header = _header_of_whole(data, part=part)
    if header.width * header.height > PIXELS_MAX:
        raise EngineFailed(f"the upstream's picture is too large: {header.width}x{header.height} pixels", part=part)
    picture = _opened(data, part=part)
    # Not the header's: a mark in the file may have turned it.
    made = picture.size
    notes = _off_note(made, size)
    if made != size and fit != "off":
        picture, done = _resized(picture, size) if fit == "scale" else _cropped(picture, size)
        notes = (f"made at {made[0]}x{made[1]}, then {done} to {size[0]}x{size[1]}",)
    width, height = picture.size
    written = _encoded(picture, output_format, output_compression)
    return Fitted(data=written, output_format=output_format, width=width, height=height, notes=notes)


def _off_note(made: Size, size: Size) -> tuple[str, ...]:
    return () if made == size else (f"made at {made[0]}x{made[1]}; {size[0]}x{size[1]} was asked for",)


def _header_of_whole(data: bytes, *, part: str | None) -> Header:
    header = header_of(data)
    if header is None:
        raise EngineFailed("the upstream's picture is no file that we know: png, jpeg, webp, gif or svg", part=part)
    if not _has_end(data, header.output_format):
        raise EngineFailed("the upstream's picture is damaged: the file is cut off", part=part)
    return header


# reading -----------------------------------------------------------------------------------------------------------------


def _header(output_format: OutputFormat, width: int, height: int) -> Header | None:
    if not (0 < width <= _EDGE_MAX and 0 < height <= _EDGE_MAX):
        return None
    return Header(output_format=output_format, width=width, height=height)


# Start-of-frame segments: all of 0xC0-0xCF but tables (C4), a reserved one (C8) and arithmetic conditioning (CC).
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MARKER: Final = 0xFF
_LONE_MARKERS: Final = frozenset({0x01, *range(0xD0, 0xD9)})


def _jpeg(data: bytes) -> Header | None:
    """From segment to segment, until one says how large the picture is."""
    at = 2
    while at + 4 <= len(data) and data[at] == _MARKER:
        kind = data[at + 1]
        if kind == _MARKER:
            at += 1
        elif kind in _LONE_MARKERS:
            at += 2
        elif kind in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return _header(OutputFormat.JPEG, width, height)
        else:
            (length,) = struct.unpack_from(">H", data, at + 2)
            at += 2 + max(2, length)
    return None


_BITS_14: Final = 0x3FFF


def _webp(data: bytes) -> Header | None:
    kind = data[12:16]
    if kind == b"VP8X":
        # 24 bits each, less one
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return _header(OutputFormat.WEBP, width, height) if len(data) >= 30 else None  # noqa: PLR2004
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return _header(OutputFormat.WEBP, (bits & _BITS_14) + 1, (bits >> 14 & _BITS_14) + 1)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return _header(OutputFormat.WEBP, width & _BITS_14, height & _BITS_14)
    return None


_TAIL: Final = 64 * 1024


def _has_end(data: bytes, output_format: OutputFormat) -> bool:
    """Whether the file ends as such files do; a little may come after."""
    match output_format:
        case OutputFormat.PNG:
            return data.rfind(b"IEND\xaeB`\x82", -_TAIL) >= 0
        case OutputFormat.JPEG:
            return data.rfind(b"\xff\xd9", -_TAIL) >= 0
        case OutputFormat.GIF:
            return data[-_TAIL:].rstrip(b"\0").endswith(b";")
        case OutputFormat.SVG:
            return data[-_TAIL:].rstrip().endswith((b"</svg>", b"-->"))
        case OutputFormat.WEBP:
            return int.from_bytes(data[4:8], "little") + 8 <= len(data)


def _opened(data: bytes, *, part: str | None) -> Image.Image:
    """The pixels, upright, in RGB or RGBA."""
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as opened:
            opened.load()
            picture = ImageOps.exif_transpose(opened)
            is_clear = picture.has_transparency_data
            return picture.convert("RGBA" if is_clear else "RGB")
    except (OSError, SyntaxError, ValueError, MemoryError, Image.DecompressionBombError, struct.error) as error:
        raise EngineFailed(
            "the upstream's picture is damaged: it cannot be decoded", said=type(error).__name__, part=part
        ) from error


# changing ----------------------------------------------------------------------------------------------------------------


def _resized(picture: Image.Image, size: Size) -> tuple[Image.Image, str]:
    from PIL import Image

    return picture.resize(size, Image.Resampling.LANCZOS), "scaled"


def _cropped(picture: Image.Image, size: Size) -> tuple[Image.Image, str]:
    """The middle of it: as it is where hardly more than that is there, else scaled until it just covers."""
    from PIL import Image

    width, height = picture.size
    scale = max(size[0] / width, size[1] / height)
    is_little = 0 <= width - size[0] <= width * _SLACK and 0 <= height - size[1] <= height * _SLACK
    if scale == 1.0 or is_little:
        left, top = (width - size[0]) // 2, (height - size[1]) // 2
        return picture.crop((left, top, left + size[0], top + size[1])), "cropped"
    # Never below nothing, where floats would have it a hair so.
    aside, above = max(0.0, (width - size[0] / scale) / 2), max(0.0, (height - size[1] / scale) / 2)
    box = (aside, above, width - aside, height - above)
    done = "scaled" if width * size[1] == height * size[0] else "scaled and cropped"
    return picture.resize(size, Image.Resampling.LANCZOS, box=box), done


def _encoded(picture: Image.Image, output_format: OutputFormat, output_compression: int) -> bytes:
    import numpy as np

    from limner.kit import encode

    pixels = np.asarray(picture)
    match output_format:
        case OutputFormat.JPEG:
            return encode.jpeg(pixels, output_compression=output_compression)
        case OutputFormat.WEBP:
            return encode.webp(pixels, output_compression=output_compression)
        case OutputFormat.PNG:
            return encode.png(pixels)
        case OutputFormat.SVG | OutputFormat.GIF:
            raise EngineFailed(f"the relay writes no {output_format}")
