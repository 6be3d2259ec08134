"""Files by the official `openai` package, against a live server."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import openai
import pytest
import requests
from PIL import Image

from limner.flow.house import House
from support.files import OTTER, png
from support.people import join
from support.server import Server


@pytest.fixture(params=["/v1", "/openai"])
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url + request.param, api_key=server.owner_key, max_retries=0) as client:
        yield client


def test_a_file_is_uploaded_found_read_and_deleted(client: openai.OpenAI) -> None:
    made = client.files.create(file=("otter.png", OTTER), purpose="vision")

    assert (made.object, made.status, made.purpose) == ("file", "processed", "vision")
    assert (made.filename, made.bytes) == ("otter.png", len(OTTER))
    assert made.expires_at is not None
    assert made.expires_at - made.created_at == 7 * 86_400
    assert abs(made.created_at - time.time()) < 60
    assert client.files.retrieve(made.id) == made
    assert client.files.content(made.id).read() == OTTER
    assert client.files.wait_for_processing(made.id).id == made.id
    gone = client.files.delete(made.id)
    assert (gone.id, gone.deleted) == (made.id, True)
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made.id)
    with pytest.raises(openai.NotFoundError):
        client.files.content(made.id)


def test_files_are_listed_over_several_pages(client: openai.OpenAI) -> None:
    made = [client.files.create(file=png(16, 16, noise=number), purpose="user_data").id for number in range(5)]

    listed = [file.id for file in client.files.list(purpose="user_data", limit=2, order="asc")]

    assert [id_ for id_ in listed if id_ in made] == made
    assert next(iter(client.files.list())).id == made[-1]
    for id_ in made:
        client.files.delete(id_)


def test_a_file_may_live_for_another_time(client: openai.OpenAI) -> None:
    made = client.files.create(
        file=io.BytesIO(OTTER), purpose="vision", expires_after={"anchor": "created_at", "seconds": 7200}
    )

    assert made.expires_at == made.created_at + 7200


def test_a_large_file_comes_back_as_it_was(client: openai.OpenAI) -> None:
    data = png(1200, 1000, noise=9)
    assert len(data) > 3_000_000

    made = client.files.create(file=("large.png", data), purpose="vision")

    assert client.files.content(made.id).read() == data


def test_what_is_no_picture_is_refused_by_name(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="pictures to paint from") as refused:
        client.files.create(file=("train.jsonl", b'{"messages": []}\n'), purpose="fine-tune")

    assert refused.value.code in {"unsupported_image_media_type", "bad_request"}


def test_the_vendor_s_upload_answers_with_a_link(server: Server) -> None:
    answer = requests.post(
        f"{server.url}/openai/files/upload",
        files={"file": ("otter.png", OTTER, "image/png")},
        headers={"authorization": f"Bearer {server.owner_key}"},
        timeout=30,
    ).json()

    assert answer["success"] is True
    assert answer["expires_at"] > time.time() + 6 * 86_400
    opened = requests.get(answer["url"], timeout=30)
    assert Image.open(io.BytesIO(opened.content)).size == (64, 48)


async def test_the_async_client_and_another_s_key(server: Server, inside: House) -> None:
    eve = await join(inside, "eve the curious", credits_start=0)
    async with (
        openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=server.owner_key) as mine,
        openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=eve.secret) as hers,
    ):
        made = await mine.files.create(file=("otter.png", OTTER), purpose="vision")
        with pytest.raises(openai.NotFoundError):
            await hers.files.content(made.id)
        assert [file async for file in hers.files.list()] == []
        assert (await mine.files.content(made.id)).content == OTTER
