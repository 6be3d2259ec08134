"""`limner models`: the catalogue, and the engines behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.table import json_option, write_json, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limner.catalog.models import Model, Profile
    from limner.config import Settings
    from limner.flow.house import EngineStand


@click.command(short_help="List the models on offer.")
@click.option(
    "--engines", "only_engines", is_flag=True, help="List the engines instead: who paints, and in which formats."
)
@json_option
@shared_options()
@pass_given
def command(given: Given, *, only_engines: bool, as_json: bool) -> None:
    """List the models on offer: what each takes, which engine paints, what it costs."""
    from limner.bootstrap import make_catalog, make_engines

    settings = given.settings()
    engines = make_engines(settings)
    catalog = make_catalog(settings, known_engines=set(engines))
    if only_engines:
        _write_engines(settings, engines, as_json=as_json)
    elif as_json:
        write_json([_record(model) for model in catalog.models()])
    else:
        _write_models(list(catalog.models()))


def _write_models(models: list[Model]) -> None:
    from limner.domain.money import in_credits

    write_table(
        [
            {
                "model": model.name,
                "profile": model.profile.name,
                "engine": model.engine,
                "credits from": in_credits(_least(model)),
            }
            for model in models
        ],
        right={"credits from"},
    )
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


def _write_engines(settings: Settings, engines: Mapping[str, EngineStand], *, as_json: bool) -> None:
    rows = [
        {
            "engine": name,
            "formats": " ".join(sorted(stand.engine.output_formats)),
            "default": "yes" if name == settings.catalog.engine else "",
        }
        for name, stand in engines.items()
    ]
    if as_json:
        write_json(
            [
                {"name": row["engine"], "output_formats": row["formats"].split(), "is_default": row["default"] == "yes"}
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
