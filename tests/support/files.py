"""Pictures that people give."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx2
import numpy as np
from PIL import Image

from limner.files.models import File
from limner.flow.files import keep
from limner.flow.house import House
from support.people import Person
from support.wire import client_of


def png(width: int = 64, height: int = 48, *, noise: int | None = None) -> bytes:
    """A picture; `noise`: one that does not get smaller, another for each number."""
    if noise is None:
        picture = Image.new("RGB", (width, height), (200, 120, 40))
    else:
        pixels = np.random.default_rng(noise).integers(0, 256, (height, width, 3), dtype=np.uint8)
        picture = Image.fromarray(pixels)
    written = io.BytesIO()
    picture.save(written, "png")
    return written.getvalue()


OTTER: Final = png()


async def give(house: House, person: Person, data: bytes = OTTER, **more: Any) -> File:
    """Somebody gives a picture; as an upload, unless `more` says otherwise."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "given"
        path.write_bytes(data)
        return await keep(
            house,
            **{
                "account_id": person.account.id,
                "path": path,
                "name": "otter.png",
                "purpose": "vision",
                "is_listed": True,
                **more,
            },
        )


async def upload(
    house: House,
    person: Person,
    data: bytes = OTTER,
    *,
    prefix: str = "/v1",
    path: str = "",
    name: str = "otter.png",
    **fields: str,
) -> httpx2.Response:
    """POST .../files with a form; of names of fields, __ stands for brackets: expires_after__seconds."""
    form = {_named(field): value for field, value in fields.items()}
    async with client_of(house) as client:
        return await client.post(
            f"{prefix}/files{path}", data=form, files={"file": (name, data, "image/png")}, headers=person.headers
        )


def _named(field: str) -> str:
    outer, _, inner = field.partition("__")
    return f"{outer}[{inner}]" if inner else outer
