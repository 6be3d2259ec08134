from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from limner.cli.parts.banner import Banner, WorkerBanner
from limner.domain.choice import Choice

BANNER = Banner(
    url="http://127.0.0.1:8000",
    public_url="http://127.0.0.1:8000",
    secret="sk-limner-" + "x" * 43,
    key_path=Path("/var/lib/limner/owner.key"),
    data_dir=Path("/var/lib/limner"),
    database="PostgreSQL, embedded in the data folder",
    engine="illustrator",
    is_performed_here=True,
    calls_itself=True,
    warnings=(),
    welcome="http://127.0.0.1:8000/welcome/" + "x" * 43,
)
WORKER = WorkerBanner(
    engines={"fake": 8, "illustrator": 2},
    callbacks=128,
    calls_itself=True,
    database="PostgreSQL at db.example:5432/limner",
    pictures="s3://pictures/limner",
    url="https://pictures.example",
    health="http://127.0.0.1:9000",
    stop_seconds=30,
    warnings=("something is not as it\nshould be",),
)


def test_it_fits_in_80_columns() -> None:
    lines = click.unstyle(BANNER.text()).splitlines()
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith(" ") for line in lines)


def test_without_the_key_it_says_how_to_make_one() -> None:
    text = click.unstyle(replace(BANNER, secret=None).text())
    assert "limner keys create" in text
    assert "Bearer YOUR_KEY" in text


def test_as_long_as_the_owner_has_no_login_it_says_where_to_get_one() -> None:
    text = click.unstyle(BANNER.text())
    assert "choose an e-mail and a password here" in text
    assert "\nhttp://127.0.0.1:8000/welcome/xxx" in text
    assert "log in" not in click.unstyle(replace(BANNER, welcome=None).text())


def test_the_request_goes_to_the_public_address() -> None:
    text = click.unstyle(replace(BANNER, public_url="https://limner.example").text())
    assert "curl https://limner.example/v1/images/generations" in text
    assert "http://127.0.0.1:8000" in text


def test_it_says_who_may_be_called_back_and_who_performs() -> None:
    text = click.unstyle(BANNER.text())
    assert "  Callbacks  may go to this machine too, since nobody else can reach it" in text
    assert "  Engine     illustrator\n" in text
    text = click.unstyle(replace(BANNER, calls_itself=False, is_performed_here=False).text())
    assert "Callbacks" not in text
    assert "  Engine     illustrator, run by `limner worker` alone" in text


def test_it_says_which_engine_was_chosen_and_how_to_have_another() -> None:
    chosen = Choice(engine="openai", place="api.openai.com", why="OPENAI_API_KEY is set", is_plain=False)
    lines = click.unstyle(replace(BANNER, engine="openai", choice=chosen).text()).splitlines()
    at = lines.index("  Engine     openai at api.openai.com, since OPENAI_API_KEY is set")
    assert lines[at + 1] == '             (another: set catalog.engine = "illustrator")'
    plain = Choice(engine="illustrator", why="neither OPENAI_API_KEY nor a GPU model is here")
    text = click.unstyle(replace(BANNER, choice=plain, is_performed_here=False).text())
    assert "  Engine     illustrator, since neither OPENAI_API_KEY nor a GPU model is here\n" in text
    assert "(run by `limner worker` alone)" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_workers_banner_says_what_it_does_and_how_to_stop_it() -> None:
    lines = click.unstyle(WORKER.text()).splitlines()
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith(" ") for line in lines)
    assert lines[3:5] == ["  Engines    fake, 8 at once", "             illustrator, 2 at once"]
    assert "  Callbacks  128 at once, also to this machine" in lines
    assert "  Health     http://127.0.0.1:9000/healthz, /readyz, /metrics" in lines
    at = lines.index("  Note  something is not as it")
    assert lines[at + 1] == "        should be"
    assert "  Ctrl-C stops it: what is not done in 30 s goes back to the queue." in lines


def test_a_worker_without_engines_sends_callbacks() -> None:
    text = click.unstyle(replace(WORKER, engines={}, health=None).text())
    assert "  Engines    none: callbacks only" in text
    assert "Health" not in text
