"""Ada asks the server for real pictures, as the illustrator paints them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest
import requests
from PIL import Image

from support.server import Server, start

OTTER = {"model": "dall-e-3", "prompt": "A cute baby sea otter"}
OPEN = {"model": "illustrator", "prompt": "three blue cats and a red car", "size": "512x256", "seed": 7}


@pytest.fixture(scope="module")
def studio(fresh_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose pictures are real."""
    server = start(
        tmp_path_factory.mktemp("studio") / "data",
        database_url=fresh_database_url,
        environ={"LIMNER_CATALOG__ENGINE": "illustrator", "LIMNER_ENGINES": '{"illustrator": {"processes": 1}}'},
    )
    yield server
    assert server.stop() == 0, server.log.read_text()[-2000:]


def painted(studio: Server, **asked: object) -> requests.Response:
    answer = requests.post(
        f"{studio.url}/openai/images/generations",
        json=asked,
        headers={"authorization": f"Bearer {studio.owner_key}"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return answer


def test_the_seed_s_otter(studio: Server) -> None:
    answer = painted(studio, **OTTER).json()

    picture = answer["data"][0]
    assert "otter" in picture["revised_prompt"]
    opened = requests.get(picture["url"], timeout=30)
    assert opened.headers["content-type"] == "image/png"
    image = Image.open(io.BytesIO(opened.content))
    assert image.size == (1024, 1024)
    assert len(image.convert("RGB").resize((64, 64)).getcolors(4096) or []) > 500


@pytest.mark.parametrize(("name", "media_type"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_every_raster_format(studio: Server, name: str, media_type: str) -> None:
    link = painted(studio, **OPEN, output_format=name).json()["data"][0]["url"]

    opened = requests.get(link, timeout=30)

    assert opened.headers["content-type"] == f"image/{name}"
    image = Image.open(io.BytesIO(opened.content))
    assert (image.format, image.size) == (media_type, (512, 256))


def test_an_svg_is_a_drawing_that_loads_nothing(studio: Server) -> None:
    link = painted(studio, **OPEN, output_format="svg").json()["data"][0]["url"]

    opened = requests.get(link, timeout=30)

    assert opened.headers["content-type"].startswith("image/svg+xml")
    assert "sandbox" in opened.headers["content-security-policy"]
    root = ET.fromstring(opened.content)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert not [element for element in root.iter() if element.tag.endswith("}script")]


def test_a_transparent_background(studio: Server) -> None:
    answer = painted(studio, **OPEN, background="transparent", response_format="b64_json").json()

    image = Image.open(io.BytesIO(base64.b64decode(answer["data"][0]["b64_json"])))

    assert image.mode == "RGBA"
    low, high = image.getchannel("A").getextrema()
    assert (low, high) == (0, 255)


def test_the_same_seed_gives_the_same_pixels(studio: Server) -> None:
    # Not the same bytes: each file says when it was made, and is signed.
    answers = [painted(studio, **(OPEN | {"seed": seed}), response_format="b64_json").json() for seed in (7, 7, 8)]
    files = [base64.b64decode(answer["data"][0]["b64_json"]) for answer in answers]
    first, second, other = (Image.open(io.BytesIO(file)).tobytes() for file in files)

    assert first == second
    assert first != other


def test_a_chinese_prompt_is_answered_in_chinese(studio: Server) -> None:
    answer = painted(studio, model="dall-e-3", prompt="雪地里有三只蓝色的猫").json()

    assert "三只" in answer["data"][0]["revised_prompt"]


def test_lower_compression_makes_a_smaller_file(studio: Server) -> None:
    fine, coarse = (
        len(
            base64.b64decode(
                painted(
                    studio, **OPEN, output_format="jpeg", output_compression=percent, response_format="b64_json"
                ).json()["data"][0]["b64_json"]
            )
        )
        for percent in (95, 20)
    )

    assert coarse < fine / 2
