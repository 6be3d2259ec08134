"""A tiny pipeline behind the door: what programs send over HTTP arrives at the model, and what it cannot do is refused."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from limner.engines.diffusers_local import Plug
from limner.flow.house import EngineStand, House
from support.people import Person, balance_of
from support.tiny import build, skip_without_diffusers
from support.tiny_scenes import mask, pixels_in, source
from support.wire import client_of

skip_without_diffusers()

EDGE = 64


@pytest.fixture(scope="module")
def sd15(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sd15", tmp_path_factory.mktemp("sd15") / "model")


@asynccontextmanager
async def behind(house: House, model: Path) -> AsyncIterator[House]:
    """The house, painted for by that model."""
    plug = Plug(
        {"model": str(model), "device": "cpu", "threads": 1, "recipe_changes": {"pixels": [EDGE * EDGE, 262_144]}}
    )
    try:
        yield replace(house, engines={**house.engines, "illustrator": EngineStand(plug)})
    finally:
        await plug.close()


async def sent(
    house: House, person: Person, *, act: str = "edits", files: tuple[tuple[str, bytes], ...] = (), **fields: str
) -> httpx2.Response:
    """A form to the open profile, small and quick."""
    given = {"model": "illustrator", "size": f"{EDGE}x{EDGE}", "response_format": "b64_json", **fields}
    parts: list[tuple[str, Any]] = [(name, ("x.png", data, "image/png")) for name, data in files]
    async with client_of(house) as client:
        return await client.post(f"/openai/images/{act}", data=given, files=parts, headers=person.headers)


def pixels(answer: httpx2.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return pixels_in(base64.b64decode(answer.json()["data"][0]["b64_json"]))


def fault(answer: httpx2.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json()["error"]["param"]


OTTER = ("image", source(width=EDGE, height=EDGE).data)
MASK = ("mask", mask(width=EDGE, height=EDGE).data)
WORDS = {"prompt": "an otter with a hat", "steps": "4", "seed": "7"}


async def test_a_picture_and_a_mask_reach_the_model(house: House, grace: Person, sd15: Path) -> None:
    async with behind(house, sd15) as there:
        masked = pixels(await sent(there, grace, files=(OTTER, MASK), **WORDS))
        painted_over = pixels(await sent(there, grace, files=(OTTER,), strength="0.9", **WORDS))

    before = pixels_in(OTTER[1])
    left, right = slice(0, EDGE // 4), slice(EDGE * 3 // 4, EDGE)
    assert (masked[:, left] == before[:, left]).all(), "what the mask covers is left alone"
    assert (masked[:, right] != before[:, right]).any(), "what it leaves open is painted anew"
    assert (painted_over[:, left] != before[:, left]).any()


@pytest.mark.parametrize(
    ("fields", "files", "param"),
    [
        ({"output_format": "svg", **WORDS}, (OTTER,), "output_format"),
        ({"output_format": "gif", **WORDS}, (OTTER,), "output_format"),
        ({"flow_shift": "2", **WORDS}, (OTTER,), "flow_shift"),
        (WORDS, (OTTER, ("markup", MASK[1])), "markup"),
        (WORDS, (OTTER, OTTER), "image"),
    ],
    ids=["svg", "gif", "extra", "markup", "two-pictures"],
)
async def test_what_the_model_cannot_do_is_refused_by_name_and_costs_nothing(
    *,
    house: House,
    grace: Person,
    sd15: Path,
    fields: dict[str, str],
    files: tuple[tuple[str, bytes], ...],
    param: str,
) -> None:
    before = (await balance_of(house, grace)).free
    async with behind(house, sd15) as there:
        assert fault(await sent(there, grace, files=files, **fields)) == (400, param)

    assert (await balance_of(house, grace)).free == before


async def test_a_model_that_needs_words_makes_no_variations(house: House, grace: Person, sd15: Path) -> None:
    async with behind(house, sd15) as there:
        answer = await sent(there, grace, act="variations", files=(OTTER,))

    assert fault(answer) == (400, "image")
    assert "makes no variations" in answer.json()["error"]["message"]


async def test_hints_that_make_no_difference_are_named(house: House, grace: Person, sd15: Path) -> None:
    async with behind(house, sd15) as there:
        answer = await sent(there, grace, files=(OTTER,), input_fidelity="high", **WORDS)

    assert "this model is not told input_fidelity: 'high' made no difference" in answer.json()["warnings"]
