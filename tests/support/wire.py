"""Speaking HTTP to a house without a socket."""

from __future__ import annotations

from typing import Any, Final

import httpx2

from limner.flow.house import House
from limner.web.app import make_app
from support.people import Person

PUBLIC_URL: Final = "http://limner.test"
BODY_BYTES_MAX: Final = 65_536
PREFIXES: Final = ("/openai", "/v1")
FIELDS: Final = {
    "created", "data", "usage", "background", "output_format", "quality", "size", "success", "task_id", "trace_id", "elapsed"
}  # fmt: skip
"""What an answer with pictures has."""


def client_of(house: House) -> httpx2.AsyncClient:
    """A client of the house's application."""
    app = make_app(house, body_bytes_max=BODY_BYTES_MAX)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=PUBLIC_URL)


async def ask(house: House, person: Person, *, prefix: str = "/v1", **body: Any) -> httpx2.Response:
    """POST .../images/generations."""
    async with client_of(house) as client:
        body = {"model": "dall-e-2", "prompt": "A cute baby sea otter", **body}
        return await client.post(f"{prefix}/images/generations", json=body, headers=person.headers)


async def post(house: House, person: Person, content: bytes | str, *, prefix: str = "/v1") -> httpx2.Response:
    """POST a body as it is."""
    async with client_of(house) as client:
        headers = {**person.headers, "content-type": "application/json"}
        return await client.post(f"{prefix}/images/generations", content=content, headers=headers)


async def link_of(house: House, person: Person) -> str:
    """A link to a picture just painted."""
    answer = await ask(house, person, response_format="url")
    return str(answer.json()["data"][0]["url"])
