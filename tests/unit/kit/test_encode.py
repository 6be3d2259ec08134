import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from limner.kit import encode


def picture(channels: int, width: int = 37, height: int = 21) -> NDArray[np.uint8]:
    ramp = np.arange(width * height * channels, dtype=np.uint32) * 2_654_435_761 >> 13
    return (ramp % 251).astype(np.uint8).reshape(height, width, channels)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("small", [False, True])
def test_a_png_holds_exactly_the_pixels_it_was_made_from(channels: int, *, small: bool) -> None:
    pixels = picture(channels)

    file = encode.png(pixels, small=small)

    assert np.array_equal(np.asarray(Image.open(io.BytesIO(file))), pixels)


def test_a_png_carries_its_text_in_latin_1_and_beyond() -> None:
    file = encode.png(picture(3), text={"Software": "limner", "Title": "水獭\0!"})

    image = Image.open(io.BytesIO(file))
    assert isinstance(image, Image.Image)
    assert image.info == {"Software": "limner", "Title": "水獭!"}


def test_a_one_pixel_png_is_a_picture() -> None:
    assert Image.open(io.BytesIO(encode.png(picture(4, 1, 1)))).size == (1, 1)


@pytest.mark.parametrize("encoder", [encode.jpeg, encode.webp])
def test_less_output_compression_quality_makes_a_smaller_file(encoder: Callable[..., bytes]) -> None:
    pixels = picture(3, 200, 200)

    assert len(encoder(pixels, output_compression=10)) < len(encoder(pixels, output_compression=100))


def test_a_transparent_jpeg_lies_on_white() -> None:
    pixels = np.zeros((16, 16, 4), dtype=np.uint8)

    image = Image.open(io.BytesIO(encode.jpeg(pixels)))

    assert image.getpixel((8, 8)) == (255, 255, 255)


def test_a_transparent_webp_keeps_its_alpha() -> None:
    pixels = np.zeros((16, 16, 4), dtype=np.uint8)

    image = Image.open(io.BytesIO(encode.webp(pixels)))

    assert image.getpixel((8, 8))[3] == 0


@pytest.mark.parametrize(("asked", "quality"), [(-5, 10), (0, 10), (50, 52), (100, 95), (900, 95)])
def test_quality_stays_where_codecs_make_sense(asked: int, quality: int) -> None:
    assert encode.quality_of(asked) == quality
