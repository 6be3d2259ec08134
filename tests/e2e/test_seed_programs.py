"""The programs of the seed document, as written there: only host and token are replaced, and one missing comma is put in."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest
import requests
from PIL import Image

from support.ears import listening
from support.server import Server

PROGRAM = """import requests
url = "https://api.acedata.cloud/openai/images/generations"
headers = {
"accept": "application/json",
"authorization": "Bearer {token}",
"content-type": "application/json"
}
payload = %s
response = requests.post(url, json=payload, headers=headers)
print(response.text)
"""
BASIC = """{
"model": "dall-e-3",
"prompt": "A cute baby sea otter"
}"""
QUALITY = """{
"model": "dall-e-3",
"prompt": "A cute baby sea otter",
"quality": "standard"
}"""
SIZE = """{
"model": "dall-e-3",
"prompt": "A cute baby sea otter"
"size": "1024x1024"
}"""
STYLE = """{
"model": "dall-e-3",
"prompt": "A cute baby sea otter",
"style": "vivid"
}"""
RESPONSE_FORMAT = """{
"model": "dall-e-3",
"prompt": "A cute baby sea otter",
"response_format": "url"
}"""
CALLBACK = """{
"model": "dall-e-3",
"prompt": "A cute baby sea otter",
"callback_url": "https://webhook.site/3d32690d-6780-4187-a65c-870061e8c8ab"
}"""


def mended(payload: str) -> str:
    return payload.replace('otter"\n"size"', 'otter",\n"size"')


def printed_by(server: Server, payload: str, *, token: str | None = None) -> dict[str, Any]:
    """Run the program in a Python of its own; what it prints."""
    program = (PROGRAM % payload).replace("https://api.acedata.cloud", server.url)
    program = program.replace("{token}", token or server.owner_key)
    environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60, env=environ
    )
    body: dict[str, Any] = json.loads(done.stdout)
    return body


@pytest.mark.parametrize(
    "payload",
    [BASIC, QUALITY, mended(SIZE), STYLE, RESPONSE_FORMAT],
    ids=["basic", "quality", "size", "style", "response_format"],
)
def test_the_seed_s_programs_print_the_seed_s_answer(server: Server, payload: str) -> None:
    body = printed_by(server, payload)

    assert abs(body["created"] - time.time()) < 120
    (picture,) = body["data"]
    assert set(picture) == {"revised_prompt", "url"}
    assert "otter" in picture["revised_prompt"]
    assert body["task_id"]
    assert body["trace_id"]
    opened = requests.get(picture["url"], timeout=30)  # a link opens without any header
    assert opened.status_code == 200
    assert Image.open(io.BytesIO(opened.content)).size == (1024, 1024)


def test_the_picture_itself_as_base64(server: Server) -> None:
    (picture,) = printed_by(server, RESPONSE_FORMAT.replace('"url"', '"b64_json"'))["data"]

    assert set(picture) == {"b64_json", "revised_prompt"}
    assert Image.open(io.BytesIO(base64.b64decode(picture["b64_json"]))).size == (1024, 1024)


@pytest.mark.parametrize(
    ("old", "new"), [('"standard"', '"hd"'), ('"vivid"', '"natural"'), ('"1024x1024"', '"1792x1024"')]
)
def test_the_other_values_of_the_seed(server: Server, old: str, new: str) -> None:
    payload = next(payload for payload in (QUALITY, STYLE, mended(SIZE)) if old in payload)

    assert len(printed_by(server, payload.replace(old, new))["data"]) == 1


def test_the_seed_s_asynchronous_program_and_what_its_receiver_gets(server: Server) -> None:
    with listening(path="") as inbox:
        body = printed_by(server, CALLBACK.replace("https://webhook.site", inbox.url))
        posted = inbox.posted(seconds=20)

    assert set(body) == {"task_id"}
    assert posted.path == "/3d32690d-6780-4187-a65c-870061e8c8ab"
    assert posted.headers["content-type"] == "application/json"
    told = json.loads(posted.body)
    assert list(told) == ["success", "task_id", "trace_id", "data"]
    assert (told["success"], told["task_id"]) == (True, body["task_id"])
    assert {"created", "data"} <= set(told["data"])
    (picture,) = told["data"]["data"]
    assert set(picture) == {"revised_prompt", "url"}
    assert requests.get(picture["url"], timeout=30).status_code == 200


def test_the_body_without_the_comma_is_told_where_it_is_missing(server: Server) -> None:
    headers = {"authorization": f"Bearer {server.owner_key}", "content-type": "application/json"}
    answer = requests.post(f"{server.url}/openai/images/generations", data=SIZE, headers=headers, timeout=30)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"
    assert "expected `,` or `}` at line 4 column 1" in answer.json()["error"]["message"]


def test_a_wrong_token_is_the_seed_s_error(server: Server) -> None:
    body = printed_by(server, BASIC, token="wrong")

    assert set(body) == {"success", "error", "trace_id"}
    assert (body["success"], body["error"]["code"]) == (False, "invalid_token")
