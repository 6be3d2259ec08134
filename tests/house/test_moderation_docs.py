"""The function that docs/moderation.md shows works as it stands there, with the settings that stand above it."""

from __future__ import annotations

import importlib
import json
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from limner import bootstrap, config
from limner.flow import moderation_rules
from limner.flow.house import House
from support.people import Person, balance_of
from support.wire import ask

PAGE = (Path(__file__).resolve().parents[2] / "docs/moderation.md").read_text(encoding="utf-8")
FENCE = r"^```{language}\n(.*?)^```$"


def shown(language: str) -> list[str]:
    return re.findall(FENCE.format(language=language), PAGE, re.DOTALL | re.MULTILINE)


@dataclass
class Classifier:
    """One that thinks the same of every picture."""

    port: int = 0
    scores: dict[str, float] = field(default_factory=dict)
    media_types: list[str | None] = field(default_factory=list)


@pytest.fixture
def classifier() -> Iterator[Classifier]:
    told = Classifier()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.media_types.append(self.headers["Content-Type"])
            assert len(self.rfile.read(int(self.headers["Content-Length"]))) > 0
            body = json.dumps(told.scores).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    told.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classifier: Classifier) -> Iterator[config.Settings]:
    """Those of the page that name the function, and the function where they say."""
    (code,) = shown("python")
    (text,) = (one for one in shown("toml") if "picture_check:look" in one)
    (tmp_path / "picture_check.py").write_text(code, encoding="utf-8")
    (tmp_path / "limner.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("PICTURE_CLASSIFIER", f"http://127.0.0.1:{classifier.port}/classify")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield config.load(config_file=tmp_path / "limner.toml", environ={}, flags={"data_dir": tmp_path}).settings
    sys.modules.pop("picture_check", None)


async def test_the_function_of_the_page_refuses_what_its_classifier_finds(
    house: House, grace: Person, classifier: Classifier, settings: config.Settings
) -> None:
    moderator = bootstrap.make_moderator(settings)
    await moderator.open()
    try:
        house = replace(house, moderator=moderator)
        before = await balance_of(house, grace)
        classifier.scores = {"gore": 0.02, "nudity": 0.91}
        refused = await ask(house, grace)
        after = await balance_of(house, grace)
        (verdict,) = await moderation_rules.verdicts(house)
        classifier.scores = {"gore": 0.02, "nudity": 0.1}
        fine = await ask(house, grace)
    finally:
        await moderator.close()

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "content_policy_violation")
    assert before == after
    assert (verdict.stage, verdict.said_by, verdict.categories) == ("picture", "hook", ("nudity",))
    assert dict(verdict.scores) == {"gore": 0.02, "nudity": 0.91}
    assert fine.status_code == 200
    assert classifier.media_types == ["image/png", "image/png"]


async def test_without_its_classifier_nothing_is_shown_and_nothing_charged(
    house: House, grace: Person, settings: config.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICTURE_CLASSIFIER", "http://127.0.0.1:9/classify")
    moderator = bootstrap.make_moderator(settings)
    await moderator.open()
    try:
        house = replace(house, moderator=moderator)
        before = await balance_of(house, grace)
        answer = await ask(house, grace)
    finally:
        await moderator.close()

    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert await balance_of(house, grace) == before


def test_an_endpoint_s_answer_on_the_page_is_understood() -> None:
    from limner.kit.moderations import opinion_of

    (answer,) = shown("json")
    opinion = opinion_of(json.loads(answer)["results"][0])
    assert (opinion.flagged, opinion.categories, opinion.scores) == (True, {"violence": True}, {"violence": 0.91})
