"""One server relays to another: whatever the first is asked for is painted by the second, through both whole."""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import openai
import pytest
import requests
from PIL import Image

from support.pictures import encoded, mask, noise, png
from support.server import Server, start

PROMPT = "Put a red hat on the otter"
SECONDS = 60

Chained: TypeAlias = Callable[..., AbstractContextManager[tuple[Server, Server]]]


@pytest.fixture
def chained(new_database: Callable[[], AbstractContextManager[str]], tmp_path: Path) -> Chained:
    """Starts a server that paints, and one before it that has only the first."""

    @contextmanager
    def started(*, engine: str = "fake", model: str = "", more: str = "") -> Iterator[tuple[Server, Server]]:
        with new_database() as behind_url, new_database() as front_url:
            behind = start(tmp_path / "behind", database_url=behind_url, environ={"LIMNER_CATALOG__ENGINE": engine})
            try:
                file = tmp_path / "limner.toml"
                file.write_text(
                    f"""
                    [catalog]
                    engine = "there"

                    [engines.there]
                    plug = "openai_relay"

                    [engines.there.upstreams.main]
                    address = "{behind.url}"
                    key = "{behind.owner_key}"
                    {f'model = "{model}"' if model else ""}
                    {more}
                    """
                )
                environ = {"LIMNER_CONFIG": str(file), "LIMNER_CATALOG__ENGINE": "there"}
                front = start(tmp_path / "front", database_url=front_url, environ=environ)
                try:
                    yield front, behind
                finally:
                    assert front.stop() == 0, front.log.read_text()[-2000:]
            finally:
                assert behind.stop() == 0, behind.log.read_text()[-2000:]
        for server in (front, behind):
            assert PROMPT not in server.log.read_text()

    return started


def client(server: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.owner_key, max_retries=0)


def opened(text: str | None) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text or "")))


def edited(server: Server, *parts: tuple[str, tuple[str, bytes, str]], act: str = "edits", **fields: str) -> Any:
    """A form on the vendor's prefix, as plain programs send it."""
    answer = requests.post(
        f"{server.url}/openai/images/{act}",
        data=fields,
        files=list(parts),
        headers={"Authorization": f"Bearer {server.owner_key}"},
        timeout=SECONDS,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_pictures_streams_edits_and_variations_go_through_both(chained: Chained) -> None:
    with chained() as (front, behind), client(front) as there:
        painted = there.images.generate(model="gpt-image-2", prompt=PROMPT, n=2, size="1024x1536")
        assert [opened(one.b64_json).size for one in painted.data or ()] == [(1024, 1536)] * 2
        _has_both_details(painted.to_dict()["usage"], images=False)

        events = list(there.images.generate(model="gpt-image-2", prompt=PROMPT, stream=True, partial_images=2))
        assert [one.type.rpartition(".")[2] for one in events] == ["partial_image", "partial_image", "completed"]
        assert [one.partial_image_index for one in events if one.type.endswith("partial_image")] == [0, 1]
        assert opened(events[-1].b64_json).size == (1024, 1024)

        files = [("otter.png", png()), ("boat.png", png()), ("sea.jpg", encoded(noise(), "JPEG"))]
        changed = there.images.edit(model="gpt-image-2", image=files, mask=("mask.png", mask()), prompt=PROMPT)
        _came_with(changed.to_dict(), "from 3 pictures and a mask")
        _has_both_details(changed.to_dict()["usage"], images=True)

        shown = list(there.images.edit(model="gpt-image-2", image=png(), prompt=PROMPT, stream=True, partial_images=1))
        assert [one.type for one in shown] == ["image_edit.partial_image", "image_edit.completed"]

        varied = edited(front, ("image", ("o.png", png(48, 48), "image/png")), act="variations", model="gpt-image-2")
        _came_with(varied, "Another picture like this one", "from 1 picture")

        marked = edited(
            front,
            *(("image[]", ("o.png", png(), "image/png")), ("markup", ("m.png", mask(), "image/png"))),
            model="gpt-image-2.6-flare",
            prompt=PROMPT,
            complexity="low",
        )
        _came_with(marked, "from 1 picture and a markup")
        assert "warnings" not in marked

        said = edited(
            front,
            *(("image", ("o.png", png(), "image/png")),),
            model="gpt-image-1",
            prompt=PROMPT,
            input_fidelity="high",
        )
        assert "warnings" not in said, "the second has it as well"

        kinds = [
            task["kind"]
            for task in requests.get(
                f"{behind.url}/v1/images/tasks",
                headers={"Authorization": f"Bearer {behind.owner_key}"},
                timeout=SECONDS,
            ).json()["data"]
        ]
        assert kinds.count("images_edits") == 5, kinds


def _came_with(answer: dict[str, Any], *words: str) -> None:
    (one,) = answer["data"]
    for word in words:
        assert word in one["revised_prompt"]


def _has_both_details(usage: Any, *, images: bool) -> None:
    assert usage["input_tokens_details"]["text_tokens"] > 0
    assert (usage["input_tokens_details"]["image_tokens"] > 0) is images
    assert usage["output_tokens_details"] == {"text_tokens": 0, "image_tokens": usage["output_tokens"]}
    assert usage["output_tokens"] > 0
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_what_moves_and_what_is_drawn_goes_through_both_byte_for_byte(chained: Chained) -> None:
    with chained(engine="illustrator") as (front, behind), client(front) as there:
        moving = there.images.generate(
            model="gpt-image-2.6-flare",
            prompt="An otter",
            output_format="gif",
            size="480x480",
            extra_body={"frame_count": 3, "frame_duration_ms": 100},
        )
        (one,) = moving.data or ()
        with opened(one.b64_json) as gif:
            assert (gif.format, gif.size, getattr(gif, "n_frames", 1)) == ("GIF", (480, 480), 3)
            assert gif.info["duration"] == 100

        drawn = there.images.generate(
            model="gpt-image-2.6-flare", prompt="An otter", output_format="svg", size="1024x1024"
        )
        (one,) = drawn.data or ()
        svg = base64.b64decode(one.b64_json or "")
        assert b"<svg" in svg[:200]
        tasks = requests.get(
            f"{behind.url}/v1/images/tasks",
            headers={"Authorization": f"Bearer {behind.owner_key}"},
            timeout=SECONDS,
        ).json()["data"]
        kept = requests.get(tasks[0]["result"]["data"][0]["url"], timeout=SECONDS)
        assert kept.content == svg


def test_forty_five_megabytes_go_through_without_copies(chained: Chained) -> None:
    """Of a file that a program sends, the server holds one copy while it sends it on, and gives that back."""
    large = encoded(Image.frombytes("RGB", (4000, 3750), random.Random(4).randbytes(45_000_000)), compress_level=0)
    assert len(large) > 45_000_000
    with chained() as (front, _behind):
        small = ("image", ("o.png", png(), "image/png"))
        edited(front, small, model="gpt-image-2", prompt=PROMPT)
        before = _peak_of(front)
        answer = edited(front, ("image", ("o.png", large, "image/png")), model="gpt-image-2", prompt=PROMPT)
        _came_with(answer, "from 1 picture")
        grown = _peak_of(front) - before
    assert grown <= 80_000_000, f"{grown / 1e6:.0f} MB above idle"


def _peak_of(server: Server) -> int:
    """The most memory that the process has had, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
