"""The command line in this process, and the house that it looks after."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
import pytest

from limner.bootstrap import opened_house
from limner.cli import run
from limner.config import load
from limner.flow.house import House

_Result = TypeVar("_Result")

PUBLIC_URL = "https://pictures.example"


class Said(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Console:
    """Commands with one settings file; plain functions use it, since each command runs a loop of its own."""

    config: Path
    capsys: pytest.CaptureFixture[str]

    @classmethod
    def at(cls, folder: Path, *, database_url: str, capsys: pytest.CaptureFixture[str], more: str = "") -> Console:
        """A console whose settings are written to `folder`."""
        config = folder / "limner.toml"
        config.write_text(
            f'data_dir = "{folder / "data"}"\n[database]\nurl = "{database_url}"\n[catalog]\nengine = "fake"\n'
            f'[server]\npublic_url = "{PUBLIC_URL}"\n[outbound]\nloopback = true\n{more}',
            encoding="utf-8",
        )
        return cls(config=config, capsys=capsys)

    def limner(self, *arguments: str) -> Said:
        """One command to its end, without colours."""
        self.capsys.readouterr()
        code = run(["--config", str(self.config), *arguments])
        told = self.capsys.readouterr()
        return Said(code, click.unstyle(told.out), click.unstyle(told.err))

    def inside(self, act: Callable[[House], Awaitable[_Result]]) -> _Result:
        """Do something in the house that the commands look after."""

        async def whole() -> _Result:
            settings = load(config_file=self.config, environ={}, flags={}).settings
            async with opened_house(settings, public_url="") as house:
                return await act(house)

        return asyncio.run(whole())
