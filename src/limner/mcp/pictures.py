"""Pictures on their way: what of a result is shown within an answer, and what a picture that is given for an edit is.

Slow where it says so: it decodes, and is to be called in a thread.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from limner.mcp.arguments import ArgumentTrouble

if TYPE_CHECKING:
    from PIL import Image

# Programs that show answers to people and models take about a megabyte of them, as base64.
SHOWN_BYTES_MAX: Final = 750_000
GIVEN_BYTES_MAX: Final = 50 * 1024 * 1024
_SHOWABLE: Final = {"image/png", "image/jpeg", "image/webp", "image/gif"}
_EDGES: Final = (1024, 768, 512, 256)
_QUALITY: Final = 85
_DATA_URL: Final = re.compile(
    r"data:(?P<type>[^;,]*)(?P<parameters>(?:;[^;,]*)*),(?P<data>.*)", re.DOTALL | re.IGNORECASE
)
_FILE_ID: Final = re.compile(r"file-[A-Za-z0-9_-]{1,80}", re.ASCII)
_TASK: Final = re.compile(r"task:\s*(?P<id>[0-9a-f-]{32,36})(?:/(?P<number>[1-9][0-9]?))?", re.IGNORECASE | re.ASCII)
_LINK: Final = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is shown of a picture: its own bytes, or a smaller one's (`is_smaller`); no `data`: it cannot be shown.

    `width`, `height`: of the picture itself, in pixels.
    """

    data: bytes | None
    media_type: str
    width: int | None
    height: int | None
    is_smaller: bool = False


def look(data: bytes, *, media_type: str, bytes_max: int) -> Look:
    """What to show of a picture in `bytes_max` bytes. Slow."""
    from PIL import Image

    if media_type not in _SHOWABLE:
        return Look(data=None, media_type=media_type, width=None, height=None)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "GIF")) as picture:
            width, height = picture.size
            if len(data) <= bytes_max:
                return Look(data=data, media_type=media_type, width=width, height=height)
            for edge in _EDGES:
                small, small_type = _smaller(picture, edge=edge)
                if len(small) <= bytes_max:
                    return Look(data=small, media_type=small_type, width=width, height=height, is_smaller=True)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return Look(data=None, media_type=media_type, width=None, height=None)
    return Look(data=None, media_type=media_type, width=width, height=height)


def _smaller(picture: Image.Image, *, edge: int) -> tuple[bytes, str]:
    """A copy with its longer side of `edge` pixels at most, as JPEG, or WebP if one can see through it."""
    is_clear = picture.has_transparency_data
    copy = picture.convert("RGBA" if is_clear else "RGB")
    copy.thumbnail((edge, edge))
    file = io.BytesIO()
    copy.save(file, "WEBP" if is_clear else "JPEG", quality=_QUALITY)
    return file.getvalue(), "image/webp" if is_clear else "image/jpeg"


# what is given -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A picture that the server gets by itself: a link, or the id of a file."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """A picture that is sent along."""

    data: bytes
    media_type: str

    @property
    def name(self) -> str:
        """What to call its file."""
        return f"picture.{self.media_type.partition('/')[2]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfTask:
    """A picture of an earlier task; 1 is its first."""

    task_id: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OnServer:
    """A link of the server's own, which it would not call: it is fetched here and sent along."""

    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDisk:
    """A file of this machine."""

    path: Path


Source = Named | Bytes | OfTask | OnServer | OnDisk


def source_of(text: str, *, address: str, reads_files: bool) -> Source:
    """What is meant by `text`; `address`: of the server. Raises `ArgumentTrouble`."""
    text = text.strip()
    if text[:5].lower() == "data:":
        return _from_data_url(text)
    if _LINK.match(text):
        return OnServer(link=text) if _is_of(text, address) else Named(text=text)
    if _FILE_ID.fullmatch(text):
        return Named(text=text)
    if found := _TASK.fullmatch(text):
        return OfTask(task_id=found["id"], number=int(found["number"] or 1))
    if not text:
        raise ArgumentTrouble("a picture is an empty text: give a link, a data URL, the id of a file, or task:ID")
    if not reads_files:
        raise ArgumentTrouble(
            f"'{text[:80]}' is no picture that can be had from here: give an https link, a data URL, the id of a file, "
            "or task:ID; files of your machine can be read only by a `limner mcp` that runs there"
        )
    path = unquote(urlsplit(text).path) if text[:7].lower() == "file://" else text
    return OnDisk(path=Path(path).expanduser())


def _is_of(link: str, address: str) -> bool:
    parts, ours = urlsplit(link), urlsplit(address)
    return parts.netloc.lower() == ours.netloc.lower() and "/files/" in parts.path


def _from_data_url(text: str) -> Bytes:
    parts = _DATA_URL.fullmatch(text)
    if parts is None:
        raise ArgumentTrouble("a data URL must be like data:image/png;base64,...")
    try:
        is_base64 = ";base64" in parts["parameters"].lower()
        data = base64.b64decode("".join(parts["data"].split())) if is_base64 else unquote_to_bytes(parts["data"])
    except binascii.Error:
        raise ArgumentTrouble("the data URL's base64 is damaged") from None
    return picture_of(data, name="the data URL")


def read_file(path: Path) -> Bytes:
    """The picture in a file; nothing else is read into memory or sent. Slow. Raises `ArgumentTrouble`."""
    try:
        if not path.is_file():
            raise ArgumentTrouble(f"there is no file {path}")
        if path.stat().st_size > GIVEN_BYTES_MAX:
            raise ArgumentTrouble(f"{path} has more than {GIVEN_BYTES_MAX:,} bytes")
        with path.open("rb") as file:
            # An assistant may have been talked into naming a file that is none of its business.
            kind_of(file.read(16), name=str(path))
            file.seek(0)
            return picture_of(file.read(), name=str(path))
    except OSError as error:
        raise ArgumentTrouble(f"{path} cannot be read: {(error.strerror or 'for an unknown reason').lower()}") from None


def picture_of(data: bytes, *, name: str) -> Bytes:
    """The bytes as a picture. Raises `ArgumentTrouble`."""
    if len(data) > GIVEN_BYTES_MAX:
        raise ArgumentTrouble(f"{name} has more than {GIVEN_BYTES_MAX:,} bytes")
    return Bytes(data=data, media_type=kind_of(data, name=name))


def kind_of(head: bytes, *, name: str) -> str:
    """The media type, by the first 16 bytes. Raises `ArgumentTrouble`."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[:6] in {b"GIF87a", b"GIF89a"}:
        return "image/gif"
    raise ArgumentTrouble(f"{name} is no png, jpeg, webp or gif")
