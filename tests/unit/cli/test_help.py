from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

import limner
from limner.cli import group, run


def _paths(command: click.Command = group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _paths(below, (*path, name))


@pytest.mark.parametrize("path", [*_paths()], ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(group, [*path, "--help"], prog_name="limner")
    assert answer.exit_code == 0
    usage, _, sentence = answer.output.splitlines()[:3]
    assert usage.startswith(" ".join(("Usage: limner", *path)))
    assert sentence.strip()
    assert "..." not in answer.output.replace("COMMAND ...", "").replace("TASK...", "").replace("FILE...", ""), (
        "a sentence was cut short"
    )


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(group, ["--version"], prog_name="limner").output == f"limner {limner.__version__}\n"


def test_asking_for_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from limner.cli import run; run(['--help']); "
        "heavy = {'pydantic', 'asyncpg', 'starlette', 'uvicorn', 'numpy', 'skia', 'obstore', 'sqlalchemy'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serv"], "there is no command 'serv'; did you mean 'serve'?"),
        (["serve", "--prot", "1"], "--port"),
        (["keys", "create", "--expires", "2001-01-01"], "2001-01-01 is in the past"),
        (["credits", "grant", "grace", "much"], "'much' is not an amount of credits"),
        (["--config", "/nowhere.toml", "config", "check"], "/nowhere.toml: No such file"),
        (["paint", "an otter", "--out", "otter.bmp"], "otter.bmp must end in .png"),
        (["serve", "--port", "http"], "server.port (from command line)"),
    ],
)
def test_a_wrong_call_is_one_line_and_2(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(arguments)
    told = capsys.readouterr()
    assert code == 2
    assert told.out == ""
    assert told.err.startswith("limner: ")
    assert told.err.count("\n") == 1
    assert words in told.err


def test_no_command_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Usage: limner" in capsys.readouterr().err
