"""`limner models`: the catalogue, and the engines behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from typing_extensions import override

from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.table import json_option, write_json, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limner.catalog.models import Model, Profile
    from limner.flow.house import EngineStand


class _Models(click.Group):
    """A list by itself, and verbs for models on this machine, whose file is imported when one is asked for."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return ["pull", "check", "warm"]

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from limner.cli import weights

        verb: click.Command | None = getattr(weights, cmd_name) if cmd_name in self.list_commands(ctx) else None
        return verb


@click.group(
    cls=_Models,
    invoke_without_command=True,
    subcommand_metavar="[COMMAND ...]",
    short_help="List the models on offer; fetch and try models for this machine.",
)
@click.option(
    "--engines",
    "only_engines",
    is_flag=True,
    help="List the engines instead: who paints, of which kind, in which formats.",
)
@json_option
@shared_options()
@pass_given
@click.pass_context
def command(ctx: click.Context, given: Given, *, only_engines: bool, as_json: bool) -> None:
    """List the models on offer: what each takes, which engines paint it one after the other, what it costs.

    That is what the settings say. What was changed on the operator's pages since is there, under Models.
    """
    if ctx.invoked_subcommand is not None:
        return
    from limner.bootstrap import engine_of, make_catalog, make_engines

    given.settings()  # for the log
    loaded = given.load(looks=True)
    settings = loaded.settings
    engines = make_engines(settings)
    catalog = make_catalog(settings, known_engines=set(engines))
    if only_engines:
        _write_engines(engine_of(settings), engines, as_json=as_json)
    elif as_json:
        write_json([_record(model) for model in catalog.models()])
    else:
        _write_models(list(catalog.models()))
    if loaded.choice is not None and not as_json:
        click.echo(f"\nEngine: {loaded.choice.sentence} ({loaded.choice.override}).")


def _write_models(models: list[Model]) -> None:
    from limner.catalog import chains
    from limner.domain.money import in_credits

    rows = [
        {
            "model": model.name,
            "profile": model.profile.name,
            "engine": model.engine,
            "fallbacks": " > ".join(map(chains.line, model.fallbacks)),
            "credits from": in_credits(_least(model)),
        }
        for model in models
    ]
    if not any(model.fallbacks for model in models):
        rows = [{name: text for name, text in row.items() if name != "fallbacks"} for row in rows]
    write_table(rows, right={"credits from"})
    click.echo()
    profiles = {model.profile.name: model.profile for model in models}
    write_table(
        [
            {
                "profile": profile.name,
                "n up to": str(profile.n_max),
                "sizes": sizes_of(profile),
                "qualities": " ".join(profile.qualities),
            }
            for profile in profiles.values()
        ],
        right={"n up to"},
    )


def _write_engines(default: str, engines: Mapping[str, EngineStand], *, as_json: bool) -> None:
    rows = [
        {
            "engine": name,
            "plug": stand.plug,
            "formats": " ".join(sorted(stand.engine.output_formats)),
            "default": "yes" if name == default else "",
        }
        for name, stand in engines.items()
    ]
    if as_json:
        write_json(
            [
                {
                    "name": row["engine"],
                    "plug": row["plug"],
                    "output_formats": row["formats"].split(),
                    "is_default": row["default"] == "yes",
                }
                for row in rows
            ]
        )
    else:
        write_table(rows)


def sizes_of(profile: Profile) -> str:
    """The sizes that it takes, in a few words."""
    sizes = profile.sizes
    if isinstance(sizes, tuple):
        return " ".join(f"{width}x{height}" for width, height in sizes)
    steps = f", steps of {sizes.step}" if sizes.step > 1 else ""
    return f"any, edges {sizes.edge_min}-{sizes.edge_max}{steps}"


def _least(model: Model) -> int:
    return min(price for row in model.prices.values() for price in row.values())


def _record(model: Model) -> dict[str, object]:
    from limner.domain.money import in_credits

    return {
        "name": model.name,
        "profile": model.profile.name,
        "engine": model.engine,
        "fallbacks": [{"engine": one.engine, "on": sorted(cause.value for cause in one.on)} for one in model.fallbacks],
        "description": model.description,
        "sizes": sizes_of(model.profile),
        "qualities": list(model.profile.qualities),
        "n_max": model.profile.n_max,
        "prompt_characters_max": model.profile.prompt_characters_max,
        "credits_from": in_credits(_least(model)),
        "prices": {
            size: {str(quality): in_credits(price) for quality, price in row.items()}
            for size, row in model.prices.items()
        },
    }
