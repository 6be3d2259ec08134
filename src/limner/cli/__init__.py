"""The command line: `limner serve`, `limner paint`, and the verbs that look after a server.

One file per noun; each is imported when it is called, and imports what is heavy when it runs. Whatever goes wrong in an
expected way is one line on standard error and an exit code: 2 for a wrong call or configuration, 1 for the rest.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NoReturn

import click
from typing_extensions import override

import limner
from limner.cli.parts import trouble
from limner.cli.parts.given import shared_options

INTERRUPTED: Final = 130

COMMANDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Pictures": ("serve", "worker", "mcp", "paint", "verify", "files", "models"),
        "Tasks": ("tasks", "webhooks", "inbox", "moderation"),
        "People": ("accounts", "keys", "credits"),
        "Upkeep": ("config", "db", "doctor"),
    }
)


class Nouns(click.Group):
    """The group of all commands. A noun's file is imported when it is asked for."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in COMMANDS.values() for name in names]

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"{__name__}.{cmd_name}").command
        return command

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and name not in self.list_commands(ctx):
            raise click.UsageError(trouble.no_such("command", name, self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = formatter.width - max(map(len, self.list_commands(ctx))) - 6
        for title, names in COMMANDS.items():
            with formatter.section(title):
                pairs = [(name, self.get_command(ctx, name)) for name in names]
                formatter.write_dl([(name, command.get_short_help_str(width)) for name, command in pairs if command])


@click.command(
    cls=Nouns,
    invoke_without_command=False,
    subcommand_metavar="COMMAND ...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`limner COMMAND --help` tells more about each. Every setting can also come from limner.toml or from the "
    "environment: `limner config example` lists them.",
)
@shared_options(shown=True)
@click.version_option(limner.__version__, prog_name="limner", message="%(prog)s %(version)s")
@click.pass_context
def group(ctx: click.Context) -> None:
    """limner paints what a text says: a self-hosted server that speaks the OpenAI Images API."""  # noqa: D403 - its name
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def main() -> NoReturn:
    """The entry point."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; the exit code."""
    try:
        answer = group.main(args=list(arguments), prog_name="limner", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except Exception as error:
        told = trouble.told(error)
        if told is None:
            raise
        for line in told.lines:
            click.echo(f"{click.style('limner:', fg='red')} {line}", err=True)
        return told.exit_code
    return answer if isinstance(answer, int) else 0
