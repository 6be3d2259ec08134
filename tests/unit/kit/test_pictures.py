"""Which file becomes what: the same table, in words, is in docs/api.md under "What happens to which file"."""

from __future__ import annotations

import hashlib
import io
import random
import struct
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image, ImageCms

from limner.kit.pictures import EDGE_MIN, REWRITTEN_PIXELS_MAX, Checked, PictureError, check
from support.pictures import encoded

RED, GREEN, BLUE, WHITE = (250, 10, 10), (10, 250, 10), (10, 10, 250), (250, 250, 250)
ORIENTATION, GPS, PLACE = 0x0112, 0x8825, {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)}
LONG_BYTES: Final = 50_000_000
MANY_PIXELS: Final = 40_000_000


def corners(width: int = 64, height: int = 48, *, mode: str = "RGB") -> Image.Image:
    """Four quarters of four colours, clockwise from the top left: red, green, blue, white."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(GREEN, (width // 2, 0, width, height // 2))
    picture.paste(WHITE, (0, height // 2, width // 2, height))
    picture.paste(BLUE, (width // 2, height // 2, width, height))
    return picture.convert(mode)


def rough(width: int = 64, height: int = 48, *, seed: int = 1, channels: int = 3) -> Image.Image:
    """Noise, the same each time: no format makes it small, so that all of a file matters."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Image.fromarray(pixels)


def seen_through(width: int = 64, height: int = 48, *, alpha: int = 0) -> Image.Image:
    """The corners, the red one as clear as `alpha` says."""
    picture = corners(width, height).convert("RGBA")
    picture.paste((0, 0, 0, alpha), (0, 0, width // 2, height // 2))
    return picture


def exif(*, orientation: int | None = None, place: bool = False) -> Image.Exif:
    told = Image.Exif()
    if orientation is not None:
        told[ORIENTATION] = orientation
    if place:
        told[GPS] = PLACE
    return told


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def handmade(*chunks: bytes, width: int = 64, height: int = 48, bits: int = 8, colour: int = 2) -> bytes:
    """A png of these chunks, after the one that says how large it is."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def flat_rows(width: int, height: int) -> bytes:
    return chunk(b"IDAT", zlib.compress(bytes(height * (1 + 3 * width)), 9))


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., Checked]:
    """Checks bytes."""

    def looked(data: bytes, *, bytes_max: int = LONG_BYTES, pixels_max: int = MANY_PIXELS) -> Checked:
        path = tmp_path / "given"
        path.write_bytes(data)
        return check(path, bytes_max=bytes_max, pixels_max=pixels_max)

    return looked


def opened(checked: Checked) -> Image.Image:
    """What came out, by another reading: it must be what was said of it, and a picture that anybody can use."""
    data = checked.path.read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (checked.bytes, checked.sha256)
    picture = Image.open(io.BytesIO(data))
    picture.load()
    assert picture.format is not None
    assert checked.media_type == f"image/{picture.format.lower()}"
    assert checked.media_type in {"image/png", "image/jpeg", "image/webp"}
    assert picture.size == (checked.width, checked.height)
    assert getattr(picture, "n_frames", 1) == 1
    assert not picture.getexif()
    return picture


def colours(picture: Image.Image) -> list[tuple[int, ...]]:
    """Of the four corners, clockwise from the top left."""
    shown, (width, height) = picture.convert("RGB"), picture.size
    places = ((3, 3), (width - 4, 3), (width - 4, height - 4), (3, height - 4))
    return [shown.getpixel(place) for place in places]  # type: ignore[misc]


def near(seen: list[tuple[int, ...]], wanted: list[tuple[int, int, int]]) -> bool:
    return bool(np.abs(np.array(seen) - np.array(wanted)).max() < 40)


def refused(look: Callable[..., Checked], data: bytes, **limits: int) -> tuple[str, str]:
    with pytest.raises(PictureError) as error:
        look(data, **limits)
    return error.value.kind, error.value.message


# taken as they are -------------------------------------------------------------------------------------------------------

AS_THEY_ARE: Final[dict[str, tuple[bytes, str, str]]] = {
    "png": (encoded(corners()), "image/png", "none"),
    "grey png": (encoded(corners(mode="L")), "image/png", "none"),
    "png of one bit": (encoded(corners(mode="1")), "image/png", "none"),
    "png with a palette": (encoded(corners().quantize(8)), "image/png", "none"),
    "interlaced png": (encoded(rough(), interlace=True), "image/png", "none"),
    "opaque rgba png": (encoded(corners(mode="RGBA")), "image/png", "opaque"),
    "half clear rgba png": (encoded(seen_through(alpha=128)), "image/png", "opaque"),
    "clear rgba png": (encoded(seen_through()), "image/png", "clear"),
    "clear grey png": (encoded(seen_through().convert("LA")), "image/png", "clear"),
    "palette png with clear colours": (encoded(seen_through().quantize(8)), "image/png", "clear"),
    "palette png with one clear colour": (
        encoded(corners().quantize(8), transparency=corners().quantize(8).getpixel((0, 0))),
        "image/png",
        "clear",
    ),
    "palette png whose clear colour is nowhere": (
        encoded(corners().quantize(8), transparency=200),
        "image/png",
        "opaque",
    ),
    "rgb png with a clear colour": (encoded(corners(), transparency=RED), "image/png", "clear"),
    "rgb png whose clear colour is nowhere": (encoded(corners(), transparency=(1, 2, 3)), "image/png", "opaque"),
    "jpeg": (encoded(corners(), "JPEG"), "image/jpeg", "none"),
    "grey jpeg": (encoded(corners(mode="L"), "JPEG"), "image/jpeg", "none"),
    "progressive jpeg": (encoded(rough(), "JPEG", progressive=True), "image/jpeg", "none"),
    "webp": (encoded(corners(), "WEBP"), "image/webp", "none"),
    "lossless webp": (encoded(rough(), "WEBP", lossless=True), "image/webp", "none"),
    "clear webp": (encoded(seen_through(), "WEBP", lossless=True, exact=True), "image/webp", "clear"),
    "opaque webp": (encoded(seen_through(alpha=200), "WEBP", lossless=True), "image/webp", "opaque"),
    "smallest": (encoded(rough(EDGE_MIN, EDGE_MIN)), "image/png", "none"),
    "with something after its end": (encoded(corners()) + b"PK\x03\x04" * 10, "image/png", "none"),
}


@pytest.mark.parametrize("name", AS_THEY_ARE)
def test_a_good_file_is_taken_as_it_is(look: Callable[..., Checked], name: str) -> None:
    data, media_type, alpha = AS_THEY_ARE[name]

    checked = look(data)

    assert (checked.media_type, checked.alpha, checked.notes) == (media_type, alpha, ())
    assert checked.path.read_bytes() == data
    opened(checked)


@pytest.mark.parametrize("profile", [True, False])
def test_a_colour_profile_stays(look: Callable[..., Checked], *, profile: bool) -> None:
    told = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options = {"icc_profile": told} if profile else {}

    assert ("icc_profile" in opened(look(encoded(corners(), "JPEG", **options))).info) == profile


def test_neither_its_name_nor_what_is_said_of_it_counts(tmp_path: Path) -> None:
    path = tmp_path / "otter.png"
    path.write_bytes(encoded(corners(), "JPEG"))

    checked = check(path, bytes_max=LONG_BYTES, pixels_max=MANY_PIXELS)

    assert checked.media_type == "image/jpeg"
    assert near(colours(opened(checked)), [RED, GREEN, BLUE, WHITE])


# made usable -------------------------------------------------------------------------------------------------------------

FRAMES: Final = [corners().transpose(Image.Transpose.ROTATE_180)] * 3
ANIMATED: Final = "an animated picture was given: its first frame was taken"
TURNED: Final = "the picture was turned upright, as its Exif says"
REWRITTEN: Final[dict[str, tuple[bytes, str, str]]] = {
    "gif": (encoded(corners(), "GIF"), "image/png", "the gif that was given was made a png"),
    "animated gif": (encoded(corners(), "GIF", save_all=True, append_images=FRAMES), "image/png", ANIMATED),
    "animated webp": (encoded(corners(), "WEBP", save_all=True, append_images=FRAMES), "image/png", ANIMATED),
    "animated png": (encoded(corners(), "PNG", save_all=True, append_images=FRAMES), "image/png", ANIMATED),
    "CMYK jpeg": (
        encoded(corners(mode="CMYK"), "JPEG"),
        "image/jpeg",
        "the picture was in CMYK and was converted to RGB",
    ),
    "CMYK jpeg with a profile that is for RGB": (
        encoded(
            corners(mode="CMYK"),
            "JPEG",
            icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        ),
        "image/jpeg",
        "the picture was in CMYK and was converted to RGB",
    ),
    "CMYK jpeg with a profile that is none": (
        encoded(corners(mode="CMYK"), "JPEG", icc_profile=b"no profile"),
        "image/jpeg",
        "the picture was in CMYK and was converted to RGB",
    ),
}


@pytest.mark.parametrize("name", REWRITTEN)
def test_what_few_can_read_is_made_what_all_can(look: Callable[..., Checked], name: str) -> None:
    data, media_type, note = REWRITTEN[name]

    checked = look(data)

    assert (checked.media_type, checked.notes, checked.alpha) == (media_type, (note,), "none")
    assert near(colours(opened(checked)), [RED, GREEN, BLUE, WHITE])
    assert opened(checked).mode == "RGB"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_turned_photograph_is_upright(look: Callable[..., Checked], kind: str, orientation: int) -> None:
    upright = corners()
    # Each of Exif's numbers says what has to be done; undo that first.
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}.get(orientation)
    turned = upright if undo is None else upright.transpose(Image.Transpose(undo))

    checked = look(encoded(turned, kind, exif=exif(orientation=orientation), quality=95))

    assert (checked.width, checked.height) == upright.size
    assert near(colours(opened(checked)), [RED, GREEN, BLUE, WHITE])
    assert checked.notes == (() if orientation == 1 else (TURNED,))
    assert checked.media_type == {"JPEG": "image/jpeg", "PNG": "image/png"}.get(
        kind, "image/webp" if orientation == 1 else "image/png"
    )


def test_a_turned_png_that_can_be_seen_through_still_can(look: Callable[..., Checked]) -> None:
    checked = look(encoded(seen_through(), exif=exif(orientation=6)))

    assert (checked.alpha, (checked.width, checked.height)) == ("clear", (48, 64))
    assert opened(checked).getchannel("A").getpixel((40, 3)) == 0


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_is_none_turns_nothing(look: Callable[..., Checked], orientation: int) -> None:
    checked = look(encoded(corners(), "JPEG", exif=exif(orientation=orientation)))

    assert checked.notes == ()
    assert near(colours(opened(checked)), [RED, GREEN, BLUE, WHITE])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_where_it_was_taken_is_forgotten_and_its_pixels_are_not_touched(
    look: Callable[..., Checked], kind: str
) -> None:
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(rough(), kind, exif=exif(place=True), **options)
    assert Image.open(io.BytesIO(data)).getexif().get_ifd(GPS), "or there is nothing to forget"

    checked = look(data)

    assert checked.notes == ()
    after, before = opened(checked), Image.open(io.BytesIO(data))
    assert np.array_equal(np.asarray(after), np.asarray(before))
    assert checked.bytes < len(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_turned_photograph_does_not_say_where_it_was_taken(look: Callable[..., Checked], kind: str) -> None:
    checked = look(encoded(corners(), kind, exif=exif(orientation=6, place=True)))

    assert not opened(checked).getexif()


PRIVATE: Final[dict[str, bytes]] = {
    "raw Exif in text": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n4\n47505320\n")),
    "raw Exif in plain text": chunk(b"tEXt", b"Raw profile type APP1\0\nexif\n4\n47505320\n"),
    "packed XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"exif:GPSLatitude")),
    "packed XMP in text": chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(b"exif:GPSLatitude")),
    "XMP of two megabytes": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b" " * 2_000_000 + b"exif:GPSLatitude"),
    "Exif": chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0"),
}


@pytest.mark.parametrize("name", PRIVATE)
@pytest.mark.parametrize("is_behind", [False, True])
def test_where_a_png_was_made_is_forgotten_wherever_it_stands(
    look: Callable[..., Checked], name: str, *, is_behind: bool
) -> None:
    parts = [PRIVATE[name], flat_rows(64, 48)]
    kept = chunk(b"tEXt", b"Comment\0an otter")

    checked = look(handmade(kept, *(reversed(parts) if is_behind else parts)))

    assert checked.path.read_bytes() == handmade(kept, flat_rows(64, 48))
    assert checked.notes == ()


def test_what_cameras_put_behind_a_photograph_is_left_out(look: Callable[..., Checked]) -> None:
    several = encoded(corners(), "MPO", save_all=True, append_images=[encoded_again(exif(place=True))])
    film = encoded(corners(), "JPEG", exif=exif(place=True)) + b"\0\0\0\x18ftypmp42 +52.5200+013.4050/"
    assert several.count(b"Exif\0") == 1

    for data in (several, film):
        checked = look(data)
        kept = checked.path.read_bytes()

        assert near(colours(opened(checked)), [RED, GREEN, BLUE, WHITE])
        assert b"Exif" not in kept
        assert b"ftyp" not in kept
        assert kept.endswith(b"\xff\xd9")
        assert checked.notes == ()


def encoded_again(told: Image.Exif) -> Image.Image:
    """A photograph that knows where it was taken, as a second one of a file."""
    picture = Image.open(io.BytesIO(encoded(corners(32, 32), "JPEG", exif=told)))
    picture.encoderinfo = {"exif": told.tobytes()}
    return picture


@pytest.mark.parametrize("between", [b"\xff\xff", b"\0", b"junk", b"\xff\0"])
def test_exif_behind_what_decoders_read_over_is_found(look: Callable[..., Checked], between: bytes) -> None:
    data = encoded(corners(), "JPEG", exif=exif(place=True))
    place = data.index(b"\xff\xe1")
    given = data[:place] + between + data[place:]

    assert b"Exif" not in look(given).path.read_bytes()


def test_photoshop_s_notes_are_left_out(look: Callable[..., Checked]) -> None:
    data, place = encoded(corners(), "JPEG"), 2
    notes = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\x0a\x1c\x02\x5a\0\6Berlin"
    given = data[:place] + b"\xff\xed" + (len(notes) + 2).to_bytes(2) + notes + data[place:]

    assert look(given).path.read_bytes() == data


XMP: Final = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" %s/></rdf:RDF></x:xmpmeta>'
)


def with_xmp(kind: str, packet: bytes) -> bytes:
    if kind == "PNG":
        text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
        return handmade(text, flat_rows(64, 48))
    return encoded(corners(), kind, xmp=packet)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_xmp_with_a_place_in_it_goes_and_other_xmp_stays(look: Callable[..., Checked], kind: str) -> None:
    with_place, without = XMP % b'exif:GPSLatitude="52,31.2N"', XMP % b'exif:Flash="0"'

    assert b"52,31.2N" not in look(with_xmp(kind, with_place)).path.read_bytes()
    assert b'exif:Flash="0"' in look(with_xmp(kind, without)).path.read_bytes()


@pytest.mark.parametrize("channels", ["grey", "grey and alpha", "RGB", "RGBA"])
def test_sixteen_bits_a_channel_become_eight(look: Callable[..., Checked], channels: str) -> None:
    count, colour = {"grey": (1, 0), "grey and alpha": (2, 4), "RGB": (3, 2), "RGBA": (4, 6)}[channels]
    pixel = struct.pack(f">{count}H", *[0x4000, 0x8000, 0xC000, 0xFFFF][:count])
    rows = b"".join(b"\0" + pixel * 64 for _ in range(48))

    checked = look(handmade(chunk(b"IDAT", zlib.compress(rows)), bits=16, colour=colour))

    assert checked.notes == ("the picture had 16 bits a channel and was brought to 8",)
    seen = opened(checked).getpixel((5, 5))
    bands = (seen,) if isinstance(seen, int) else seen
    assert bands is not None
    assert abs(int(bands[0]) - 0x40) <= 1
    assert checked.media_type == "image/png"


def test_what_has_to_be_written_anew_and_is_very_large_is_scaled_down(look: Callable[..., Checked]) -> None:
    large = encoded(corners(5000, 4000), "JPEG", exif=exif(orientation=6))

    checked = look(large)

    assert checked.width * checked.height <= REWRITTEN_PIXELS_MAX
    assert (checked.width, checked.height) == (2000, 2500)
    assert checked.notes == (TURNED, "the picture was scaled down from 5000x4000 to 2500x2000")
    assert near(colours(opened(checked)), [WHITE, RED, GREEN, BLUE])


# refused -----------------------------------------------------------------------------------------------------------------

TAKEN: Final = "send png, jpeg, webp or gif"
UNSUPPORTED: Final[dict[str, tuple[bytes, str]]] = {
    "bmp": (encoded(corners(), "BMP"), "this is a BMP, which is not read here"),
    "tiff": (encoded(corners(), "TIFF"), "this is a TIFF, which is not read here"),
    "big-endian tiff": (b"MM\x00*" + bytes(100), "this is a TIFF, which is not read here"),
    "heic": (b"\0\0\0\x18ftypheic" + bytes(100), "this is a HEIC, which is not read here"),
    "heif": (b"\0\0\0\x18ftypmif1" + bytes(100), "this is a HEIC, which is not read here"),
    "avif": (encoded(corners(), "AVIF"), "this is an AVIF, which is not read here"),
    "mp4": (b"\0\0\0\x18ftypisom" + bytes(100), "this is a film, which is not read here"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "this is an SVG or another XML, which is not read here"),
    "svg with a preface": (
        b'\xef\xbb\xbf\n<?xml version="1.0"?><svg/>',
        "this is an SVG or another XML, which is not read here",
    ),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", "this is a PDF, not a picture"),
    "html": (b"\n<!DOCTYPE html><p>no", "this is a web page, not a picture: a link may lead to one"),
    "json": (b'{"error": "no"}', "this is JSON, not a picture"),
    "ico": (encoded(corners(), "ICO"), "this is no picture that is known here"),
    "jpeg 2000": (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100), "this is no picture that is known here"),
    "wave, in a RIFF as webp is": (b"RIFF\x24\0\0\0WAVEfmt ", "this is no picture that is known here"),
    "text": (b"hello there", "this is no picture that is known here"),
    "zeros": (bytes(5000), "this is no picture that is known here"),
    "one byte": (b"\x89", "this is no picture that is known here"),
    "postscript, which some decoders would run": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        "this is no picture that is known here",
    ),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_not_read_is_called_by_its_name(look: Callable[..., Checked], name: str) -> None:
    data, words = UNSUPPORTED[name]

    assert refused(look, data) == ("unsupported", f"{words}: {TAKEN}")


def test_an_empty_file(look: Callable[..., Checked]) -> None:
    assert refused(look, b"") == ("empty", f"the picture is an empty file: {TAKEN}")


def test_as_many_bytes_as_may_be_and_one_more(look: Callable[..., Checked]) -> None:
    data = encoded(rough())

    assert look(data, bytes_max=len(data)).bytes == len(data)
    assert refused(look, data, bytes_max=len(data) - 1) == (
        "too_large",
        f"the picture has {len(data):,} bytes: {len(data) - 1:,} are the most",
    )


def test_as_many_pixels_as_may_be_and_one_row_more(look: Callable[..., Checked]) -> None:
    assert look(encoded(corners(64, 48)), pixels_max=64 * 48).width == 64
    assert refused(look, encoded(corners(64, 49)), pixels_max=64 * 48) == (
        "too_many_pixels",
        "the picture has 64x49 pixels: 3,072 in all are the most, so send a smaller one",
    )


@pytest.mark.parametrize("size", [(1, 1), (7, 600), (600, 7)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_of_hardly_any_pixels(look: Callable[..., Checked], kind: str, size: tuple[int, int]) -> None:
    assert refused(look, encoded(corners(*size), kind)) == (
        "too_small",
        f"the picture has {size[0]}x{size[1]} pixels: it takes 8 either way at least",
    )


@pytest.mark.parametrize("size", [(0, 0), (0, 48), (64, 0)])
def test_a_png_of_no_size_at_all(look: Callable[..., Checked], size: tuple[int, int]) -> None:
    kind, _ = refused(look, handmade(chunk(b"IDAT", zlib.compress(b"")), width=size[0], height=size[1]))

    assert kind in {"damaged", "too_small"}


WHOLE: Final[dict[str, tuple[bytes, int, int]]] = {
    # The file; how many bytes tell of what kind it is; how many at its end hold nothing of the picture.
    "png": (encoded(rough()), 8, 0),
    "interlaced png": (encoded(rough(), interlace=True), 8, 0),
    "jpeg": (encoded(rough(), "JPEG"), 3, 0),
    "progressive jpeg": (encoded(rough(), "JPEG", progressive=True), 3, 0),
    "webp": (encoded(rough(), "WEBP"), 12, 0),
    "lossless webp": (encoded(rough(), "WEBP", lossless=True), 12, 0),
    "animated webp": (encoded(rough(), "WEBP", save_all=True, append_images=[rough(seed=2)]), 12, 0),
    "gif": (encoded(rough(), "GIF"), 6, 2),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_cut_off_anywhere_is_damaged(look: Callable[..., Checked], name: str) -> None:
    data, known, idle = WHOLE[name]
    kind = name.rpartition(" ")[2]
    last = len(data) - idle
    damaged = ("damaged", f"the picture is a {kind} that is damaged or cut off: send the whole file")

    assert look(data).width == 64
    assert {refused(look, data[:length])[0] for length in range(1, known)} == {"unsupported"}
    for length in [*range(known, 200), *range(200, last - 60, 97), *range(last - 60, last)]:
        assert refused(look, data[:length]) == damaged, f"{length} of {len(data)} bytes"


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.999])
def test_a_large_photograph_cut_off_is_damaged_as_well(look: Callable[..., Checked], share: float) -> None:
    large = encoded(rough(2400, 2000), "JPEG")

    assert look(large).path.read_bytes() == large
    assert refused(look, large[: int(len(large) * share)])[0] == "damaged"


def test_a_gif_whose_first_frame_is_whole_is_taken_though_the_rest_is_cut_off(look: Callable[..., Checked]) -> None:
    data = encoded(corners(), "GIF", save_all=True, append_images=FRAMES)

    assert look(data[:-30]).notes == (ANIMATED,)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_pixels_that_are_not_what_they_were_packed_from(look: Callable[..., Checked], kind: str) -> None:
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    data = bytearray(encoded(rough(), kind, **options))
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)

    try:
        opened(look(bytes(data)))  # noise of another kind is a picture, too
    except PictureError as error:
        outcome = error.kind
    else:
        outcome = "damaged"
    assert outcome == "damaged"


@pytest.mark.parametrize("place", [30, 37, 41, 60, 200])
def test_a_png_whose_checks_do_not_hold(look: Callable[..., Checked], place: int) -> None:
    data = bytearray(encoded(rough()))
    data[place] ^= 0xFF

    assert refused(look, bytes(data))[0] == "damaged"


def test_a_png_with_fewer_rows_than_it_says(look: Callable[..., Checked]) -> None:
    assert refused(look, handmade(flat_rows(64, 20)))[0] == "damaged"


def test_a_png_with_more_rows_than_it_says_is_no_larger_for_it(look: Callable[..., Checked]) -> None:
    data = handmade(flat_rows(64, 200_000))
    tracemalloc.start()
    checked = look(data)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (checked.width, checked.height) == (64, 48)
    assert most < 2_000_000


def test_a_png_whose_row_is_written_in_no_known_way(look: Callable[..., Checked]) -> None:
    rows = bytearray(48 * (1 + 3 * 64))
    rows[5 * 193] = 5

    assert refused(look, handmade(chunk(b"IDAT", zlib.compress(bytes(rows)))))[0] == "damaged"


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("size", [(8, 8), (9, 13), (33, 17), (64, 48)])
@pytest.mark.parametrize("is_interlaced", [False, True])
def test_rows_are_counted_whatever_their_length(
    look: Callable[..., Checked], bits: int, size: tuple[int, int], *, is_interlaced: bool
) -> None:
    width, height = size
    picture = Image.effect_noise(size, 80)
    if bits < 8:
        picture = picture.convert("P").quantize(2**bits)
    data = encoded(picture, bits=bits, interlace=is_interlaced) if bits < 16 else encoded(picture.convert("I;16"))

    assert (look(data).width, look(data).height) == (width, height)
    assert refused(look, data[:-13])[0] == "damaged"


# bombs -------------------------------------------------------------------------------------------------------------------

RIFF: Final = struct.Struct("<4sI")


def webp_canvas(width: int, height: int) -> bytes:
    """A webp that says that it is so large, with one small frame."""
    still = encoded(rough(), "WEBP")[12:]
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    extended = RIFF.pack(b"VP8X", 10) + bytes([0x02, 0, 0, 0]) + canvas
    animation = RIFF.pack(b"ANIM", 6) + bytes(6)
    frame = bytes(6) + (63).to_bytes(3, "little") + (47).to_bytes(3, "little") + (100).to_bytes(3, "little") + b"\0"
    frames = RIFF.pack(b"ANMF", len(frame) + len(still)) + frame + still
    body = b"WEBP" + extended + animation + frames * 2
    return RIFF.pack(b"RIFF", len(body)) + body


def gif_screen(width: int, height: int) -> bytes:
    data = bytearray(encoded(corners(), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def jpeg_frame(width: int, height: int) -> bytes:
    data = bytearray(encoded(corners(), "JPEG"))
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def zipped_text(name: bytes, size: int) -> bytes:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1_000_000)) for _ in range(size // 1_000_000)) + packer.flush()
    head = b"k\0\0" if name == b"zTXt" else b"k\0\1\0\0\0" if name == b"iTXt" else b"k\0\0"
    return handmade(chunk(name, head + packed), flat_rows(64, 48))


BOMBS: Final[dict[str, tuple[bytes, frozenset[str]]]] = {
    "png of 30,000 x 30,000": (
        handmade(chunk(b"IDAT", zlib.compress(bytes(10_000_000), 9)), width=30_000, height=30_000),
        frozenset({"too_many_pixels"}),
    ),
    "png of 10,000 x 10,000": (handmade(width=10_000, height=10_000), frozenset({"too_many_pixels"})),
    "png of 2,000,000,000 x 1": (handmade(width=2_000_000_000, height=1), frozenset({"too_many_pixels"})),
    "jpeg of 65,000 x 65,000": (jpeg_frame(65_000, 65_000), frozenset({"too_many_pixels"})),
    "webp of 16,000 x 16,000": (webp_canvas(16_000, 16_000), frozenset({"too_many_pixels"})),
    "webp of 16,777,216 x 200": (webp_canvas(16_777_216, 200), frozenset({"too_many_pixels", "damaged"})),
    "gif of 65,000 x 65,000": (gif_screen(65_000, 65_000), frozenset({"too_many_pixels"})),
    "png with 300 MB of packed text": (zipped_text(b"zTXt", 300_000_000), frozenset({"damaged"})),
    "png with 300 MB of packed international text": (zipped_text(b"iTXt", 300_000_000), frozenset({"damaged"})),
    "png with a colour profile of 300 MB": (zipped_text(b"iCCP", 300_000_000), frozenset({"damaged", "taken"})),
}
_PEAK: Final = """
import resource, sys, warnings
from pathlib import Path
from PIL import Image
Image.init()
from limner.kit.pictures import PictureError, check
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    check(Path(sys.argv[1]), bytes_max=50_000_000, pixels_max=40_000_000)
    told = "taken"
except PictureError as error:
    told = error.kind
print(told, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def peak(path: Path) -> tuple[str, int]:
    """What became of a file in a process of its own, and by how many MiB that grew meanwhile."""
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == "", "a stranger's file must not write into the log"
    told, grown = done.stdout.split()
    return told, int(grown)


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_does_not_become_a_large_one(tmp_path: Path, name: str) -> None:
    data, outcomes = BOMBS[name]
    path = tmp_path / "bomb"
    path.write_bytes(data)
    assert len(data) < 1_000_000

    started = time.monotonic()
    told, grown = peak(path)

    assert told in outcomes
    assert grown < 30
    assert time.monotonic() - started < 10


def test_a_film_of_ten_thousand_frames_costs_what_its_first_one_does(look: Callable[..., Checked]) -> None:
    first = encoded(corners(16, 16), "GIF")
    head, frame = first[: first.index(b",", 13)], first[first.index(b",", 13) : -1]
    data = head + frame * 10_000 + b";"

    started = time.monotonic()
    checked = look(data)

    assert checked.notes == (ANIMATED,)
    assert time.monotonic() - started < 2


def test_a_webp_that_claims_a_million_frames(look: Callable[..., Checked]) -> None:
    film = encoded(corners(), "WEBP", save_all=True, append_images=FRAMES)

    assert look(film + film[-200:] * 20).notes == (ANIMATED,)


def test_much_text_that_is_not_packed_is_no_harm(look: Callable[..., Checked]) -> None:
    # As programs write it that keep with a picture how it was made.
    data = handmade(chunk(b"tEXt", b"workflow\0" + b"x" * 3_000_000), flat_rows(64, 48))

    assert look(data).path.read_bytes() == data


def still(kind: str, **options: Any) -> tuple[bytes, int]:
    """A small file, and where something can be put into it."""
    data = encoded(corners(), kind, **options)
    return data, {"PNG": 33, "JPEG": 2, "GIF": data.find(b",", 13), "WEBP": len(data)}[kind]


TINY: Final[dict[str, tuple[str, bytes]]] = {
    "chunks that nobody knows": ("PNG", chunk(b"teXt", b"")),
    "chunks of text": ("PNG", chunk(b"tEXt", b"a\0b")),
    "chunks of pixels": ("PNG", chunk(b"IDAT", b"")),
    "comments in a jpeg": ("JPEG", b"\xff\xfe\0\2"),
    "filling in a jpeg": ("JPEG", b"\xff"),
    "restarts in a jpeg": ("JPEG", b"\xff\xd0"),
    "empty comments in a gif": ("GIF", b"\x21\xfe\0"),
    "short comments in a gif": ("GIF", b"\x21\xfe\1a\0"),
    "chunks in a webp": ("WEBP", b"abcd\0\0\0\0"),
}


@pytest.mark.parametrize("name", TINY)
def test_a_file_of_a_great_many_parts_is_given_up(tmp_path: Path, name: str) -> None:
    kind, part = TINY[name]
    data, place = still(kind)
    path = tmp_path / "parts"
    path.write_bytes(data[:place] + part * 2_000_000 + data[place:])

    started = time.monotonic()
    told, grown = peak(path)

    assert told == "damaged"
    assert grown < 30
    assert time.monotonic() - started < 10


def test_what_is_said_of_a_file_of_a_great_many_parts(look: Callable[..., Checked]) -> None:
    data, place = still("JPEG")

    assert refused(look, data[:place] + b"\xff\xfe\0\2" * 30_000 + data[place:]) == (
        "damaged",
        "the picture is a jpeg of more than 20,000 parts, which no program writes: save it anew",
    )


def test_a_gif_of_a_great_many_pieces_of_pixels_is_given_up(tmp_path: Path) -> None:
    data, place = still("GIF")
    head = data[: place + 11]
    path = tmp_path / "pieces.gif"
    path.write_bytes(head + b"\1\0" * 1_000_000 + b"\1\1" * 1_000_000)

    told, grown = peak(path)

    assert (told, grown < 30) == ("damaged", True)


def test_exif_that_points_at_itself_a_thousand_times(tmp_path: Path) -> None:
    entries = b"".join(struct.pack("<HHII", 1000 + number, 7, 900_000, 0) for number in range(3000))
    told = b"II*\0\x08\0\0\0" + struct.pack("<H", 3000) + entries + bytes(900_000)
    path = tmp_path / "exif.png"
    path.write_bytes(handmade(chunk(b"eXIf", told), flat_rows(64, 48)))

    outcome, grown = peak(path)

    assert (outcome, grown < 30) == ("taken", True)


def test_a_large_photograph_is_proved_whole_without_all_its_pixels_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    path.write_bytes(encoded(corners(6000, 6000), "JPEG"))

    told, grown = peak(path)

    assert told == "taken"
    assert grown < 40


# anything ----------------------------------------------------------------------------------------------------------------

SEEDS: Final[tuple[bytes, ...]] = (
    *(data for data, _, _ in WHOLE.values()),
    *(data for data, _, _ in AS_THEY_ARE.values()),
    *(data for data, _, _ in REWRITTEN.values()),
    *(encoded(corners(), kind, exif=exif(orientation=6, place=True)) for kind in ("JPEG", "PNG", "WEBP")),
    *(encoded(corners(), kind, exif=exif(place=True)) for kind in ("JPEG", "PNG", "WEBP")),
    *(with_xmp(kind, XMP % b'exif:GPSLatitude="1,2N"') for kind in ("JPEG", "PNG", "WEBP")),
)


def mutated(dice: random.Random) -> bytes:
    """One of the files above, some bytes of it changed, taken out, put in, or lost at its end."""
    data = bytearray(dice.choice(SEEDS))
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        # What stands at the beginning counts most.
        place = dice.randrange(len(data)) if dice.random() < 0.5 else dice.randrange(min(len(data), 120))
        match dice.randrange(4):
            case 0:
                data[place] = dice.randrange(256)
            case 1:
                data[place : place + 4] = dice.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"])
            case 2:
                del data[place : place + dice.randint(1, 20)]
            case _:
                data[place:place] = dice.randbytes(dice.randint(1, 20))
        if len(data) < 2:
            break
    if dice.random() < 0.2:
        del data[dice.randrange(len(data) + 1) :]
    return bytes(data)


def test_whatever_comes_is_a_picture_or_is_refused(look: Callable[..., Checked]) -> None:
    dice = random.Random(20_261_123)
    taken = 0
    tracemalloc.start()
    started = time.monotonic()
    for _ in range(800):
        data = mutated(dice)
        try:
            checked = look(data, bytes_max=1_000_000, pixels_max=1_000_000)
        except PictureError:
            continue
        taken += 1
        opened(checked)
    seconds, most = time.monotonic() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert 60 < taken < 740, "some of each, or it proves little"
    assert most < 20_000_000
    assert seconds < 60
