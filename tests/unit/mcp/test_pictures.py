"""What of a picture is shown, and what is understood by a picture that is given."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from limner.mcp import pictures
from limner.mcp.arguments import ArgumentTrouble
from limner.mcp.pictures import Bytes, Named, OfTask, OnDisk, OnServer, Source

SERVER = "http://127.0.0.1:8000"


def picture(size: tuple[int, int], *, kind: str = "PNG", mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 90).convert(mode).save(file, kind)
    return file.getvalue()


def test_a_small_picture_is_shown_as_it_is() -> None:
    data = picture((64, 48))
    look = pictures.look(data, media_type="image/png", bytes_max=100_000)

    assert (look.data, look.media_type, look.width, look.height) == (data, "image/png", 64, 48)
    assert not look.is_smaller


@pytest.mark.parametrize(("mode", "kind"), [("RGB", "image/jpeg"), ("RGBA", "image/webp")])
def test_a_large_picture_is_shown_smaller_until_it_fits(mode: str, kind: str) -> None:
    data = picture((2000, 1000), mode=mode)
    look = pictures.look(data, media_type="image/png", bytes_max=120_000)

    assert (look.media_type, look.width, look.height, look.is_smaller) == (kind, 2000, 1000, True)
    assert look.data is not None
    assert len(look.data) <= 120_000
    with Image.open(io.BytesIO(look.data)) as shown:
        assert shown.size[0] == 2 * shown.size[1]
        assert Image.MIME[shown.format or ""] == kind


def test_a_picture_that_cannot_be_small_enough_is_not_shown() -> None:
    look = pictures.look(picture((600, 600)), media_type="image/png", bytes_max=10)

    assert (look.data, look.width) == (None, 600)


@pytest.mark.parametrize(("data", "media_type"), [(b"<svg/>", "image/svg+xml"), (b"no picture", "image/png")])
def test_what_is_no_picture_to_show_is_not_shown(data: bytes, media_type: str) -> None:
    assert pictures.look(data, media_type=media_type, bytes_max=100).data is None


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (" https://otter.example/otter.png ", Named(text="https://otter.example/otter.png")),
        ("https://otter.example/files/otter.png", Named(text="https://otter.example/files/otter.png")),
        ("file-0123abc", Named(text="file-0123abc")),
        (f"{SERVER}/files/otter.png?sig=1", OnServer(link=f"{SERVER}/files/otter.png?sig=1")),
        (
            "task:019ab3c5-7d7a-7c11-8f2e-0e4a8f6f1b52",
            OfTask(task_id="019ab3c5-7d7a-7c11-8f2e-0e4a8f6f1b52", number=1),
        ),
        (
            "task:019ab3c5-7d7a-7c11-8f2e-0e4a8f6f1b52/3",
            OfTask(task_id="019ab3c5-7d7a-7c11-8f2e-0e4a8f6f1b52", number=3),
        ),
        ("file:///tmp/an%20otter.png", OnDisk(path=Path("/tmp/an otter.png"))),
        ("otter.png", OnDisk(path=Path("otter.png"))),
    ],
)
def test_what_is_meant_by_a_picture(text: str, source: Source) -> None:
    assert pictures.source_of(text, address=SERVER, reads_files=True) == source


def test_a_data_url_is_its_bytes() -> None:
    data = picture((4, 4), kind="WEBP")
    text = f"data:image/png;base64,{base64.b64encode(data).decode()}"

    assert pictures.source_of(text, address=SERVER, reads_files=False) == Bytes(data=data, media_type="image/webp")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("otter.png", "only by a `limner mcp` that runs there"),
        ("file:///etc/passwd", "only by a `limner mcp` that runs there"),
        ("", "an empty text"),
        ("data:otter", "a data URL must be like"),
        ("data:image/png;base64,b3R0ZX", "base64 is damaged"),
        ("data:image/png;base64,b3R0ZXI=", "the data URL is no png, jpeg, webp or gif"),
    ],
)
def test_what_cannot_be_had_from_afar_is_refused(text: str, words: str) -> None:
    with pytest.raises(ArgumentTrouble, match=words):
        pictures.source_of(text, address=SERVER, reads_files=False)


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("GIF", "image/gif")],
)
def test_a_file_is_read_if_it_is_a_picture(tmp_path: Path, kind: str, media_type: str) -> None:
    (tmp_path / "otter").write_bytes(picture((4, 4), kind=kind))

    found = pictures.read_file(tmp_path / "otter")
    assert found.media_type == media_type
    assert found.name == f"picture.{media_type.partition('/')[2]}"


def test_any_other_file_is_not(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"hush")
    with pytest.raises(ArgumentTrouble, match="secret is no png"):
        pictures.read_file(tmp_path / "secret")
    with pytest.raises(ArgumentTrouble, match="there is no file"):
        pictures.read_file(tmp_path / "nothing")
    with pytest.raises(ArgumentTrouble, match="there is no file"):
        pictures.read_file(tmp_path)
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(pictures.GIVEN_BYTES_MAX + 1)
    with pytest.raises(ArgumentTrouble, match="more than"):
        pictures.read_file(tmp_path / "huge")
