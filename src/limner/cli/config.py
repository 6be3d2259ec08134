"""`limner config`: the settings, where they come from, and all there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import click

from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.table import json_option, write_json, write_table

if TYPE_CHECKING:
    from limner.config import Known, Loaded

_WIDTH: Final = 100
_EXAMPLES: Final[Mapping[str, str]] = {
    "accounts.providers": '# [accounts.providers.example]\n# kind = "oidc"\n# title = "Example"\n'
    '# issuer = "https://login.example.org"\n# client_id = "limner"\n# client_secret = ""',
    "catalog.models": '# [catalog.models."my-model"]\n# engine = "illustrator"\n# profile = "open"\n'
    '# description = "Painted here."\n# price = 0.01',
    "engines": "# [engines.illustrator]\n# processes = 2",
}


@click.group(subcommand_metavar="COMMAND ...")
def command() -> None:
    """Show, check and explain the settings."""


@command.command(short_help="Show the settings in force.")
@json_option
@shared_options()
@pass_given
def show(given: Given, *, as_json: bool) -> None:
    """Show every setting, its value in force and where that comes from; secrets are masked.

    Long values are cut; `--json` shows them whole.
    """
    loaded = given.load(looks=True)
    rows = [_row(known, loaded) for known in _all_known()]
    if as_json:
        write_json(rows)
    else:
        write_table([{key: _cut(str(value)) for key, value in row.items()} for row in rows])


@command.command(short_help="Check the settings.")
@shared_options()
@pass_given
def check(given: Given) -> None:
    """Check the settings without starting anything; the exit code is 2 when something is wrong."""
    from limner.bootstrap import CHOSEN, make_catalog, make_engines

    loaded = given.load(looks=True)
    make_catalog(loaded.settings, known_engines=set(make_engines(loaded.settings)))
    places = sorted({place for place in loaded.origins.values() if not place.startswith(CHOSEN)})
    click.echo(f"The settings are good ({', '.join(places) if places else 'all of them defaults'}).")


@command.command(short_help="Write a settings file to start from.")
def example() -> None:
    """Write a settings file with every setting, its default and what it is for, all commented out.

    \b
    For example:
      limner config example > limner.toml
    """  # noqa: D301 - click's \b keeps the lines apart
    click.echo("\n".join(example_lines(list(_all_known()))))


def example_lines(settings: list[Known]) -> Iterator[str]:
    """The lines of limner.example.toml."""
    yield "# Every setting of limner, with its default. Uncomment what should be different and save it as limner.toml in the"
    yield "# folder where limner starts, or name it with --config. In the environment, each has the name that follows its"
    yield "# sentence; the environment wins over the file, and a flag over both. `limner config show` tells what is in force."
    section = ""
    for known in settings:
        before, _, name = known.name.rpartition(".")
        if known.name in _EXAMPLES:
            yield from ("", *_explained(known), _EXAMPLES[known.name])
            continue
        if before != section:
            yield from ("", f"[{before}]")
            section = before
        yield from ("", *_explained(known), f"# {name} = {_toml(known)}")


def _explained(known: Known) -> Iterator[str]:
    return (f"# {line}" for line in _wrapped(f"{known.sentence} {known.variable}"))


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width=_WIDTH, break_long_words=False, break_on_hyphens=False)


def _toml(known: Known) -> str:
    """The default as TOML; what has none is empty, which means the same."""
    import json

    if known.name == "data_dir":
        return '"/var/lib/limner"'  # the same whoever writes the example
    return json.dumps("" if known.default is None else known.default)


def _all_known() -> Iterator[Known]:
    from limner.config import known_settings

    return known_settings()


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _row(known: Known, loaded: Loaded) -> dict[str, object]:
    from limner.config import shown

    setting = shown(known, loaded)
    return {"setting": setting.name, "value": setting.value, "from": setting.origin}
