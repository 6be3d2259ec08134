"""Writes the pages of docs/ that only repeat what the code says (`make docs`); `--check` only looks whether they do.

The code is the source: a table of errors, the settings, the commands, the catalogue. tests/house/test_docs.py compares.
"""

from __future__ import annotations

import difflib
import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import click
from pydantic import BaseModel

import limner
from limner import config
from limner.catalog.models import FreeSizes, Profile
from limner.catalog.profiles import PROFILES
from limner.catalog.service import shipped
from limner.cli.config import example_lines
from limner.domain.money import in_credits
from limner.domain.problem import Problem
from limner.domain.spec import Quality
from limner.web.dialects.images.differences import WORDS, Wire, Words

ROOT: Final = Path(__file__).resolve().parent.parent
NOTE: Final = "<!-- Written by `make docs` from the code. Change the code, not this page. -->"
HELP_WIDTH: Final = 100


def main(arguments: Sequence[str]) -> int:
    """Write every page, or with `--check` say which ones are behind; how many those are."""
    behind = 0
    for name, text in pages().items():
        path = ROOT / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if before == text:
            continue
        behind += 1
        if "--check" in arguments:
            print(f"{name} is behind the code: run `make docs`")
            print("\n".join(list(difflib.unified_diff(before.splitlines(), text.splitlines(), lineterm="", n=0))[2:22]))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"{name} written")
    if not behind:
        print("the generated pages are what the code says")
    return behind if "--check" in arguments else 0


def pages() -> dict[str, str]:
    """Every generated page by its path."""
    makers: dict[str, Callable[[], Iterable[str]]] = {
        "docs/errors.md": _errors,
        "docs/configuration.md": _configuration,
        "docs/commands.md": _commands,
        "docs/models.md": _models,
        "limner.example.toml": _example,
    }
    return {name: "\n".join(make()).rstrip() + "\n" for name, make in makers.items()}


def _table(*columns: str) -> list[str]:
    return [_row(*columns), _row(*("---" for _ in columns))]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


# --- errors ----------------------------------------------------------------------------------------------------------


def problems() -> dict[str, str]:
    """Every `Problem` that the code can raise: its code, and what its docstring says first."""
    for module in pkgutil.walk_packages(limner.__path__, "limner."):
        if not module.name.endswith("__main__") and ".migrations" not in module.name:
            importlib.import_module(module.name)
    found: dict[str, str] = {}
    for kind in _below(Problem):
        code = getattr(kind, "code", None)
        if code and kind.__doc__ and "code" in vars(kind):
            found[code] = kind.__doc__.strip().splitlines()[0].partition(";")[0].removesuffix(".") + "."
    return found


def _below(kind: type[Problem]) -> Iterator[type[Problem]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _errors() -> Iterator[str]:
    yield from (
        NOTE,
        "",
        "# Errors",
        "",
        "Every trouble is answered in one form, on both prefixes:",
        "",
        "```json",
        json.dumps(
            {
                "success": False,
                "error": {
                    "code": "invalid_value",
                    "message": "the model 'dall-e-3' paints 1024x1024, 1792x1024, 1024x1792 (or auto), not 10x10",
                    "type": "image_generation_user_error",
                    "param": "size",
                },
                "trace_id": "019ab3c5-7d7a-7c11-8f2e-0e4a8f6f1b52",
            },
            indent=2,
        ),
        "```",
        "",
        "`message` says what is wrong and what would be right. `param` names the field at fault, or is null. `trace_id` is",
        "also in the header `x-request-id` and in the server's log lines. Nothing is charged for an error.",
        "",
        "Programs look at `code`. Each prefix has its own words: `/openai` those of the vendor that limner stands in for,",
        "`/v1` OpenAI's. Paths under neither prefix speak as `/v1` does. `Retry-After` says when to ask again;",
        "`x-should-retry: false` says that asking again changes nothing.",
        "",
        *_table("What happened", "Under `/openai`", "Under `/v1`", "`type`", "What to do"),
    )
    sentences = problems()
    for code, words in WORDS.items():
        what = f'<a id="{code}"></a>{sentences.get(code, code)}'
        yield _row(what, _wire(words.vendor), _wire(words.openai), _types(words), words.hint)


def _wire(wire: Wire) -> str:
    return f"{wire.status} `{wire.code}`"


def _types(words: Words) -> str:
    return " / ".join(f"`{kind}`" for kind in dict.fromkeys((words.vendor.type, words.openai.type)))


# --- settings --------------------------------------------------------------------------------------------------------


def _sections() -> dict[str, list[config.Known]]:
    sections: dict[str, list[config.Known]] = {}
    for known in config.known_settings():
        sections.setdefault(known.name.rpartition(".")[0], []).append(known)
    return sections


def _section_sentence(name: str) -> str:
    if not name:
        return "At the top of the file, above every section."
    kind = config.Settings.model_fields[name].annotation
    assert isinstance(kind, type)
    return (kind.__doc__ or "").strip()


def _default(known: config.Known) -> str:
    if known.name == "data_dir":
        return "depends on who runs it"
    if known.default is None:
        return "not set"
    return f"`{_toml(known.default)}`"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(str(value), ensure_ascii=False)


def _configuration() -> Iterator[str]:
    yield from (
        NOTE,
        "",
        "# Configuration",
        "",
        "limner needs none. What you set is read from three places, each above the one before it:",
        "",
        f"1. `limner.toml` in the folder that it is started in, or the file that `--config` or `{config.CONFIG_FILE_VARIABLE}` names;",
        "2. the environment: the section and the name, joined by two underscores, such as `LIMNER_SERVER__PORT=9000`.",
        "   The name with `_FILE` at its end names a file that holds the value, for secrets. Lists and tables are JSON.",
        "   An empty variable counts as not set;",
        "3. the command line, for the few that a command has options for.",
        "",
        "A name that does not exist is refused, with the nearest one that does. `limner config show` says what is in force",
        "and where each value came from; `limner config check` says what is wrong. A file with every setting and its",
        "default is [`limner.example.toml`](../limner.example.toml).",
        "",
    )
    for section, settings in _sections().items():
        yield from (f"## {f'`[{section}]`' if section else 'The top'}", "", _section_sentence(section), "")
        yield from _table("Setting", "In the environment", "Default", "What it is")
        for known in settings:
            secret = " Secret: never shown." if known.secret else ""
            yield _row(f"`{known.name}`", f"`{known.variable}`", _default(known), known.sentence + secret)
        yield ""
    yield from (
        "## A model of your own",
        "",
        "```toml",
        "[catalog.models.house-style]",
        'engine = "illustrator"',
        'profile = "open"',
        'description = "What our pages are illustrated with."',
        "price = 0.002",
        "```",
        "",
        *_table("Field", "Default", "What it is"),
        *_fields(config.Model),
        "",
        "A name that limner has already, such as `dall-e-3`, is put on the engine that you name.",
    )


def _fields(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        default = "must be given" if field.is_required() else f"`{_toml(field.default)}`"
        yield _row(f"`{name}`", default, field.description or "")


def _example() -> Iterator[str]:
    return example_lines(list(config.known_settings()))


# --- commands --------------------------------------------------------------------------------------------------------


def commands() -> dict[str, click.Command]:
    """Every command by its full name, each group before its own."""
    return dict(_walk("limner", _top()))


def _top() -> click.Command:
    module = importlib.import_module("limner.cli")
    for value in (getattr(module, "main", None), *vars(module).values()):
        if isinstance(value, click.Group):
            return value
    raise SystemExit("limner.cli has no click group")


def _walk(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if command.hidden:
        return
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from _walk(f"{name} {child}", found)


def _commands() -> Iterator[str]:
    yield from (
        NOTE,
        "",
        "# Commands",
        "",
        "What `limner <command> --help` says. In a checkout the program is `.venv/bin/limner`, and `make serve` and",
        "`make paint` run the two that are wanted most. An error is one line and an exit code other than 0.",
    )
    for name, command in commands().items():
        # The names of the help option come from the program: a command remembers them from whoever asks first.
        context = click.Context(
            command,
            info_name=name,
            max_content_width=HELP_WIDTH,
            terminal_width=HELP_WIDTH,
            help_option_names=_top().context_settings["help_option_names"],
        )
        yield from ("", f"## `{name}`", "", "```text", click.unstyle(command.get_help(context)).rstrip(), "```")


# --- models ----------------------------------------------------------------------------------------------------------


def _models() -> Iterator[str]:
    models = shipped(engine="illustrator")
    yield from (
        NOTE,
        "",
        "# Models",
        "",
        "The names that existing programs have in them, each with the manners of the model it is named after. All are on the",
        "engine that the setting `catalog.engine` names, else on the [best one at hand](operate.md#which-engine-paints); but",
        "`illustrator`, which is an engine's own name, is always on that one. `GET /v1/models` says the",
        "same to programs; [configuration](configuration.md#a-model-of-your-own) adds models of your own. Who paints when that",
        "engine does not manage is a matter of [chains](operate.md#when-an-engine-does-not-manage).",
        "",
        *_table("Name", "Profile", "Credits for 1024x1024", "What it is"),
    )
    for model in models.values():
        prices = model.prices.get("1k") or list(model.prices.values())[-1]
        shown = ", ".join(f"{_amount(price)} {quality}" for quality, price in prices.items())
        yield _row(f"`{model.name}`", f"[{model.profile.name}](#{_anchor(model.profile)})", shown, model.description)
    yield from (
        "",
        "## Profiles",
        "",
        "A profile is what a family of models takes. What its engine knows besides, such as `steps` or `negative_prompt`, goes",
        "through to it; anything else is refused by name.",
    )
    for profile in PROFILES.values():
        yield from ("", f"### Profile {profile.name}", "", *_table("Parameter", "Values"), *_manners(profile))
    yield from (
        "",
        "## Prices",
        "",
        "Credits for one picture, by size and quality. A size that is not listed costs what the next larger one does.",
        "",
        "| Model | Size class | " + " | ".join(quality.value for quality in Quality) + " |",
        "| --- | --- | " + " | ".join("---" for _ in Quality) + " |",
    )
    seen: list[object] = []
    for model in models.values():
        if model.prices in seen:
            continue
        seen.append(model.prices)
        for size, row in model.prices.items():
            cells = (_amount(row[quality]) if quality in row else "" for quality in Quality)
            names = ", ".join(
                f"`{m.name}`" for m in models.values() if m.prices == model.prices and "same as" not in m.description
            )
            yield _row(names if size == next(iter(model.prices)) else "", size, *cells)
    yield from (
        "",
        "Size classes, by pixels: `256` and `512` up to that side squared, `1k` up to 1.1 million, `wide` up to 2 million,",
        "`2k` up to 4.5 million, `4k` above. The qualities of the wire map onto the three columns as the profiles say.",
    )


def _anchor(profile: Profile) -> str:
    return f"profile-{profile.name}".replace(".", "")


def _amount(price: int) -> str:
    return in_credits(price).rstrip("0").rstrip(".")


def _manners(profile: Profile) -> Iterator[str]:
    yield _row("`prompt`", f"up to {profile.prompt_characters_max:,} characters")
    yield _row("`n`", "1" if profile.n_max == 1 else f"1 to {profile.n_max}")
    yield _row("`size`", _sizes(profile))
    by_work = {quality: [word for word, work in profile.qualities.items() if work is quality] for quality in Quality}
    words = "; ".join(
        f"{quality}: {', '.join(f'`{word}`' for word in found)}" for quality, found in by_work.items() if found
    )
    yield _row("`quality`", words)
    yield _row("`response_format`", f"`url` or `b64_json`; on `/v1` the default is `{profile.response_format}`")
    yield _row("`output_format`", ", ".join(f"`{form}`" for form in profile.output_formats))
    rest = profile.parameters - {"model", "prompt", "n", "size", "quality", "response_format", "output_format"}
    yield _row("also", ", ".join(f"`{name}`" for name in sorted(rest)))


def _sizes(profile: Profile) -> str:
    width, height = profile.default_size
    auto = f"`auto` is {width}x{height}"
    sizes = profile.sizes
    if isinstance(sizes, FreeSizes):
        step = f"in steps of {sizes.step} " if sizes.step > 1 else ""
        return (
            f"any {step}from {sizes.edge_min} to {sizes.edge_max} pixels a side, {sizes.pixels_min:,} to "
            f"{sizes.pixels_max:,} pixels in all, at most {sizes.ratio_max}:1; {auto}"
        )
    return ", ".join(f"`{w}x{h}`" for w, h in sizes) + f"; {auto}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
