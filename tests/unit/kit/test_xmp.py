from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from limner.kit import xmp

PACKET = "<x:xmpmeta>an otter & a “hat” — 海獭</x:xmpmeta>"
TYPES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}


def picture(media_type: str, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    image = Image.effect_noise((33, 21), 60).convert(mode)
    image.save(file, TYPES[media_type], **options)
    return file.getvalue()


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as opened:
        return opened.convert("RGBA").tobytes()


VARIANTS: list[tuple[str, bytes]] = [
    ("image/png", picture("image/png")),
    ("image/png", picture("image/png", "RGBA")),
    ("image/jpeg", picture("image/jpeg")),
    ("image/jpeg", picture("image/jpeg", exif=Image.Exif().tobytes() or b"", progressive=True)),
    ("image/webp", picture("image/webp")),
    ("image/webp", picture("image/webp", "RGBA", lossless=True)),
    ("image/webp", picture("image/webp", "RGBA")),
    ("image/webp", picture("image/webp", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")),
]


@pytest.mark.parametrize(("media_type", "data"), VARIANTS)
def test_it_is_put_in_and_read_and_no_pixel_changes(media_type: str, data: bytes) -> None:
    assert xmp.packet_of(data, media_type) is None
    told = xmp.embedded(data, media_type, PACKET)
    assert xmp.packet_of(told, media_type) == PACKET
    assert pixels(told) == pixels(data)
    with Image.open(io.BytesIO(told)) as opened:
        seen = opened.info.get("xmp") or opened.info.get("XML:com.adobe.xmp")
    assert PACKET in (seen if isinstance(seen, str) else seen.decode())


@pytest.mark.parametrize(("media_type", "data"), VARIANTS)
def test_one_that_is_there_is_replaced(media_type: str, data: bytes) -> None:
    told = xmp.embedded(xmp.embedded(data, media_type, "<old/>" * 50), media_type, PACKET)
    assert told == xmp.embedded(data, media_type, PACKET)
    assert b"<old/>" not in told


@pytest.mark.parametrize(("media_type", "data"), VARIANTS[::2])
def test_what_is_cut_off_anywhere_is_said_and_never_breaks_us(media_type: str, data: bytes) -> None:
    for length in range(len(data) - 1):
        try:
            told = xmp.embedded(data[:length], media_type, PACKET)
        except ValueError:
            continue
        # The pixels of a jpeg are not looked at: what stands before them was whole.
        assert media_type == "image/jpeg"
        assert xmp.packet_of(told, media_type) == PACKET


@pytest.mark.parametrize(("media_type", "data"), VARIANTS)
def test_bytes_that_are_wrong_never_break_us(media_type: str, data: bytes) -> None:
    for place in range(min(len(data), 300)):
        for wrong in (0x00, 0xFF, 0x7F):
            broken = data[:place] + bytes([wrong]) + data[place + 1 :]
            try:
                xmp.packet_of(xmp.embedded(broken, media_type, PACKET), media_type)
            except ValueError:
                continue


def of_many_pieces(media_type: str, count: int) -> bytes:
    data = picture(media_type)
    if media_type == "image/png":
        empty = b"\0\0\0\0teXt" + struct.pack(">I", zlib.crc32(b"teXt"))
        return data[:33] + empty * count + data[33:]
    if media_type == "image/jpeg":
        return data[:2] + b"\xff\xfe\0\2" * count + data[2:]
    body = data[8:] + b"JUNK\0\0\0\0" * count
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("media_type", TYPES)
def test_a_file_that_was_made_to_be_slow_is_refused_at_once(media_type: str) -> None:
    # A gigabyte of memory and a minute and a half is what such a file of 50 MB would take.
    data = of_many_pieces(media_type, 40_000)
    for act in (xmp.packet_of, xmp.check_pieces, lambda *given: list(xmp.kinds_before_pixels(*given))):
        with pytest.raises(xmp.TooManyPiecesError, match="more parts"):
            act(data, media_type)
    with pytest.raises(xmp.TooManyPiecesError):
        xmp.embedded(data, media_type, PACKET)
    for cut in (1, 5, 13):  # what is cut off besides is not said first: others would go on reading
        with pytest.raises(xmp.TooManyPiecesError):
            xmp.check_pieces(data[:-cut], media_type)
    some = of_many_pieces(media_type, 20_000)
    xmp.check_pieces(some, media_type)
    assert xmp.packet_of(xmp.embedded(some, media_type, PACKET), media_type) == PACKET


def test_fill_bytes_between_a_jpeg_s_segments_are_passed_over() -> None:
    data = picture("image/jpeg")
    filled = data[:2] + b"\xff" * 5_000_000 + data[2:]
    assert xmp.packet_of(xmp.embedded(filled, "image/jpeg", PACKET), "image/jpeg") == PACKET
    with pytest.raises(ValueError, match="damaged"):
        xmp.packet_of(b"\xff\xd8" + b"\xff" * 1000, "image/jpeg")


def test_other_damage_is_for_others_to_say() -> None:
    xmp.check_pieces(b"hello", "image/png")
    xmp.check_pieces(picture("image/webp")[:40], "image/webp")
    xmp.check_pieces(b"<svg/>", "image/svg+xml")


def test_compressed_text_is_read_too() -> None:
    body = b"iTXtXML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(PACKET.encode())
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    data = picture("image/png")
    assert xmp.packet_of(data[:33] + chunk + data[33:], "image/png") == PACKET


def test_what_takes_none_says_so() -> None:
    with pytest.raises(ValueError, match="svg"):
        xmp.embedded(b"<svg/>", "image/svg+xml", PACKET)
    with pytest.raises(ValueError, match="too long"):
        xmp.embedded(picture("image/jpeg"), "image/jpeg", "x" * 70_000)
