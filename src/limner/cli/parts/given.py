"""What the command line said about settings, and the settings that follow from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from limner.config import Loaded, Settings

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass
class Given:
    """The options that every command takes, wherever on the line they stood."""

    config_file: Path | None = None
    data_dir: Path | None = None
    flags: dict[str, object] = field(default_factory=dict)

    def load(self, flags: Mapping[str, object] | None = None, *, looks: bool = False) -> Loaded:
        """The settings in force, and where they come from. Raises `SettingsError`.

        `looks`: for a command that has to do with engines: where the settings name none, look for the best one at hand.
        """
        from limner.config import load

        given = {"data_dir": self.data_dir, **(flags or {})}
        loaded = load(config_file=self.config_file, environ=os.environ, flags=given)
        return looked(loaded) if looks else loaded

    def settings(self, *, looks: bool = False) -> Settings:
        """The settings in force, for a command that says what it does by itself: its log is for warnings.

        `looks`: as in `load`.
        """
        from limner.kit import logs

        settings = self.load(looks=looks).settings
        logs.configure(level="debug" if settings.log.level == "debug" else "warning", form=settings.log.form)
        return settings


def looked(loaded: Loaded) -> Loaded:
    """The same, with the best engine at hand where the settings name none."""
    from limner.bootstrap import with_engine_at_hand

    return with_engine_at_hand(loaded, environ=os.environ)


pass_given = click.make_pass_decorator(Given, ensure=True)


def shared_options(*, shown: bool = False) -> Callable[[_Function], _Function]:
    """`--data-dir` and `--config`: shown in the help of `limner`, taken by every command."""

    def decorate(function: _Function) -> _Function:
        for option in (
            click.option(
                "--config",
                type=click.Path(path_type=Path),
                metavar="FILE",
                help="The settings file; without it, limner.toml in the current folder if there is one.",
                expose_value=False,
                callback=_keep,
                hidden=not shown,
            ),
            click.option(
                "--data-dir",
                type=click.Path(path_type=Path),
                metavar="FOLDER",
                help="The folder for everything that limner keeps.",
                expose_value=False,
                callback=_keep,
                hidden=not shown,
            ),
        ):
            function = option(function)
        return function

    return decorate


def _keep(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    given = ctx.ensure_object(Given)
    if value is not None and param.name == "config":
        given.config_file = value
    elif value is not None:
        given.data_dir = value
    return value
