from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from limner.cli.parts.banner import Banner

BANNER = Banner(
    url="http://127.0.0.1:8000",
    public_url="http://127.0.0.1:8000",
    secret="sk-limner-" + "x" * 43,
    key_path=Path("/var/lib/limner/owner.key"),
    data_dir=Path("/var/lib/limner"),
    database="PostgreSQL, embedded in the data folder",
    engine="illustrator",
    warnings=(),
)


def test_it_fits_in_80_columns() -> None:
    lines = click.unstyle(BANNER.text()).splitlines()
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith(" ") for line in lines)


def test_without_the_key_it_says_how_to_make_one() -> None:
    text = click.unstyle(replace(BANNER, secret=None).text())
    assert "limner keys create" in text
    assert "Bearer YOUR_KEY" in text


def test_the_request_goes_to_the_public_address() -> None:
    text = click.unstyle(replace(BANNER, public_url="https://limner.example").text())
    assert "curl https://limner.example/v1/images/generations" in text
    assert "http://127.0.0.1:8000" in text
