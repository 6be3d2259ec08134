"""XMP in picture files: put in and read without decoding a pixel. png (iTXt), jpeg (APP1), webp (a chunk of its own).

By the formats' own documents: PNG 3rd edition 11.3.3.4, XMP part 3 (2020) 1.1.3 and 1.1.5, WebP container specification.
"""

from __future__ import annotations

import itertools
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_KEYWORD: Final = b"XML:com.adobe.xmp\0"
_JPEG_NAMESPACE: Final = b"http://ns.adobe.com/xap/1.0/\0"
_JPEG_SEGMENT_MAX: Final = 65_533
_WEBP_HEAD: Final = 12
_FLAG_XMP: Final = 0x04
_FLAG_ALPHA: Final = 0x10
_VP8X_BYTES: Final = 10
_FILL: Final = re.compile(rb"\xff*(?=\xff)")
# Encoders that write a picture of a hundred megabytes in pieces of 4 KiB have fewer.
_PIECES_MAX: Final = 32_768


class TooManyPiecesError(ValueError):
    """The file was made to be slow to read: no picture has so many chunks or segments."""


class _Piece(NamedTuple):
    """A chunk or segment: its kind, where it begins with its header, where its data begins, and where it ends."""

    kind: bytes
    start: int
    data: int
    end: int


def embedded(data: bytes, media_type: str, packet: str) -> bytes:
    """The file with that XMP packet in it, in the place of one that is there. Raises `ValueError` for a damaged file."""
    text = packet.encode()
    match media_type:
        case "image/png":
            return _into_png(data, text)
        case "image/jpeg":
            return _into_jpeg(data, text)
        case "image/webp":
            return _into_webp(data, text)
        case _:
            raise ValueError(f"XMP goes into png, jpeg and webp, not into {media_type}")


def packet_of(data: bytes, media_type: str) -> str | None:
    """The XMP packet of a file, None if it has none. Raises `ValueError` for a damaged file."""
    match media_type:
        case "image/png":
            found = [data[one.data : one.end - 4] for one in _png_chunks(data) if _is_png_xmp(data, one)]
            return _png_text(found[0]) if found else None
        case "image/jpeg":
            segments = [one for one in _jpeg_segments(data) if _is_jpeg_xmp(data, one)]
            return _text(data[segments[0].data + len(_JPEG_NAMESPACE) : segments[0].end]) if segments else None
        case "image/webp":
            chunks = [one for one in _webp_chunks(data) if one.kind == b"XMP "]
            return _text(data[chunks[0].data : chunks[0].end]) if chunks else None
        case _:
            return None


def kinds_before_pixels(data: bytes, media_type: str) -> Iterator[bytes]:
    """The kinds of chunks or segments of a file, up to where its pixels begin; of a webp all of them. `ValueError` as above."""
    match media_type:
        case "image/png":
            yield from itertools.takewhile(lambda kind: kind != b"IDAT", (one.kind for one in _png_chunks(data)))
        case "image/jpeg":
            yield from (one.kind for one in _jpeg_segments(data))
        case "image/webp":
            yield from (one.kind for one in _webp_chunks(data))
        case _:
            return


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def check_pieces(data: bytes, media_type: str) -> None:
    """Raises `TooManyPiecesError` for a file that it would take minutes to read; says nothing of other damage."""
    try:
        packet_of(data, media_type)
    except TooManyPiecesError:
        raise
    except ValueError:
        pass


def _counted(pieces: Iterator[_Piece]) -> Iterator[_Piece]:
    for number, piece in enumerate(pieces):
        if number == _PIECES_MAX:
            raise TooManyPiecesError("the file has more parts than pictures have")
        yield piece


# png ---------------------------------------------------------------------------------------------------------------------


def _png_chunks(data: bytes) -> Iterator[_Piece]:
    return _counted(_all_png_chunks(data))


def _all_png_chunks(data: bytes) -> Iterator[_Piece]:
    if not data.startswith(_PNG):
        raise ValueError("the file is no png")
    at = len(_PNG)
    while True:
        if at + 12 > len(data):
            raise ValueError("the png is cut off")
        (length,) = struct.unpack_from(">I", data, at)
        piece = _Piece(data[at + 4 : at + 8], at, at + 8, at + 12 + length)
        if piece.end > len(data):
            raise ValueError("the png is cut off")
        yield piece
        if piece.kind == b"IEND":
            return
        at = piece.end


def _is_png_xmp(data: bytes, one: _Piece) -> bool:
    return one.kind == b"iTXt" and data.startswith(_PNG_KEYWORD, one.data)


def _png_text(body: bytes) -> str | None:
    """The text of an iTXt chunk: keyword, two flags, language, translated keyword, text."""
    rest = body[len(_PNG_KEYWORD) :]
    is_packed, rest = rest[:1] == b"\1", rest[2:]
    for _ in range(2):
        _, _, rest = rest.partition(b"\0")
    if is_packed:
        try:
            rest = zlib.decompressobj().decompress(rest, 1 << 20)
        except zlib.error:
            return None
    return _text(rest)


def _into_png(data: bytes, text: bytes) -> bytes:
    chunks = list(_png_chunks(data))
    if not chunks or chunks[0].kind != b"IHDR":
        raise ValueError("the png has no header")
    body = b"iTXt" + _PNG_KEYWORD + b"\0\0\0\0" + text
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    view = memoryview(data)
    pieces: list[bytes | memoryview] = [view[: chunks[0].end], chunk]
    start = chunks[0].end
    for one in chunks[1:]:
        if _is_png_xmp(data, one):
            pieces.append(view[start : one.start])
            start = one.end
    return b"".join([*pieces, view[start:]])


# jpeg --------------------------------------------------------------------------------------------------------------------


def _jpeg_segments(data: bytes) -> Iterator[_Piece]:
    """The segments before the pixels."""
    return _counted(_all_jpeg_segments(data))


def _all_jpeg_segments(data: bytes) -> Iterator[_Piece]:
    if not data.startswith(b"\xff\xd8"):
        raise ValueError("the file is no jpeg")
    at = 2
    while True:
        fill = _FILL.match(data, at)
        at = fill.end() if fill else at
        kind = data[at : at + 2]
        if len(kind) < 2 or kind[0] != 0xFF:  # noqa: PLR2004 - every marker begins so
            raise ValueError("the jpeg is damaged")
        if kind in {b"\xff\xda", b"\xff\xd9"}:
            return
        if at + 4 > len(data):
            raise ValueError("the jpeg is cut off")
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(data):  # noqa: PLR2004 - the length counts its own two bytes
            raise ValueError("the jpeg is cut off")
        yield _Piece(kind, at, at + 4, end)
        at = end


def _is_jpeg_xmp(data: bytes, one: _Piece) -> bool:
    return one.kind == b"\xff\xe1" and data.startswith(_JPEG_NAMESPACE, one.data)


def _into_jpeg(data: bytes, text: bytes) -> bytes:
    body = _JPEG_NAMESPACE + text
    if len(body) > _JPEG_SEGMENT_MAX:
        raise ValueError("the packet is too long for a jpeg")
    segments = list(_jpeg_segments(data))
    # After JFIF's and Exif's own segments, which want to be first.
    place = 2
    for one in segments:
        is_first = one.kind == b"\xff\xe0" or (one.kind == b"\xff\xe1" and data.startswith(b"Exif\0", one.data))
        if not is_first:
            break
        place = one.end
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    view = memoryview(data)
    pieces: list[bytes | memoryview] = [view[:place], segment]
    start = place
    for one in segments:
        if _is_jpeg_xmp(data, one):
            pieces.append(view[start : one.start])
            start = one.end
    return b"".join([*pieces, view[start:]])


# webp --------------------------------------------------------------------------------------------------------------------


def _webp_chunks(data: bytes) -> Iterator[_Piece]:
    return _counted(_all_webp_chunks(data))


def _all_webp_chunks(data: bytes) -> Iterator[_Piece]:
    if not data.startswith(b"RIFF") or data[8:12] != b"WEBP":
        raise ValueError("the file is no webp")
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 < _WEBP_HEAD:
        raise ValueError("the webp is cut off")
    end = min(size + 8, len(data))
    at = _WEBP_HEAD
    while at < end:
        if at + 8 > end:
            raise ValueError("the webp is cut off")
        (length,) = struct.unpack_from("<I", data, at + 4)
        if at + 8 + length > end:
            raise ValueError("the webp is cut off")
        yield _Piece(data[at : at + 4], at, at + 8, at + 8 + length)
        at += 8 + length + length % 2
    # Said last, so that whoever counts chunks has counted them.
    if size + 8 > len(data):
        raise ValueError("the webp is cut off")


def _into_webp(data: bytes, text: bytes) -> bytes:
    chunks = list(_webp_chunks(data))
    if not chunks:
        raise ValueError("the webp has no picture")
    head = _extended(data, chunks[0])
    rest = [one for one in chunks if one.kind not in {b"VP8X", b"XMP "}]
    view = memoryview(data)
    pieces: list[bytes | memoryview] = [b"VP8X" + struct.pack("<I", _VP8X_BYTES), head]
    for one in rest:
        pieces.append(view[one.start : one.end])
        pieces.append(b"\0" * ((one.end - one.data) % 2))
    pieces += [b"XMP " + struct.pack("<I", len(text)), text, b"\0" * (len(text) % 2)]
    size = 4 + sum(len(one) for one in pieces)
    return b"".join([b"RIFF", struct.pack("<I", size), b"WEBP", *pieces])


def _extended(data: bytes, first: _Piece) -> bytes:
    """What VP8X says, with the flag for XMP set: from the one that is there, or from the picture itself."""
    body = data[first.data : first.end]
    flags: int
    match first.kind:
        case b"VP8X" if len(body) >= _VP8X_BYTES:
            return bytes([body[0] | _FLAG_XMP]) + body[1:_VP8X_BYTES]
        case b"VP8L" if len(body) >= 5:  # noqa: PLR2004
            bits = int.from_bytes(body[1:5], "little")
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
            flags = _FLAG_XMP | (_FLAG_ALPHA if bits >> 28 & 1 else 0)
        case b"VP8 " if len(body) >= 10:  # noqa: PLR2004
            width, height = (int.from_bytes(body[at : at + 2], "little") & 0x3FFF for at in (6, 8))
            flags = _FLAG_XMP
        case _:
            raise ValueError("the webp begins with something that is no picture")
    if not (width and height):
        raise ValueError("the webp has no size")
    return bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
