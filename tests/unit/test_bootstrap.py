from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, aclosing
from pathlib import Path

import pytest
from pydantic import SecretStr

from limner import config, engines
from limner.accounts import service as accounts
from limner.bootstrap import (
    DataFolderError,
    ensure_owner,
    is_loopback,
    make_catalog,
    make_engines,
    opened_database,
    opened_house,
    prepare_data_dir,
)
from limner.catalog.rules import spec_for
from limner.config import Settings, SettingsError
from limner.credits import service as credit_book
from limner.domain.ask import Ask
from limner.domain.money import micro
from limner.domain.spec import Picture
from limner.kit.clock import SystemClock
from limner.storage import StorageFailed


@pytest.fixture
def fresh_database_url(new_database: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    with new_database() as url:
        yield url


def settings_for(folder: Path, url: str) -> Settings:
    return Settings(
        data_dir=folder, database=config.Database(url=SecretStr(url)), storage=config.Storage(url="memory://")
    )


def test_the_data_folder_is_made(tmp_path: Path) -> None:
    folder = prepare_data_dir(tmp_path / "a" / "b")

    assert folder.is_dir()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("where", ["/proc/limner", "/dev/null/limner"])
def test_a_data_folder_that_cannot_be_is_said(where: str) -> None:
    with pytest.raises(DataFolderError, match=f"the data folder {where} cannot be used: .*--data-dir"):
        prepare_data_dir(Path(where))


def test_a_data_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")

    with pytest.raises(DataFolderError, match="cannot be used"):
        prepare_data_dir(tmp_path / "taken")


def test_options_reach_their_engine() -> None:
    made = make_engines(Settings(engines={"fake": {"seconds": 1}}))

    assert set(made) == {name for name in engines.discover() if not engines.load(name).needs_options}


async def test_one_plug_makes_engines_of_several_names() -> None:
    made = make_engines(
        Settings(engines={"thumbs": {"plug": "fake", "bytes": 300}, "posters": {"plug": "fake", "bytes": 9000}})
    )

    assert {"thumbs", "posters", "fake", "illustrator"} <= set(made)
    wanted = spec_for(
        Ask(prompt="a pear", model="dall-e-2"),
        model=make_catalog(Settings(), known_engines=set(made)).model("dall-e-2"),
    )
    for name, size in (("thumbs", 300), ("posters", 9000)):
        engine = await made[name].ready()
        async with aclosing(engine.paint(wanted)) as shown:
            (picture,) = [one async for one in shown]
        assert isinstance(picture, Picture)
        assert len(picture.data) == size


def test_options_from_the_environment_are_read_as_what_they_look_like() -> None:
    given = config.load(
        config_file=None,
        environ={
            "LIMNER_ENGINES__FAKE__BYTES": "300",
            "LIMNER_ENGINES__FAKE__SECONDS": "0.5",
            "LIMNER_ENGINES__OURS__UPSTREAMS__MAIN__KEY": "12345",
        },
        flags={},
    ).settings

    assert given.engines["fake"] == {"bytes": 300, "seconds": 0.5}
    assert given.engines["ours"] == {"upstreams": {"main": {"key": "12345"}}}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"fakke": {}}, "engines.fakke: there is no plug fakke; there is .*fake.*plug = "),
        ({"fake": {"colour": 1}}, "engines.fake: .*colour"),
        ({"fake": {"seconds": "long"}}, "engines.fake: .*seconds"),
        ({"fake": {"seconds": True}}, "engines.fake: .*seconds"),
    ],
)
def test_options_of_engines_that_make_no_sense_are_said(options: dict[str, dict[str, object]], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        make_engines(Settings(engines=options))


def test_a_model_on_an_engine_that_does_not_exist_is_said() -> None:
    wrong = config.Catalog(models={"mine": config.Model(engine="gpu")})

    with pytest.raises(SettingsError, match="the model mine is on the engine gpu, which does not exist"):
        make_catalog(Settings(catalog=wrong), known_engines={"fake", "illustrator"})


def test_a_model_of_the_operator_s_own() -> None:
    mine = config.Catalog(engine="fake", models={"mine": config.Model(engine="fake", price=0.5, profile="dall-e-3")})

    model = make_catalog(Settings(catalog=mine), known_engines={"fake"}).model("mine")

    assert model.profile.name == "dall-e-3"
    assert [micro_credits for row in model.prices.values() for micro_credits in row.values()] == [500_000]


async def test_the_first_start_makes_an_owner_and_later_ones_find_it(tmp_path: Path, fresh_database_url: str) -> None:
    settings = settings_for(tmp_path, fresh_database_url)
    async with opened_database(settings) as database:
        first = await ensure_owner(database, settings, clock=SystemClock())
        again = await ensure_owner(database, settings, clock=SystemClock())
        async with database.statement() as tx:
            owner = await accounts.owner(tx)
            assert owner is not None
            balance = await credit_book.balance(tx, account_id=owner.id)

    assert (first.is_new, again.is_new, first.secret) == (True, False, again.secret)
    assert first.path.stat().st_mode & 0o777 == 0o600
    assert first.path.read_text().strip() == first.secret
    assert (balance.balance, balance.unlimited) == (micro(1000), True)


async def test_another_data_folder_does_not_know_the_owner_s_key(tmp_path: Path, fresh_database_url: str) -> None:
    here, there = settings_for(tmp_path, fresh_database_url), settings_for(tmp_path / "there", fresh_database_url)
    prepare_data_dir(there.data_dir)
    async with opened_database(here) as database:
        await ensure_owner(database, here, clock=SystemClock())

        found = await ensure_owner(database, there, clock=SystemClock())

    assert (found.secret, found.is_new) == (None, False)


async def test_a_disabled_owner_s_key_is_not_shown_again(tmp_path: Path, fresh_database_url: str) -> None:
    settings = settings_for(tmp_path, fresh_database_url)
    async with opened_database(settings) as database:
        made = await ensure_owner(database, settings, clock=SystemClock())
        async with database.statement() as tx:
            key = await accounts.key_of(tx, secret=made.secret or "")
            assert key is not None
            await accounts.disable_key(tx, id_=key.id, now=SystemClock().now())

        assert (await ensure_owner(database, settings, clock=SystemClock())).secret is None


async def test_nodes_that_start_together_make_one_owner(tmp_path: Path, fresh_database_url: str) -> None:
    nodes = [settings_for(tmp_path / str(number), fresh_database_url) for number in range(5)]
    for node in nodes:
        prepare_data_dir(node.data_dir)
    async with opened_database(nodes[0]) as database:
        keys = await asyncio.gather(*(ensure_owner(database, node, clock=SystemClock()) for node in nodes))
        async with database.statement() as tx:
            assert len(await accounts.accounts(tx)) == 1
            assert len(await accounts.keys(tx)) == 1

    assert sum(key.is_new for key in keys) == 1


async def test_an_owner_whose_key_cannot_be_written_down_is_not_made(tmp_path: Path, fresh_database_url: str) -> None:
    settings = settings_for(tmp_path, fresh_database_url)
    (tmp_path / "owner.key").mkdir()
    async with opened_database(settings) as database:
        with pytest.raises(OSError, match=r"owner\.key"):
            await ensure_owner(database, settings, clock=SystemClock())
        async with database.statement() as tx:
            assert await accounts.owner(tx) is None


async def test_a_house_keeps_its_secret_for_links(tmp_path: Path, fresh_database_url: str) -> None:
    settings = settings_for(tmp_path, fresh_database_url)
    async with opened_house(settings, public_url="http://127.0.0.1:1/") as house:
        first = list(house.link_secrets)
        assert house.public_url == "http://127.0.0.1:1"
    async with opened_house(settings, public_url="http://127.0.0.1:1") as house:
        assert list(house.link_secrets) == first


async def test_the_configured_public_address_goes_first(tmp_path: Path, fresh_database_url: str) -> None:
    settings = settings_for(tmp_path, fresh_database_url).model_copy(
        update={"server": config.Server(public_url="https://pictures.example/")}
    )
    async with opened_house(settings, public_url="http://127.0.0.1:1") as house:
        assert house.public_url == "https://pictures.example"


async def test_a_storage_that_cannot_be_used_is_said_at_the_start(tmp_path: Path, fresh_database_url: str) -> None:
    settings = settings_for(tmp_path, fresh_database_url).model_copy(
        update={"storage": config.Storage(url="file:///proc/limner")}
    )
    with pytest.raises(StorageFailed, match="pictures cannot be kept in /proc/limner"):
        async with opened_house(settings, public_url=""):
            pass


@pytest.mark.parametrize(
    ("host", "only_here"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("limner.lan", False)],
)
def test_who_can_reach_it(host: str, *, only_here: bool) -> None:
    assert is_loopback(host) is only_here


async def test_a_workers_engines_must_exist(tmp_path: Path, fresh_database_url: str) -> None:
    for worker in (config.Worker(engines=("dalle",)), config.Worker(engine_concurrent={"dalle": 2})):
        settings = settings_for(tmp_path, fresh_database_url).model_copy(update={"worker": worker})
        with pytest.raises(SettingsError, match="there is no engine dalle; there is fake, illustrator"):
            async with opened_house(settings, public_url=""):
                pass
