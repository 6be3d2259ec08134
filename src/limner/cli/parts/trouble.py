"""Expected trouble in words: which exceptions a person caused or can mend, and what to tell them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import click

WRONG_CALL: Final = 2
FAILED: Final = 1


class Trouble(click.ClickException):
    """Something that a command cannot do; the message says why and what to do."""

    exit_code = FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What to say about an exception, and how to end."""

    lines: list[str]
    exit_code: int


def told(error: Exception) -> Told | None:
    """The words for `error`; None when it is a bug of ours, whose traceback should be seen."""
    if isinstance(error, click.ClickException):
        return Told(lines=[_of_click(error)], exit_code=error.exit_code)
    # Only now: a call that goes well does not pay for them.
    from limner.bootstrap import DataFolderError
    from limner.config import SettingsError
    from limner.domain.problem import Problem

    if isinstance(error, SettingsError):
        return Told(lines=str(error).splitlines(), exit_code=WRONG_CALL)
    if isinstance(error, (Problem, DataFolderError)):
        return Told(lines=[one_line(str(error))], exit_code=FAILED)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return Told(lines=[f"{where}{error.strerror}"], exit_code=FAILED)
    return None


def failed_in_part(what: str, why: str) -> int:
    """Say that one of several could not be done, `what` and why; 1, to be counted."""
    said = one_line(why) if what in why else f"{what}: {one_line(why)}"
    click.echo(f"{click.style('limner:', fg='red')} {said}", err=True)
    return 1


def no_such(what: str, name: str, names: Iterable[str]) -> str:
    """There is no such thing; the nearest one, if one is near."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"there is no {what} '{name}'" + (f"; did you mean '{near[0]}'?" if near else "")


def one_line(text: str) -> str:
    """A message on one line, whatever a library made of it."""
    return " ".join(text.split())


def _of_click(error: click.ClickException) -> str:
    message = one_line(error.format_message()).rstrip(".").replace(". Did you", "; did you")
    if not isinstance(error, click.UsageError):
        return message
    path = error.ctx.command_path if error.ctx else "limner"
    return f"{message[:1].lower()}{message[1:]} (`{path} --help` tells more)"
