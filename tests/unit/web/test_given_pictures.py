"""Pictures through the whole door: every way to give one under both prefixes, and what the engine has of it in the end."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx2
import orjson
import pytest
from PIL import Image

from limner.domain.spec import Picture, Source, Spec
from limner.flow.house import House
from limner.kit.outbound import Outbound, Policy
from support.files import upload
from support.painters import Painter, with_painter
from support.people import Person, assert_nothing_under_way, balance_of
from support.pictures import data_url, encoded, mask, noise, png
from support.receiving import Says, receiving
from support.shelves import task_rows
from support.wire import PREFIXES, client_of, link_of

HAT: Final = {"model": "gpt-image-1", "prompt": "Put a hat on it"}
OTTER: Final = png()
RED, BLUE = (250, 10, 10), (10, 10, 250)


class Looking(Painter):
    """Keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.images: tuple[Source, ...] = ()
        self.mask: Source | None = None

    async def paint(self, spec: Spec) -> AsyncGenerator[Picture]:
        """Look, and paint as ever."""
        self.images, self.mask = spec.images, spec.mask
        async for one in super().paint(spec):
            assert isinstance(one, Picture)
            yield one


@pytest.fixture
def painter() -> Looking:
    return Looking()


@pytest.fixture
def studio(house: House, painter: Looking) -> House:
    """The house, with a painter who keeps what it was given."""
    return with_painter(house, painter)


async def as_form(
    house: House, person: Person, files: list[tuple[str, Any]], *, prefix: str = "/v1", **fields: str
) -> httpx2.Response:
    async with client_of(house) as client:
        return await client.post(
            f"{prefix}/images/edits", data={**HAT, **fields}, files=files, headers=person.headers, timeout=60
        )


async def as_json(house: House, person: Person, *, prefix: str = "/v1", **body: Any) -> httpx2.Response:
    async with client_of(house) as client:
        return await client.post(f"{prefix}/images/edits", json={**HAT, **body}, headers=person.headers)


def file(data: bytes, *, field: str = "image", name: str = "otter.png", kind: str = "image/png") -> tuple[str, Any]:
    return field, (name, data, kind)


@asynccontextmanager
async def shelf(house: House, data: bytes) -> AsyncIterator[tuple[House, str]]:
    """A picture at an address, and the house that may go there."""
    policy = Policy(http=True, ports=frozenset({80, 443}), networks=(), loopback=True)
    async with receiving(Says(body=data)) as there, Outbound(policy=policy, user_agent="limner/test") as outbound:
        yield replace(house, outbound=outbound), there.url


# every way ---------------------------------------------------------------------------------------------------------------


FORMS: Final = ("form", "form with a list")
JSONS: Final = ("json", "json list", "json images", "json object")
WAYS: Final = [
    *(("file", how) for how in FORMS),
    *((way, how) for way in ("data URL", "link", "our link", "file id") for how in (*FORMS, *JSONS)),
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("way_and_how", WAYS)
async def test_every_way_to_give_a_picture(
    studio: House, grace: Person, painter: Looking, prefix: str, way_and_how: tuple[str, str]
) -> None:
    way, how = way_and_how
    ours = await link_of(studio, grace) if way == "our link" else ""
    async with shelf(studio, OTTER) as (there, address):
        text = {
            "data URL": data_url(OTTER),
            "link": address,
            "our link": ours,
            "file id": (await upload(studio, grace, OTTER)).json()["id"] if way == "file id" else "",
        }.get(way)
        named = {"file_id": text} if way == "file id" else {"image_url": text}
        if how.startswith("form"):
            if text is None:
                sent: Any = file(OTTER, field="image" if how == "form" else "image[]")
            else:
                sent = ("image", (None, text if how == "form" else orjson.dumps([named, named]).decode()))
            answer = await as_form(there, grace, [sent], prefix=prefix)
        else:
            body = {"json": text, "json list": [text, text], "json images": [named, named], "json object": named}[how]
            answer = await as_json(there, grace, prefix=prefix, **{"images" if how == "json images" else "image": body})

    assert answer.status_code == 200, answer.text
    count = 2 if how in {"json list", "json images"} or (how == "form with a list" and text is not None) else 1
    assert len(painter.images) == count
    if way != "our link":
        assert {one.data for one in painter.images} == {OTTER}
    assert {one.media_type for one in painter.images} == {"image/png"}


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("way", ["file", "data URL", "link", "file id"])
async def test_every_way_to_give_a_mask(studio: House, grace: Person, painter: Looking, prefix: str, way: str) -> None:
    over = mask()
    async with shelf(studio, over) as (there, address):
        if way == "file":
            answer = await as_form(there, grace, [file(OTTER), file(over, field="mask")], prefix=prefix)
        else:
            id_ = (await upload(studio, grace, over)).json()["id"] if way == "file id" else ""
            given = {"data URL": data_url(over), "link": address, "file id": {"file_id": id_}}[way]
            answer = await as_json(there, grace, prefix=prefix, image=data_url(OTTER), mask=given)

    assert answer.status_code == 200, answer.text
    assert painter.mask is not None
    assert painter.mask.data == over


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_sixteen_pictures_in_json_and_seventeen(
    studio: House, grace: Person, painter: Looking, prefix: str
) -> None:
    pictures = [png(16 + number, 16) for number in range(16)]

    fine = await as_json(studio, grace, prefix=prefix, images=[{"image_url": data_url(one)} for one in pictures])
    many = await as_json(studio, grace, prefix=prefix, images=[{"image_url": data_url(OTTER)}] * 17)

    assert fine.status_code == 200, fine.text
    assert [one.data for one in painter.images] == pictures
    assert (many.status_code, many.json()["error"]["param"]) == (400, "image")
    assert "16 pictures at most, not 17" in many.json()["error"]["message"]


# what becomes of them ----------------------------------------------------------------------------------------------------


def photograph(kind: str = "JPEG", *, mode: str = "RGB") -> bytes:
    """Taken with the camera on its side, somewhere: upright, its upper half is red and its lower half blue."""
    upright = Image.new("RGB", (48, 64), RED)
    upright.paste(BLUE, (0, 32, 48, 64))
    told = Image.Exif()
    told[0x0112] = 6
    told[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0)}
    return encoded(upright.transpose(Image.Transpose.ROTATE_90).convert(mode), kind, exif=told)


def looked_at(source: Source) -> Image.Image:
    picture = Image.open(io.BytesIO(source.data))
    picture.load()
    assert picture.get_format_mimetype() == source.media_type
    assert not picture.getexif()
    return picture


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_turned_photograph_reaches_the_engine_upright_and_without_its_place(
    studio: House, grace: Person, painter: Looking, prefix: str, kind: str
) -> None:
    answer = await as_form(studio, grace, [file(photograph(kind), name="IMG_0001.JPG")], prefix=prefix)

    assert answer.json()["warnings"] == ["the picture was turned upright, as its Exif says"]
    seen = looked_at(painter.images[0])
    assert seen.size == (48, 64)
    above, below = seen.convert("RGB").getpixel((24, 5)), seen.convert("RGB").getpixel((24, 60))
    assert isinstance(above, tuple)
    assert isinstance(below, tuple)
    assert (above[0] > 200, above[2] < 100, below[0] < 100, below[2] > 200) == (True, True, True, True)


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_cmyk_jpeg_reaches_the_engine_in_rgb(
    studio: House, grace: Person, painter: Looking, prefix: str
) -> None:
    answer = await as_form(studio, grace, [file(photograph(mode="CMYK"))], prefix=prefix)

    assert answer.json()["warnings"] == [
        "the picture was in CMYK and was converted to RGB",
        "the picture was turned upright, as its Exif says",
    ]
    assert looked_at(painter.images[0]).mode == "RGB"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
async def test_of_a_film_the_engine_gets_its_first_frame(
    studio: House, grace: Person, painter: Looking, kind: str
) -> None:
    film = encoded(
        Image.new("RGB", (64, 48), RED), kind, save_all=True, append_images=[Image.new("RGB", (64, 48), BLUE)]
    )

    answer = await as_form(studio, grace, [file(film)])

    assert answer.json()["warnings"] == ["an animated picture was given: its first frame was taken"]
    seen = looked_at(painter.images[0])
    pixel = seen.convert("RGB").getpixel((5, 5))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200
    assert (seen.format, getattr(seen, "n_frames", 1)) == ("PNG", 1)


async def test_a_jpeg_that_is_called_a_png_is_a_jpeg(studio: House, grace: Person, painter: Looking) -> None:
    data = encoded(noise(), "JPEG")

    answer = await as_form(studio, grace, [file(data, name="otter.png", kind="image/png")])

    assert answer.status_code == 200
    assert painter.images == (Source(data=data, media_type="image/jpeg"),)


def bomb(width: int, height: int) -> bytes:
    """A small png that says that it is large."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes(20_000_000), 9))
    return b"\x89PNG\r\n\x1a\n" + head + rows + chunk(b"IEND", b"")


REFUSED: Final[dict[str, tuple[bytes, str]]] = {
    "bomb": (bomb(30_000, 30_000), "the picture has 30000x30000 pixels: 40,000,000 in all are the most"),
    "png without its last byte": (OTTER[:-1], "the picture is a png that is damaged or cut off: send the whole file"),
    "half a png": (OTTER[: len(OTTER) // 2], "the picture is a png that is damaged or cut off: send the whole file"),
    "jpeg without its last byte": (encoded(noise(), "JPEG")[:-1], "a jpeg that is damaged or cut off"),
    "jpeg of many parts": (encoded(noise(), "JPEG")[:2] + b"\xff\xfe\0\2" * 100_000, "of more than 20,000 parts"),
    "bmp": (encoded(noise(), "BMP"), "this is a BMP, which is not read here: send png, jpeg, webp or gif"),
    "svg": (b"<svg/>", "this is an SVG or another XML, which is not read here"),
    "pdf": (b"%PDF-1.7", "this is a PDF, not a picture"),
    "one pixel": (png(1, 1), "the picture has 1x1 pixels: it takes 8 either way at least"),
    "nothing": (b"", "the picture is an empty file"),
}


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("name", REFUSED)
async def test_files_that_will_not_do_are_refused_and_nothing_is_kept_of_them(
    studio: House, grace: Person, prefix: str, name: str
) -> None:
    data, words = REFUSED[name]
    before = await balance_of(studio, grace)

    answer = await as_form(studio, grace, [file(data)], prefix=prefix)

    assert answer.status_code == (413 if name == "bomb" and prefix == "/openai" else 400), answer.text
    assert answer.json()["error"]["param"] == "image"
    assert words in answer.json()["error"]["message"]
    assert await balance_of(studio, grace) == before
    assert await task_rows(studio) == []
    assert [key async for key in studio.storage.keys("inputs/")] == []
    await assert_nothing_under_way(studio, grace)


async def test_more_rows_than_a_png_says_are_nobody_s(studio: House, grace: Person) -> None:
    assert (await as_form(studio, grace, [file(bomb(2000, 2000))])).status_code == 200


@pytest.mark.parametrize("place", [0, 1])
async def test_which_of_several_will_not_do_is_told(studio: House, grace: Person, place: int) -> None:
    pictures = [data_url(OTTER), data_url(OTTER)]
    pictures[place] = data_url(OTTER[:200])

    answer = await as_json(studio, grace, image=pictures)

    assert answer.json()["error"]["param"] == f"image[{place}]"


async def test_eve_s_picture_paints_nothing(studio: House, eve: Person, painter: Looking) -> None:
    answer = await as_form(studio, eve, [file(OTTER)])

    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "insufficient_quota"
    assert painter.images == ()


async def test_without_a_key_no_picture_is_read(studio: House) -> None:
    async with client_of(studio) as client:
        answer = await client.post("/v1/images/edits", data=HAT, files=[file(OTTER)])

    assert answer.status_code == 401
    assert [key async for key in studio.storage.keys("inputs/")] == []


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_png_of_forty_five_megabytes(
    studio: House, grace: Person, painter: Looking, prefix: str, large: bytes
) -> None:
    answer = await as_form(studio, grace, [file(large)], prefix=prefix, response_format="url")

    assert answer.status_code == 200, answer.text
    assert len(large) > 45_000_000
    assert painter.images[0].data == large


async def test_a_png_of_more_than_fifty_megabytes_is_refused(studio: House, grace: Person, large: bytes) -> None:
    answer = await as_form(studio, grace, [file(large + bytes(6_000_000))])

    assert answer.status_code == 413
    assert answer.json()["error"]["message"] == "image is larger than the 50000000 bytes that a file may have"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A png of 45 MB: noise in full colour."""
    path: Path = tmp_path_factory.mktemp("large") / "large.png"
    picture = Image.effect_noise((3840, 3920), 90)
    Image.merge("RGB", [picture] * 3).save(path, compress_level=0)
    return path.read_bytes()
