"""What a picture file is made of, before any decoder sees it: its parts are counted, what tells of persons and places is left out.

Decoders are made for files that mean well: one of a few million tiny parts has them busy for a minute, or takes a
gigabyte. So a file is walked through first, a few bytes of each part in memory, and given up where it has too many. The rows
of a png are even proved to be there, which spares having them all in memory.
"""

from __future__ import annotations

import io
import mmap
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

PARTS_MAX: Final = 20_000
"""The most parts that a file may have: segments, chunks, blocks. A png of 50 MB as others write it has six thousand."""
UPRIGHT: Final = 1
_PIECE_BYTES: Final = 1 << 18
_EXIF_BYTES_MAX: Final = 1 << 20
_TEXT_BYTES_MAX: Final = 1 << 20
_BLOCKS_MAX: Final = 400_000
_EXIF: Final = b"Exif\x00"
_ORIENTATION, _ORIENTATIONS = 0x0112, range(1, 9)
_SHORT: Final = 3
_PLACE: Final = b"GPS"


class BrokenError(Exception):
    """The file is not made as its kind has to be, or is not whole."""


class TooManyPartsError(Exception):
    """It has more parts than any program writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """What is known of a file without decoding it.

    `size`: width and height in pixels, where the walk comes by it. `orientation`: as Exif has it, 1 to 8. `is_private`: it has
    parts that `cleaned` leaves out. `frames`: how many there are at least; 2 means several. `bits`: of a png's channels.
    `is_proved`: all that makes the picture is there, and fits. `has_alpha`: it may be seen through, as far as can be known.
    """

    size: tuple[int, int] | None = None
    orientation: int = UPRIGHT
    is_private: bool = False
    frames: int = 1
    bits: int = 8
    is_proved: bool = False
    has_alpha: bool = True


Measure = Callable[[int, int], None]
"""Is told width and height as soon as they are known, and raises what is wrong with them."""


def walk(path: Path, kind: str, *, measure: Measure) -> Skeleton:
    """Walk through a png, jpeg, webp or gif. Raises `BrokenError`, `TooManyPartsError`, or what `measure` raises."""
    walks: Mapping[str, Callable[[BinaryIO, Measure], Skeleton]] = {
        "png": _png,
        "jpeg": _jpeg,
        "webp": _webp,
        "gif": _gif,
    }
    with path.open("rb") as file:
        return walks[kind](file, measure)


def cleaned(path: Path, kind: str, out: Path) -> None:
    """Write a png, jpeg or webp without the parts that tell of persons and places; its pixels are not touched."""
    with path.open("rb") as file, out.open("wb") as copy:
        for piece in {"jpeg": _jpeg_pieces, "png": _png_pieces, "webp": _webp_pieces}[kind](file):
            copy.write(piece)
        if kind == "webp":
            length = copy.tell() - 8
            copy.seek(4)
            copy.write(struct.pack("<I", length))


def orientation_of(exif: bytes) -> int:
    """By Exif's first directory; what is no Exif, or says nothing, is upright."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return UPRIGHT
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, place)
            if tag == _ORIENTATION:
                return int(value) if kind == _SHORT and value in _ORIENTATIONS else UPRIGHT
    except struct.error:
        pass
    return UPRIGHT


def _rest(file: BinaryIO, length: int | None = None) -> Iterator[bytes]:
    while length is None or length > 0:
        piece = file.read(_PIECE_BYTES if length is None else min(length, _PIECE_BYTES))
        if not piece:
            return
        if length is not None:
            length -= len(piece)
        yield piece


def _parts() -> Iterator[int]:
    yield from range(PARTS_MAX)
    raise TooManyPartsError


# png ---------------------------------------------------------------------------------------------------------------------

_PNG_SIGNATURE_BYTES: Final = 8
_PNG_HEAD: Final = struct.Struct(">IIBBBBB")
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_BITS: Final = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_WITH_ALPHA: Final = frozenset({4, 6})
_INTERLACED: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_AT_ONCE: Final = ((0, 0, 1, 1),)
_FILTERS_MAX: Final = 4
_TEXTS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_PRIVATE_TEXTS: Final = (
    b"Raw profile type exif",
    b"Raw profile type APP1",
    b"Raw profile type iptc",
    b"Raw profile type xmp",
)
_XMP_TEXT: Final = b"XML:com.adobe.xmp"


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes, int]]:
    """Each chunk's head, name and length; the next one begins where this one ends, wherever one has read to."""
    place = file.seek(_PNG_SIGNATURE_BYTES)
    for _ in _parts():
        head = file.read(8)
        if len(head) < 8:  # noqa: PLR2004 - a length and a name
            raise BrokenError("it ends too early")
        length, name = int.from_bytes(head[:4]), head[4:]
        yield head, name, length
        if name == b"IEND":
            return
        place = file.seek(place + 12 + length)


def _png(file: BinaryIO, measure: Measure) -> Skeleton:
    file.seek(_PNG_SIGNATURE_BYTES)
    head = file.read(8 + _PNG_HEAD.size)
    if len(head) < 8 + _PNG_HEAD.size or head[:8] != b"\0\0\0\x0dIHDR":
        raise BrokenError("it has no head")
    width, height, bits, colour, _, _, interlace = _PNG_HEAD.unpack(head[8:])
    measure(width, height)
    if bits not in _BITS.get(colour, ()) or interlace > 1:
        raise BrokenError("there are no such pixels")
    rows = _Rows(width, height, bits=bits * _CHANNELS[colour], passes=_INTERLACED if interlace else _AT_ONCE)
    orientation, is_private, frames, has_alpha = UPRIGHT, False, 1, colour in _WITH_ALPHA
    for _, name, length in _chunks(file):
        if name in {b"IHDR", b"IDAT", b"PLTE", b"IEND"}:
            _check_sum(file, name, length, rows=rows if name == b"IDAT" else None)
        elif name == b"eXIf":
            orientation, is_private = orientation_of(file.read(min(length, _EXIF_BYTES_MAX))), True
        elif name == b"acTL":
            frames = max(frames, min(2, int.from_bytes(file.read(min(length, 4)))))
        elif name in _TEXTS:
            is_private = is_private or _is_private_text(name, file.read(min(length, _TEXT_BYTES_MAX)), length=length)
        has_alpha = has_alpha or name == b"tRNS"
    rows.end()
    return Skeleton(
        size=(width, height),
        orientation=orientation,
        is_private=is_private,
        frames=frames,
        bits=bits,
        is_proved=True,
        has_alpha=has_alpha,
    )


def _check_sum(file: BinaryIO, name: bytes, length: int, *, rows: _Rows | None) -> None:
    found = zlib.crc32(name)
    for piece in _rest(file, length):
        found = zlib.crc32(piece, found)
        if rows is not None:
            rows.take(piece)
    if file.read(4) != found.to_bytes(4):
        raise BrokenError("a part of it is not what it was")


class _Rows:
    """Counts the rows that come packed. Each begins with how it was filtered, a number from 0 to 4."""

    def __init__(self, width: int, height: int, *, bits: int, passes: tuple[tuple[int, int, int, int], ...]) -> None:
        self._packed = zlib.decompressobj()
        self._is_over = False
        self._length, self._done = 0, 0
        self._spans: list[tuple[int, int, int]] = []
        for x, y, wide, high in passes:
            columns, count = -(-(width - x) // wide), -(-(height - y) // high)
            if columns > 0 and count > 0:
                row = 1 + -(-columns * bits // 8)
                self._spans.append((self._length, row, row * count))
                self._length += row * count

    def take(self, piece: bytes) -> None:
        while piece and not self._is_over:
            try:
                rows = self._packed.decompress(piece, _PIECE_BYTES)
            except zlib.error as error:
                raise BrokenError("its pixels cannot be unpacked") from error
            self._check(rows)
            self._done += len(rows)
            # What comes after the last row is nobody's.
            self._is_over = self._packed.eof or self._done > self._length
            piece = self._packed.unconsumed_tail

    def _check(self, rows: bytes) -> None:
        for start, row, length in self._spans:
            low, high = max(start, self._done), min(start + length, self._done + len(rows))
            if low < high:
                first = low + (start - low) % row
                filters = rows[first - self._done : high - self._done : row]
                if filters and max(filters) > _FILTERS_MAX:
                    raise BrokenError("a row of it is written in no known way")

    def end(self) -> None:
        if not self._is_over or self._done < self._length:
            raise BrokenError("rows of it are missing")


def _is_private_text(name: bytes, body: bytes, *, length: int) -> bool:
    """Whether a chunk of text is Exif, or knows of a place; packed XMP may."""
    if body.startswith(_PRIVATE_TEXTS):
        return True
    if not body.startswith(_XMP_TEXT):
        return False
    is_packed = name == b"zTXt" or (name == b"iTXt" and body[len(_XMP_TEXT) + 1 : len(_XMP_TEXT) + 2] == b"\1")
    return is_packed or length > _TEXT_BYTES_MAX or _PLACE in body


def _png_pieces(file: BinaryIO) -> Iterator[bytes]:
    yield file.read(_PNG_SIGNATURE_BYTES)
    for head, name, length in _chunks(file):
        if name == b"eXIf":
            continue
        if name in _TEXTS:
            place = file.tell()
            if _is_private_text(name, file.read(min(length, _TEXT_BYTES_MAX)), length=length):
                continue
            file.seek(place)
        yield head
        yield from _rest(file, length + 4)


# jpeg --------------------------------------------------------------------------------------------------------------------

_ALONE: Final = frozenset({0x01, 0xC8, *range(0xD0, 0xD9), *range(0xF0, 0xFE)})
_PICTURE: Final = frozenset({0xDA, 0xD9})
_XMPS: Final = (b"http://ns.adobe.com/xap/", b"http://ns.adobe.com/xmp/extension/")
_APP1, _APP2, _APP13 = 0xE1, 0xE2, 0xED
_MARKER: Final = re.compile(rb"\xff[\x01\xc0-\xcf\xd8-\xfe]")


def _segments(file: BinaryIO) -> Iterator[tuple[int, bytes, bytes]]:
    """Each segment's number, head and body, up to the picture itself: there the file stands then, before its marker.

    What stands between segments is number 0: decoders read over it, and so do we.
    """
    file.seek(2)
    for _ in _parts():
        place = file.tell()
        marker = file.read(2)
        if len(marker) < 2 or (marker[0] == 0xFF and marker[1] in _PICTURE):  # noqa: PLR2004 - markers
            file.seek(place)
            return
        if marker[0] != 0xFF or marker[1] == 0xFF:  # noqa: PLR2004 - markers
            file.seek(place + 1)
            yield 0, b"", b""
        elif marker[1] == 0:
            yield 0, b"", b""
        elif marker[1] in _ALONE:
            yield marker[1], marker, b""
        else:
            size = file.read(2)
            if len(size) < 2 or int.from_bytes(size) < 2:  # noqa: PLR2004 - itself
                raise BrokenError("it ends too early")
            yield marker[1], marker + size, file.read(int.from_bytes(size) - 2)


def _is_private_segment(number: int, body: bytes) -> bool:
    if number == _APP1:
        return body.startswith(_EXIF) or (body.startswith(_XMPS) and _PLACE in body)
    # Where further pictures lie, which come after the first one and have Exif of their own; and Photoshop's notes: places,
    # names, and the picture in small, perhaps as it was before it was cut.
    return number in {0, _APP13} or (number == _APP2 and body.startswith(b"MPF\0"))


def _jpeg(file: BinaryIO, measure: Measure) -> Skeleton:  # noqa: ARG001 - the decoder measures before it decodes
    orientation, is_private = UPRIGHT, False
    for number, _, body in _segments(file):
        is_private = is_private or _is_private_segment(number, body)
        if number == _APP1 and body.startswith(_EXIF):
            orientation = orientation_of(body[6:])
    return Skeleton(orientation=orientation, is_private=is_private, has_alpha=False)


def _jpeg_pieces(file: BinaryIO) -> Iterator[bytes]:
    """Up to its end: what some cameras write behind that, such as a film with sound and place, is left out."""
    yield b"\xff\xd8"
    for number, head, body in _segments(file):
        if not _is_private_segment(number, body):
            yield head + body
    place = file.tell()
    yield from _rest(file, _end_of_jpeg(file) - place)


def _end_of_jpeg(file: BinaryIO) -> int:
    """Where the picture ends that begins here; where the file does, if it has no end. The file stands where it stood."""
    place = file.tell()
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for _ in _parts():
            found = _MARKER.search(data, place)
            if found is None:
                return len(data)
            place = found.end()
            if found[0] == b"\xff\xd9":
                return place
            if found[0][1] not in _ALONE:  # it has a length
                place += int.from_bytes(data[place : place + 2])
    raise AssertionError


# webp --------------------------------------------------------------------------------------------------------------------

_EXTENDED, _EXTENDED_BYTES = b"VP8X", 10
_SAYS_EXIF: Final = 0x08


def _webp_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes, int]]:
    """Each chunk's head, name and length, its filling included; as with a png's."""
    place = file.seek(12)
    for _ in _parts():
        head = file.read(8)
        if len(head) < 8:  # noqa: PLR2004 - a name and a length
            return
        length = int.from_bytes(head[4:], "little")
        length += length % 2
        yield head, head[:4], length
        place = file.seek(place + 8 + length)


def _webp(file: BinaryIO, measure: Measure) -> Skeleton:
    orientation, is_private, frames, size = UPRIGHT, False, 0, None
    for _, name, length in _webp_chunks(file):
        if name == _EXTENDED and length >= _EXTENDED_BYTES:
            body = file.read(_EXTENDED_BYTES)
            if len(body) < _EXTENDED_BYTES:
                raise BrokenError("it ends too early")
            size = (1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"))
            measure(*size)
        elif name == b"EXIF":
            exif = file.read(min(length, _EXIF_BYTES_MAX))
            orientation, is_private = orientation_of(exif[6:] if exif.startswith(_EXIF) else exif), True
        elif name == b"XMP ":
            is_private = is_private or _is_private_xmp(file, length)
        elif name == b"ANMF":
            frames += 1
    return Skeleton(size=size, orientation=orientation, is_private=is_private, frames=max(1, min(2, frames)))


def _is_private_xmp(file: BinaryIO, length: int) -> bool:
    return length > _TEXT_BYTES_MAX or _PLACE in file.read(length)


def _webp_pieces(file: BinaryIO) -> Iterator[bytes]:
    yield file.read(12)
    for head, name, length in _webp_chunks(file):
        place = file.tell()
        if name == b"EXIF":
            continue
        if name == b"XMP " and _is_private_xmp(file, length):
            # The head says that there is some, and so there is: of nothing.
            yield head[:4] + bytes(4)
            continue
        file.seek(place)
        if name == _EXTENDED:
            body = bytearray(file.read(length))
            body[:1] = bytes([body[0] & ~_SAYS_EXIF]) if body else b""
            yield head + bytes(body)
            continue
        yield head
        yield from _rest(file, length)


# gif ---------------------------------------------------------------------------------------------------------------------

_GIF_HEAD_BYTES: Final = 13
_TABLE: Final = 0x80


def _gif(file: BinaryIO, measure: Measure) -> Skeleton:
    """Up to the second frame, if there is one."""
    head = file.read(_GIF_HEAD_BYTES)
    if len(head) < _GIF_HEAD_BYTES:
        raise BrokenError("it ends too early")
    size = struct.unpack("<HH", head[6:10])
    measure(*size)
    file.seek(_table_bytes(head[10]), io.SEEK_CUR)
    frames, blocks = 0, 0
    for _ in _parts():
        mark = file.read(1)
        if mark == b"!":
            file.seek(1, io.SEEK_CUR)
        elif mark == b",":
            frames += 1
            if frames > 1:
                break
            told = file.read(9)
            file.seek((_table_bytes(told[8]) if len(told) > 8 else 0) + 1, io.SEEK_CUR)  # noqa: PLR2004 - where it stands
        else:
            break
        most = PARTS_MAX if mark == b"!" else _BLOCKS_MAX
        while (length := file.read(1)) not in {b"", b"\0"}:
            file.seek(length[0], io.SEEK_CUR)
            blocks += 1
            if blocks > most:
                raise TooManyPartsError
    return Skeleton(size=(size[0], size[1]), frames=max(1, frames))


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & _TABLE else 0
