"""`limner models pull|check|warm`, without a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from limner.cli import models
from limner.cli.parts.trouble import Trouble
from support.tiny import build, skip_without_diffusers


def called(*arguments: str) -> str:
    answer = CliRunner().invoke(models.command, list(arguments), catch_exceptions=False, standalone_mode=False)
    if answer.exception is not None:
        raise answer.exception
    return answer.output


def test_the_list_is_still_there_by_itself() -> None:
    assert "gpt-image-1" in called()


def test_a_restricted_model_is_not_pulled_unless_its_licence_is_accepted() -> None:
    with pytest.raises(Trouble, match="--accept-licence flux-non-commercial"):
        called("pull", "black-forest-labs/FLUX.2-klein-9B")


def test_pull_wants_a_name_and_no_path() -> None:
    with pytest.raises(Trouble, match="is no model's name"):
        called("pull", "/models/here")


def test_check_says_what_is_not_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Trouble, match="limner models pull a/b"):
        called("check", "a/b")
    assert "No model is on disk" in called("check")


def test_check_names_what_a_folder_lacks(tmp_path: Path) -> None:
    index = {"_class_name": "ZImagePipeline", "transformer": ["diffusers", "X"]}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(Trouble, match="is not complete"):
        called("check", str(tmp_path))


def test_check_and_warm_tell_of_a_model_that_is_whole(tmp_path: Path) -> None:
    skip_without_diffusers()
    folder = build("klein", tmp_path / "klein")
    (checked,) = json.loads(called("check", str(folder), "--json"))
    assert checked["complete"]
    assert checked["recipe"].startswith("flux2-klein")
    settings = tmp_path / "limner.toml"
    settings.write_text(
        f'[engines.local]\nplug = "diffusers_local"\nmodel = "{folder}"\ndevice = "cpu"\nrecipe_changes = {{ steps = 2 }}\n'
    )
    rows = json.loads(called("warm", "local", "--size", "64x64", "--json", "--config", str(settings)))
    assert [row["what"] for row in rows] == ["loaded", "first picture", "second picture", "cpu"]
    assert all(row["seconds"] > 0 for row in rows[:3])


def test_warm_is_for_engines_of_this_machine(tmp_path: Path) -> None:
    settings = tmp_path / "limner.toml"
    settings.write_text("")
    with pytest.raises(Trouble, match="have to be warmed up"):
        called("warm", "illustrator", "--config", str(settings))
