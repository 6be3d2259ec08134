from __future__ import annotations

import re
import tomllib

import pytest

from limner.cli import run
from limner.cli.config import _row, example_lines
from limner.cli.parts.words import database_name
from limner.config import Settings, known_settings, load
from limner.kit.masking import without_password


def test_the_example_is_all_comments_and_all_defaults() -> None:
    lines = [*example_lines([*known_settings()])]
    assert tomllib.loads("\n".join(lines)).keys() <= {name.partition(".")[0] for name in Settings.model_fields}
    values = [line.removeprefix("# ") for line in lines if re.match(r"\[|# \[|# \w+ = ", line)]
    written = tomllib.loads("\n".join(values))
    # These four are examples.
    del written["data_dir"], written["catalog"]["models"], written["engines"], written["accounts"]["providers"]
    settings, defaults = Settings.model_validate(written), Settings()
    for section in ("limits", "credits", "links", "log", "moderation", "catalog"):
        assert getattr(settings, section) == getattr(defaults, section)
    # What has no default is written as an empty text, which counts as not given.
    assert not settings.server.public_url
    assert not settings.database.url
    assert not settings.storage.url


def test_every_setting_is_in_the_example_with_its_variable() -> None:
    text = " ".join(line.removeprefix("# ") for line in example_lines([*known_settings()]))
    for known in known_settings():
        assert known.variable in text


def test_the_example_is_what_the_command_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "example"]) == 0
    assert capsys.readouterr().out.startswith("# Every setting of limner")


def test_secrets_are_masked_where_settings_are_shown() -> None:
    environ = {
        "LIMNER_DATABASE__URL": "postgresql://grace:hunter2@db.example:5432/limner?sslpassword=hunter2",
        "LIMNER_STORAGE__URL": "s3://grace:hunter2@bucket",
        "LIMNER_SERVER__METRICS_TOKEN": "hunter2",
        "LIMNER_MAIL__PASSWORD": "hunter2",
        "LIMNER_ENGINES": '{"relay": {"api_key": "hunter2", "seconds": 5}}',
    }
    loaded = load(config_file=None, environ=environ, flags={})
    rows = {known.name: _row(known, loaded) for known in known_settings()}
    assert "hunter2" not in str(rows)
    assert rows["mail.password"]["value"] == "***"
    assert rows["database.url"] == {
        "setting": "database.url",
        "value": "postgresql://***@db.example:5432/limner?***",
        "from": "LIMNER_DATABASE__URL",
    }
    assert rows["engines"]["value"] == "relay=(api_key=*** seconds=5)"
    assert rows["server.port"]["from"] == "default"
    assert database_name(loaded.settings) == "PostgreSQL at db.example:5432/limner"


@pytest.mark.parametrize("text", ["127.0.0.1", "/var/lib/limner", "file:///pictures", "a@b"])
def test_what_has_no_password_is_left_alone(text: str) -> None:
    assert without_password(text) == text
