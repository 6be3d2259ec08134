"""Pictures to start from."""

from __future__ import annotations

import base64
import io
from typing import Any

from PIL import Image


def noise(width: int = 64, height: int = 48, *, mode: str = "RGB") -> Image.Image:
    """A picture that no format makes small."""
    return Image.effect_noise((width, height), 50).convert(mode)


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """As a file."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def png(width: int = 64, height: int = 48) -> bytes:
    """A png."""
    return encoded(noise(width, height))


def mask(width: int = 64, height: int = 48) -> bytes:
    """A png whose left half is clear."""
    picture = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, width // 2, height))
    return encoded(picture)


def data_url(data: bytes, *, kind: str = "png") -> str:
    """The same in a URL."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
