from __future__ import annotations

import io
import itertools
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from limner.domain.spec import OutputFormat
from limner.engines import EngineFailed
from limner.engines.openai_relay.fitting import Fitted, Header, at_once, fitted, header_of

PNG, JPEG, WEBP = OutputFormat.PNG, OutputFormat.JPEG, OutputFormat.WEBP


def picture(width: int, height: int, *, clear: bool = False) -> Image.Image:
    """Red on the left, blue on the right, a green line in the middle; `clear`: its upper half is transparent."""
    image = Image.new("RGBA", (width, height), (255, 0, 0, 255))
    image.paste((0, 0, 255, 255), (width // 2, 0, width, height))
    image.paste((0, 255, 0, 255), (width // 2 - 2, 0, width // 2 + 2, height))
    if clear:
        image.putalpha(Image.new("L", (width, height), 255).point(lambda _: 255))
        image.paste((0, 0, 0, 0), (0, 0, width, height // 2))
        return image
    return image.convert("RGB")


def saved(image: Image.Image, output_format: OutputFormat = PNG, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, output_format.value.upper(), **options)
    return file.getvalue()


def fit(data: bytes, size: tuple[int, int], **otherwise: Any) -> Fitted:
    return fitted(
        data,
        **{"size": size, "output_format": PNG, "output_compression": 100, "fit": "crop", "part": "main", **otherwise},
    )


def opened(result: Fitted) -> Image.Image:
    image = Image.open(io.BytesIO(result.data))
    image.load()
    assert image.format == result.output_format.value.upper()
    assert image.size == (result.width, result.height)
    return image


# what a file is ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(saved(picture(300, 200)), id="png"),
        pytest.param(saved(picture(300, 200), JPEG), id="jpeg"),
        pytest.param(saved(picture(300, 200), JPEG, progressive=True, comment="x" * 5000), id="progressive jpeg"),
        pytest.param(saved(picture(300, 200), JPEG, exif=b"Exif\0\0" + b"\xff\xc0" * 900), id="jpeg with a lure"),
        pytest.param(saved(picture(300, 200), WEBP), id="lossy webp"),
        pytest.param(saved(picture(300, 200), WEBP, lossless=True), id="lossless webp"),
        pytest.param(saved(picture(300, 200, clear=True), WEBP), id="webp with alpha"),
        pytest.param(saved(picture(300, 200), WEBP, exif=b"Exif\0\0abc"), id="extended webp"),
    ],
)
def test_a_file_is_known_by_its_first_bytes(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        kind = OutputFormat(str(image.format).lower())

    assert header_of(data) == Header(output_format=kind, width=300, height=200)


@pytest.mark.parametrize("output_format", [PNG, JPEG, WEBP])
def test_a_file_that_stops_in_its_header_is_not_known(output_format: OutputFormat) -> None:
    data = saved(picture(30, 20), output_format)

    for cut in range(20):
        assert header_of(data[:cut]) is None, cut


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + bytes(50),
        b"<svg/>",
        b"<html><svg></svg></html>",
        b"RIFF\0\0\0\0WAVE" + bytes(50),
        b"\xff\xd8\xff" + bytes(50),
    ],
)
def test_what_is_no_picture_is_a_failure(data: bytes) -> None:
    assert header_of(data) is None
    with pytest.raises(EngineFailed, match="no file that we know: png, jpeg, webp, gif or svg") as caught:
        fit(data, (4, 4))
    assert caught.value.part == "main"


# left as it is -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output_format", [PNG, JPEG, WEBP])
def test_what_fits_is_the_same_file(output_format: OutputFormat) -> None:
    data = saved(picture(64, 48), output_format)

    result = fit(data, (64, 48), output_format=output_format, output_compression=10)

    assert result == Fitted(data=data, output_format=output_format, width=64, height=48)
    assert result.data is data


def test_whether_there_is_anything_to_do_is_known_at_once() -> None:
    data = saved(picture(64, 48))

    assert at_once(data, size=(64, 48), output_format=PNG, fit="crop") is not None
    assert at_once(data, size=(64, 64), output_format=PNG, fit="crop") is None
    assert at_once(data, size=(64, 48), output_format=WEBP, fit="off") is None
    as_it_is = at_once(data, size=(64, 64), output_format=PNG, fit="off")
    assert as_it_is is not None
    assert (as_it_is.width, as_it_is.height) == (64, 48)
    assert as_it_is.notes == ("made at 64x48; 64x64 was asked for",)


# made to fit -------------------------------------------------------------------------------------------------------------


def test_a_picture_that_is_too_narrow_is_scaled_and_cropped_in_the_middle() -> None:
    result = fit(saved(picture(1536, 1024)), (1792, 1024))

    image = opened(result)
    assert image.size == (1792, 1024)
    assert result.notes == ("made at 1536x1024, then scaled and cropped to 1792x1024",)
    assert image.getpixel((10, 500)) == (255, 0, 0)
    assert image.getpixel((896, 500)) == pytest.approx((0, 255, 0), abs=9)
    assert image.getpixel((1780, 500)) == (0, 0, 255)


def test_what_is_a_little_too_large_is_cropped_and_not_blurred() -> None:
    result = fit(saved(picture(1008, 1008)), (1000, 1000))

    assert result.notes == ("made at 1008x1008, then cropped to 1000x1000",)
    assert opened(result).tobytes() == picture(1008, 1008).crop((4, 4, 1004, 1004)).tobytes()


def test_the_same_shape_is_only_scaled() -> None:
    result = fit(saved(picture(816, 816)), (512, 512))

    assert opened(result).size == (512, 512)
    assert result.notes == ("made at 816x816, then scaled to 512x512",)


def test_a_large_margin_is_cut_off_where_one_edge_fits() -> None:
    result = fit(saved(picture(1536, 1024)), (1024, 1024))

    assert result.notes == ("made at 1536x1024, then cropped to 1024x1024",)
    assert opened(result).getpixel((512, 5)) == (0, 255, 0)


def test_every_size_fits_every_other() -> None:
    edges = (1, 7, 37, 48, 64, 99)
    for made in itertools.product(edges, repeat=2):
        data = saved(Image.new("RGB", made))
        for wanted in itertools.product(edges, repeat=2):
            assert opened(fit(data, wanted)).size == wanted


def test_scaling_keeps_the_whole_picture() -> None:
    result = fit(saved(picture(300, 200)), (200, 200), fit="scale")

    assert opened(result).size == (200, 200)
    assert result.notes == ("made at 300x200, then scaled to 200x200",)


def test_off_leaves_the_size_and_still_gives_the_format() -> None:
    result = fit(saved(picture(300, 200)), (200, 200), fit="off", output_format=WEBP)

    assert opened(result).size == (300, 200)
    assert result.notes == ("made at 300x200; 200x200 was asked for",)


def test_another_format_is_written_as_it_was_asked_for() -> None:
    data = saved(picture(300, 200))

    fine = fit(data, (300, 200), output_format=JPEG)
    coarse = fit(data, (300, 200), output_format=JPEG, output_compression=5)

    assert opened(fine).size == (300, 200)
    assert len(coarse.data) < len(fine.data)
    assert fine.notes == (), "nobody needs to know"


@pytest.mark.parametrize("output_format", [PNG, WEBP])
def test_what_was_transparent_stays_transparent(output_format: OutputFormat) -> None:
    for source in (PNG, WEBP):
        result = fit(
            saved(picture(300, 200, clear=True), source, lossless=True), (200, 200), output_format=output_format
        )

        image = opened(result).convert("RGBA")
        assert image.getpixel((100, 20))[3] == 0
        assert image.getpixel((100, 180))[3] == 255


def test_a_palette_with_a_transparent_colour_stays_so() -> None:
    image = Image.new("P", (60, 60), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.paste(1, (0, 30, 60, 60))

    result = opened(fit(saved(image, PNG, transparency=0), (40, 40))).convert("RGBA")

    assert result.getpixel((20, 5))[3] == 0
    assert result.getpixel((20, 35)) == (0, 255, 0, 255)


def test_in_jpeg_what_was_transparent_is_white() -> None:
    result = fit(saved(picture(300, 200, clear=True)), (300, 200), output_format=JPEG)

    assert opened(result).getpixel((20, 20)) == (255, 255, 255)


def test_grey_becomes_colour() -> None:
    assert opened(fit(saved(Image.new("L", (30, 20), 7)), (20, 20))).mode == "RGB"


def test_a_picture_on_its_side_is_set_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    result = fit(saved(picture(300, 200), JPEG, exif=exif), (200, 300))

    assert opened(result).size == (200, 300)
    assert result.notes == ()


# what goes wrong ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output_format", [PNG, JPEG, WEBP])
@pytest.mark.parametrize("size", [(300, 200), (200, 200)])
def test_a_file_that_is_cut_off_is_a_failure_whether_it_fits_or_not(
    output_format: OutputFormat, size: tuple[int, int]
) -> None:
    data = saved(picture(300, 200), output_format)

    with pytest.raises(EngineFailed, match="the upstream's picture is damaged: the file is cut off"):
        fit(data[:-20], size, output_format=output_format)


def test_a_damaged_file_is_a_failure() -> None:
    data = bytearray(saved(picture(300, 200)))
    at = data.index(b"IDAT")
    data[at + 10 : at + 40] = bytes(30)

    with pytest.raises(EngineFailed, match="it cannot be decoded") as caught:
        fit(bytes(data), (200, 200))
    assert caught.value.part == "main"


def test_a_bomb_is_not_decoded() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )

    with pytest.raises(EngineFailed, match="the upstream's picture is too large: 60000x60000 pixels"):
        fit(bomb, (1024, 1024))


# what is passed on as it is ----------------------------------------------------------------------------------------------

SVG = b"""<?xml version="1.0"?><!-- an otter --><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 6"><path d="M0 0"/></svg>\n"""


def gif(size: tuple[int, int] = (16, 12), frames: int = 3) -> bytes:
    file = io.BytesIO()
    first, *others = [Image.new("RGB", size, (90 * number, 9, 9)) for number in range(frames)]
    first.save(file, "GIF", save_all=True, append_images=others, duration=100)
    return file.getvalue()


@pytest.mark.parametrize("fit", ["crop", "scale", "off"])
def test_a_gif_keeps_its_frames_and_its_size_and_the_size_is_told(fit: Any) -> None:
    moving = gif()

    kept = fitted(moving, size=(32, 24), output_format=OutputFormat.GIF, output_compression=100, fit=fit)

    assert kept.data is moving
    assert (kept.output_format, kept.width, kept.height) == (OutputFormat.GIF, 16, 12)
    assert kept.notes == ("made at 16x12; 32x24 was asked for",)
    assert fitted(moving, size=(16, 12), output_format=OutputFormat.GIF, output_compression=100, fit=fit).notes == ()


def test_a_drawing_is_as_large_as_one_likes() -> None:
    kept = at_once(SVG, size=(1536, 1024), output_format=OutputFormat.SVG, fit="crop")

    assert kept is not None
    assert (kept.data, kept.output_format, kept.width, kept.height) == (SVG, OutputFormat.SVG, 1536, 1024)
    assert kept.notes == ()


@pytest.mark.parametrize(
    ("data", "wanted", "sent"),
    [(gif(), OutputFormat.PNG, "gif"), (SVG, OutputFormat.PNG, "svg"), (SVG, OutputFormat.GIF, "svg")],
)
def test_what_moves_or_is_drawn_is_not_taken_for_a_picture(data: bytes, wanted: OutputFormat, sent: str) -> None:
    with pytest.raises(EngineFailed, match=f"the upstream sent a {sent}, and was asked for a {wanted}"):
        fitted(data, size=(16, 12), output_format=wanted, output_compression=100, fit="crop")


def test_a_flat_picture_is_no_gif() -> None:
    file = io.BytesIO()
    Image.new("RGB", (16, 12)).save(file, "PNG")

    with pytest.raises(EngineFailed, match="the upstream sent a png, and was asked for a gif"):
        fitted(file.getvalue(), size=(16, 12), output_format=OutputFormat.GIF, output_compression=100, fit="crop")


@pytest.mark.parametrize("data", [gif()[:-1], gif()[:60], SVG.replace(b"</svg>", b"")], ids=["gif", "gif-half", "svg"])
def test_what_is_cut_off_is_not_passed_on(data: bytes) -> None:
    wanted = OutputFormat.SVG if b"svg" in data else OutputFormat.GIF
    with pytest.raises(EngineFailed, match="the file is cut off"):
        at_once(data, size=(16, 12), output_format=wanted, fit="off")
