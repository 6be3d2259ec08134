from __future__ import annotations

from pathlib import Path

import pytest

from limner.config import SettingsError, all_shown, known_settings, load


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's limner.toml is about."""
    monkeypatch.chdir(tmp_path)


def toml(folder: Path, text: str) -> Path:
    path = folder / "house.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(environ: dict[str, str], *, config_file: Path | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(config_file=config_file, environ=environ, flags={})
    return str(caught.value)


def test_nothing_given_is_all_defaults() -> None:
    loaded = load(config_file=None, environ={"PATH": "/bin", "LIMNERX": "1"}, flags={})

    assert loaded.settings.server.port == 8000
    assert loaded.settings.server.host == "127.0.0.1"
    assert loaded.settings.limits.requests_per_minute == 600
    assert loaded.settings.limits.concurrent == 16
    assert loaded.settings.links.seconds == 3600
    assert loaded.origins == {}


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("LIMNER_DATA_DIR", "/srv/limner", "data_dir"),
        ("LIMNER_SERVER__HOST", "0.0.0.0", "server.host"),
        ("LIMNER_SERVER__PORT", "9000", "server.port"),
        ("LIMNER_SERVER__PUBLIC_URL", "https://pictures.example", "server.public_url"),
        ("LIMNER_DATABASE__URL", "postgresql://db/limner", "database.url"),
        ("LIMNER_STORAGE__URL", "memory://", "storage.url"),
        ("LIMNER_LIMITS__REQUESTS_PER_MINUTE", "7", "limits.requests_per_minute"),
        ("LIMNER_LIMITS__CONCURRENT", "3", "limits.concurrent"),
    ],
)
def test_the_names_that_others_build_on_stay(variable: str, value: str, name: str) -> None:
    loaded = load(config_file=None, environ={variable: value}, flags={})

    found: object = loaded.settings
    for part in name.split("."):
        found = getattr(found, part)
    shown = found.get_secret_value() if hasattr(found, "get_secret_value") else found
    assert str(shown) == value
    assert loaded.origins == {name: variable}


def test_flags_beat_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    file = toml(tmp_path, '[server]\nhost = "10.0.0.1"\nport = 1001\nstop_seconds = 3\n')

    loaded = load(
        config_file=file,
        environ={"LIMNER_SERVER__PORT": "1002", "LIMNER_SERVER__STOP_SECONDS": "4"},
        flags={"server.stop_seconds": 5, "server.host": None},
    )

    server = loaded.settings.server
    assert (server.host, server.port, server.stop_seconds) == ("10.0.0.1", 1002, 5)
    assert loaded.origins == {
        "server.host": str(file),
        "server.port": "LIMNER_SERVER__PORT",
        "server.stop_seconds": "command line",
    }


def test_a_limner_toml_in_the_working_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "limner.toml").write_text("[links]\nseconds = 60\n")

    assert load(config_file=None, environ={}, flags={}).settings.links.seconds == 60


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    file = toml(tmp_path, "[links]\nseconds = 61\n")

    assert load(config_file=None, environ={"LIMNER_CONFIG": str(file)}, flags={}).settings.links.seconds == 61


def test_a_callers_key_in_the_environment_is_no_setting() -> None:
    assert load(config_file=None, environ={"LIMNER_API_KEY": "sk-otter"}, flags={}).origins == {}
    assert "LIMNER_API_KEYS" in refusal({"LIMNER_API_KEYS": "sk-otter"})


def test_a_file_that_is_not_there_is_said() -> None:
    assert "nowhere.toml: No such file" in refusal({}, config_file=Path("nowhere.toml"))


def test_a_file_that_is_not_toml_is_said_with_its_place(tmp_path: Path) -> None:
    assert "not valid TOML" in refusal({}, config_file=toml(tmp_path, "[server\n"))


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("LIMNER_SERVER__PROT", "did you mean server.port (LIMNER_SERVER__PORT)?"),
        ("LIMNER_DATADIR", "did you mean data_dir (LIMNER_DATA_DIR)?"),
        ("LIMNER_PORT", "there is no setting port"),
        ("LIMNER_ZZZ", "there is no setting zzz (from LIMNER_ZZZ)"),
    ],
)
def test_a_name_that_does_not_exist_is_refused_with_the_nearest(variable: str, hint: str) -> None:
    assert hint in refusal({variable: "1"})


def test_a_name_that_does_not_exist_in_the_file_is_refused_with_its_place(tmp_path: Path) -> None:
    file = toml(tmp_path, 'hostt = "x"\n[server]\nprot = 1\n')

    said = refusal({}, config_file=file)

    assert f"there is no setting hostt (from {file})" in said
    assert f"there is no setting server.prot (from {file})" in said


def test_every_fault_gets_its_line() -> None:
    said = refusal({"LIMNER_SERVER__PORT": "many", "LIMNER_LIMITS__CONCURRENT": "0", "LIMNER_LOG__LEVEL": "loud"})

    assert len(said.splitlines()) == 3
    assert "server.port (from LIMNER_SERVER__PORT): " in said
    assert "limits.concurrent (from LIMNER_LIMITS__CONCURRENT): " in said
    assert "log.level (from LIMNER_LOG__LEVEL): " in said


def test_an_empty_variable_means_not_given() -> None:
    loaded = load(config_file=None, environ={"LIMNER_DATABASE__URL": "", "LIMNER_SERVER__PORT": ""}, flags={})

    assert loaded.settings.database.url is None
    assert loaded.origins == {}


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("postgresql://ada:secret@db/limner\n")

    loaded = load(config_file=None, environ={"LIMNER_DATABASE__URL_FILE": str(path)}, flags={})

    assert loaded.settings.database.url is not None
    assert loaded.settings.database.url.get_secret_value() == "postgresql://ada:secret@db/limner"
    assert loaded.origins == {"database.url": "LIMNER_DATABASE__URL_FILE"}


def test_a_secret_file_that_is_not_there_is_said() -> None:
    said = refusal({"LIMNER_DATABASE__URL_FILE": "/nowhere/url"})

    assert said == "LIMNER_DATABASE__URL_FILE: /nowhere/url: No such file or directory"


def test_a_secret_is_not_shown() -> None:
    loaded = load(config_file=None, environ={"LIMNER_DATABASE__URL": "postgresql://ada:hunter2@db/x"}, flags={})

    assert "hunter2" not in repr(loaded.settings)


def test_a_relay_is_shown_without_what_lets_one_in_and_a_chain_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "limner.toml"
    path.write_text(
        """
        [catalog]
        fallbacks = ["gpu", "illustrator: busy, refused"]
        [catalog.models.mine]
        engine = "illustrator"
        fallbacks = [{ engine = "gpu", on = ["timeout"] }]
        [engines.openai.upstreams.main]
        address = "https://upstream.example"
        key = "hidden"
        headers = { X-Auth = "hidden", Cookie = "hidden" }
        """,
        encoding="utf-8",
    )

    loaded = load(config_file=path, environ={}, flags={})
    shown = {one.name: one.value for one in all_shown(loaded)}

    assert "hidden" not in f"{shown} {loaded!r}"
    assert shown["engines"] == (
        "openai=(upstreams=(main=(address=https://upstream.example key=*** headers=(X-Auth=*** Cookie=***))))"
    )
    assert shown["catalog.fallbacks"] == "gpu, illustrator: busy refused"
    assert shown["catalog.models"] == "mine=(engine=illustrator fallbacks=gpu: timeout)"


def test_lists_and_tables_are_json_in_the_environment() -> None:
    loaded = load(
        config_file=None,
        environ={
            "LIMNER_MODERATION__BLOCKED_WORDS": '["war", "peace"]',
            "LIMNER_ENGINES": '{"fake": {"seconds": 1}}',
            "LIMNER_CATALOG__MODELS": '{"mine": {"engine": "fake", "price": 0.5}}',
        },
        flags={},
    )

    assert loaded.settings.moderation.blocked_words == ("war", "peace")
    assert loaded.settings.engines == {"fake": {"seconds": 1}}
    assert loaded.settings.catalog.models["mine"].price == 0.5


def test_every_setting_says_what_it_is_for() -> None:
    silent = [known.name for known in known_settings() if not known.sentence]

    assert silent == []


def test_every_setting_has_its_name_in_the_environment() -> None:
    variables = {known.name: known.variable for known in known_settings()}

    assert variables["server.body_bytes_max"] == "LIMNER_SERVER__BODY_BYTES_MAX"
    assert variables["data_dir"] == "LIMNER_DATA_DIR"
    assert next(known for known in known_settings() if known.name == "database.url").secret


@pytest.mark.parametrize("address", ["foo", "ftp://x", "https://x.y/base?q=1", "http://"])
def test_a_public_address_that_links_cannot_begin_with_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match=r"server\.public_url"):
        load(config_file=None, environ={"LIMNER_SERVER__PUBLIC_URL": address}, flags={})
