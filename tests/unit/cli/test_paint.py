from __future__ import annotations

from pathlib import Path

import pytest

from limner.cli import run

FAKE = '[catalog]\nengine = "fake"\n[catalog.models.illustrator]\nengine = "fake"\n'


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "limner.toml"
    path.write_text(FAKE, encoding="utf-8")
    return str(path)


def test_a_prompt_becomes_a_file(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "otter.png"
    assert run(["--config", config, "paint", "an otter", "--seed", "7", "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    told = capsys.readouterr()
    assert told.out.splitlines() == [str(out), "  1024x1024, 2 kB, seed 7", "  an otter"]
    assert told.err == ""


def test_several_pictures_are_numbered(config: str, tmp_path: Path) -> None:
    assert run(["--config", config, "paint", "an otter", "-n", "3", "--out", str(tmp_path / "otter.png")]) == 0
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["otter-1.png", "otter-2.png", "otter-3.png"]


def test_a_file_that_is_there_is_kept(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "otter.png"
    out.write_bytes(b"ada's")
    assert run(["--config", config, "paint", "an otter", "--out", str(out)]) == 1
    assert out.read_bytes() == b"ada's"
    assert "--force" in capsys.readouterr().err
    assert run(["--config", config, "paint", "an otter", "--out", str(out), "--force"]) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--size", "3x3"], "the shortest edge must be 64 pixels"),
        (["--model", "dalle-3"], "there is no model 'dalle-3' here; there is dall-e-3"),
        (["--format", "webp"], "the engine fake writes png, not webp"),
        (["--model", "dall-e-3", "-n", "2"], "n must be 1 for the model 'dall-e-3'"),
    ],
)
def test_what_the_catalogue_refuses_is_one_line(
    options: list[str], words: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--config", config, "paint", "an otter", *options]) == 1
    told = capsys.readouterr().err
    assert told.startswith("limner: ")
    assert told.count("\n") == 1
    assert words in told
