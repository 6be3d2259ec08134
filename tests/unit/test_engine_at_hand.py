"""The first start looks around: what the settings become where they name no engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from pydantic import SecretStr

from limner import bootstrap, config, engines
from limner.bootstrap import engine_of, make_catalog, make_engines, opened_house, with_engine_at_hand
from limner.cli import run
from limner.cli.doctor import check_engine
from limner.config import Loaded, Settings
from limner.domain.choice import Choice
from limner.engines import MakesEngines, fake
from limner.flow.house import House

KEY = "sk-of-openai"


def loaded(environ: Mapping[str, str] | None = None, **settings: object) -> Loaded:
    """What a start would go by. `environ`: beside the settings."""
    given = Loaded(settings=Settings.model_validate(settings), origins={})
    return with_engine_at_hand(given, environ=environ or {}, plugs=PLUGS)


class Local(fake.Plug):
    """A plug that finds what it needs on this machine."""

    needs_options = True

    @staticmethod
    def look_around(environ: Mapping[str, str]) -> tuple[Mapping[str, object], str] | None:
        """It is told what there is."""
        match environ.get("GPU"):
            case None:
                return None
            case "broken":
                raise RuntimeError("the driver does not answer")
            case size:
                return {"bytes": int(size)}, "there is a GPU and the model pears is on disk"


PLUGS: Mapping[str, MakesEngines] = {
    **{name: engines.load(name) for name in engines.discover() if name != "diffusers_local"},
    "pears": Local,
}


def test_a_key_for_openai_makes_a_relay() -> None:
    found = loaded({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})

    assert found.choice is not None
    assert found.choice.sentence == "openai at 127.0.0.1, since OPENAI_API_KEY is set"
    made = make_engines(found.settings)
    assert {"openai", "illustrator"} <= set(made)
    models = {model.name: model.engine for model in make_catalog(found.settings, known_engines=set(made)).models()}
    assert models.pop("illustrator") == "illustrator"
    assert set(models.values()) == {"openai"}


def test_nobody_sees_the_key() -> None:
    found = loaded({"OPENAI_API_KEY": KEY})

    shown = {one.name: (one.value, one.origin) for one in config.all_shown(found)}
    assert KEY not in str(shown)
    assert KEY not in repr(found.choice)
    assert shown["catalog.engine"] == ("openai", "chosen, since OPENAI_API_KEY is set")
    assert "key=***" in shown["engines"][0]


def test_there_is_no_fallback_that_nobody_asked_for() -> None:
    found = loaded({"OPENAI_API_KEY": KEY})

    catalog = make_catalog(found.settings, known_engines=set(make_engines(found.settings)))
    assert all(model.fallbacks == () for model in catalog.models())


def test_without_anything_it_is_the_illustrator() -> None:
    found = loaded()

    assert found.choice is not None
    assert found.choice.sentence == "illustrator, since neither OPENAI_API_KEY nor a GPU model is here"
    assert engine_of(found.settings) == "illustrator"


def test_an_address_that_is_none_is_said_and_passed_over() -> None:
    found = loaded({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "nowhere"})

    assert found.choice is not None
    assert found.choice.engine == "illustrator"
    (note,) = found.choice.notes
    assert note.startswith("OPENAI_API_KEY is set, but engines.openai: upstreams.main.address")
    assert KEY not in note
    assert found.settings.engines == {}


@pytest.mark.parametrize(
    ("settings", "engine"),
    [
        ({"catalog": {"engine": "illustrator"}}, "illustrator"),
        ({"catalog": {"engine": "fake"}}, "fake"),
        ({"engines": {"illustrator": {"processes": 1}}}, "illustrator"),
        ({"engines": {"mine": {"plug": "fake"}}}, "illustrator"),
    ],
)
def test_whatever_is_set_goes_before_what_is_at_hand(settings: dict[str, object], engine: str) -> None:
    found = loaded({"OPENAI_API_KEY": KEY}, **settings)

    assert engine_of(found.settings) == engine
    assert found.settings == Settings.model_validate(settings)


def test_an_empty_engine_is_not_given() -> None:
    given = config.load(config_file=None, environ={"LIMNER_CATALOG__ENGINE": ""}, flags={})

    assert given.settings.catalog.engine is None


def test_a_model_on_this_machine_is_found_by_its_plug() -> None:
    found = loaded({"GPU": "4096"})

    assert found.choice is not None
    assert found.choice.sentence == "local, since there is a GPU and the model pears is on disk"
    assert found.settings.engines == {"local": {"plug": "pears", "bytes": 4096}}
    assert loaded({"GPU": "4096", "OPENAI_API_KEY": KEY}).settings.catalog.engine == "openai"


def test_a_broken_driver_does_not_stop_the_start(caplog: pytest.LogCaptureFixture) -> None:
    found = loaded({"GPU": "broken"})

    assert engine_of(found.settings) == "illustrator"
    assert [record.getMessage() for record in caplog.records] == ["engine.not_looked_for"]


def test_settings_by_themselves_look_at_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    assert engine_of(Settings()) == "illustrator"
    assert "openai" not in make_engines(Settings())


async def test_a_house_knows_what_was_chosen(house: House, tmp_path: Path) -> None:
    found = loaded(
        {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"},
        data_dir=tmp_path,
        database=config.Database(url=SecretStr(house.database.url)),
        storage=config.Storage(url="memory://"),
    )
    async with opened_house(found.settings, public_url="http://limner.test", origins=found.origins) as made:
        assert made.catalog.model("dall-e-3").engine == "openai"
        (shown,) = [one for one in made.settings_shown if one.name == "catalog.engine"]
    assert (shown.value, shown.origin) == ("openai", "chosen, since OPENAI_API_KEY is set")


# what is said of it ------------------------------------------------------------------------------------------------------


def test_the_doctor_says_it_in_a_line() -> None:
    chosen = Choice(engine="openai", place="api.openai.com", why="OPENAI_API_KEY is set", is_plain=False)

    finding = check_engine("openai", chosen)

    assert (finding.state, finding.detail) == ("ok", "openai at api.openai.com, since OPENAI_API_KEY is set")
    assert finding.advice == 'another: set catalog.engine = "illustrator"'
    assert check_engine("fake", None).detail == "fake, as catalog.engine says"
    broken = check_engine("illustrator", Choice(engine="illustrator", why="so it is", notes=("a, but b",)))
    assert (broken.state, broken.detail) == ("warn", "illustrator, since so it is; a, but b")


@pytest.fixture
def with_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("LIMNER_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("LIMNER_CATALOG__ENGINE", "LIMNER_CONFIG", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("with_key")
def test_commands_show_it(capsys: pytest.CaptureFixture[str]) -> None:
    said = {}
    for words in (["models"], ["models", "--engines"], ["config", "show"], ["config", "check"]):
        assert run(words) == 0
        said[" ".join(words)] = click.unstyle(capsys.readouterr().out)

    assert "Engine: openai at api.openai.com, since OPENAI_API_KEY is set (another: set" in said["models"]
    assert [line.split()[0] for line in said["models --engines"].splitlines() if line.rstrip().endswith("yes")] == [
        "openai"
    ]
    assert "chosen, since OPENAI_API_KEY is set" in said["config show"]
    assert max(map(len, said["config show"].splitlines())) < 200
    assert "(LIMNER_DATA_DIR)" in said["config check"]  # what was chosen is nobody's setting
    assert KEY not in str(said)


def test_the_names_of_plugs_are_right() -> None:
    assert bootstrap._RELAY in engines.discover()
