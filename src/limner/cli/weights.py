"""`limner models pull|check|warm`: what lies on disk of a model that paints on this machine, and whether it works here."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.table import json_option, write_json, write_table
from limner.cli.parts.trouble import Trouble

if TYPE_CHECKING:
    from limner.engines import Engine
    from limner.engines.diffusers_local.looking import Gpu
    from limner.engines.diffusers_local.recipes import Model, Recipe

_GIB: Final = 2**30
_WANTED: Final = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*.py", "*/*.bin", "*.md", "LICENSE*")
_UNWANTED: Final = ("*.onnx*", "*.msgpack", "*.h5", "*.ckpt", "*openvino*", "flax_*", "*.png", "*.jpg", "*.gguf")
_INSTALL: Final = "`make diffusers` installs it, or pip install 'limner[diffusers]' beside a build of torch"


@click.command("pull", short_help="Fetch a model for this machine.")
@click.argument("model", metavar="ID")
@click.option("--revision", metavar="NAME", help="A branch, a tag or a commit; without it, main.")
@click.option("--variant", metavar="NAME", help="Weights of that kind where there are several, such as fp16.")
@click.option("--accept-licence", "accepted", metavar="NAME", help="Accept a licence with restrictions, by its name.")
@shared_options()
@pass_given
def pull(_given: Given, *, model: str, revision: str | None, variant: str | None, accepted: str | None) -> None:
    """Fetch what a model needs into the hub's cache, and go on where it was broken off.

    HF_TOKEN, if it is set, opens models that ask for one; HF_ENDPOINT names another hub, HF_HOME another folder.
    """
    from limner.engines.diffusers_local import looking, recipes
    from limner.engines.diffusers_local.options import is_hub_id

    if not is_hub_id(model):
        raise Trouble(f"{model} is no model's name: it is an owner and a name, as in black-forest-labs/FLUX.2-klein-4B")
    _needs("huggingface_hub")
    recipe = recipes.recipe_for(recipes.Model(name=model))
    _licence(recipe, accepted=accepted)
    if recipe.weights_gb:
        click.echo(f"{model}: family {recipe.name}, {recipe.licence}, about {recipe.weights_gb:.0f} GB of weights")
    began = time.monotonic()
    folder = _fetched(model, revision=revision, variant=variant)
    found = recipes.model_in(folder, name=model)
    exact = recipes.recipe_for(found)
    lacking = looking.missing_in(folder)
    if lacking:
        raise Trouble(f"{model} is not complete in {folder}: there is no {', '.join(lacking[:5])}")
    click.echo(f"{model} is in {folder} ({_gib(sum(found.part_bytes.values()))}, {time.monotonic() - began:.0f} s).")
    if exact.restricted is not None and exact.restricted != accepted:
        click.echo(
            f'Its licence, the {exact.licence}, has restrictions: accept_licence = "{exact.restricted}" in its engine.'
        )
    click.echo(f'To paint with it: [engines.local] plug = "diffusers_local", model = "{model}".')


def _fetched(model: str, *, revision: str | None, variant: str | None) -> Path:
    import huggingface_hub
    from huggingface_hub import errors

    unwanted = list(_UNWANTED)
    try:
        names = set(huggingface_hub.HfApi().list_repo_files(model, revision=revision))
        unwanted += _doubles(names, variant=variant)
        return Path(
            huggingface_hub.snapshot_download(
                model, revision=revision, allow_patterns=list(_WANTED), ignore_patterns=unwanted
            )
        )
    except errors.GatedRepoError as error:
        raise Trouble(
            f"{model} is given only to those who agreed to its terms: agree to them on its page, and set HF_TOKEN"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise Trouble(f"{model} has no revision {revision}") from error
    except errors.RepositoryNotFoundError as error:
        raise Trouble(f"the hub knows no model {model}, or shows it only with a token: set HF_TOKEN") from error
    except errors.LocalEntryNotFoundError as error:
        raise Trouble(f"{model} cannot be fetched: the hub cannot be reached, and it is not on disk") from error
    except errors.OfflineModeIsEnabled as error:
        raise Trouble(f"{model} cannot be fetched: HF_HUB_OFFLINE is set") from error
    except errors.HfHubHTTPError as error:
        code = getattr(getattr(error, "response", None), "status_code", "no code")
        raise Trouble(f"{model} cannot be fetched: the hub answered with {code}") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] in {"httpx", "httpcore", "requests"} or isinstance(error, OSError):
            raise Trouble(f"{model} cannot be fetched: the hub cannot be reached ({type(error).__name__})") from error
        raise


def _doubles(names: set[str], *, variant: str | None) -> list[str]:
    """Files that say the same as others: one set of weights is enough."""
    doubles: list[str] = []
    for name in names:
        stem, _, suffix = name.rpartition(".")
        kind = stem.rpartition(".")[2] if "/" in name else ""
        if suffix == "bin" and any(
            other.endswith(".safetensors") and other.rpartition("/")[0] == name.rpartition("/")[0] for other in names
        ):
            doubles.append(name)
        elif suffix == "safetensors" and (
            "/" not in name or (kind in {"fp16", "bf16", "non_ema", "fp8"} and kind != variant)
        ):
            # Weights beside the folders are the same in one file, for other programs.
            doubles.append(name)
    is_pipeline = any(name in names for name in ("model_index.json", "modular_model_index.json"))
    return doubles if is_pipeline else []


@click.command("check", short_help="Whether a model is on disk and would run here.")
@click.argument("model", metavar="[ID]", required=False)
@json_option
@shared_options()
@pass_given
def check(_given: Given, *, model: str | None, as_json: bool) -> None:
    """Whether a model is complete on disk, under which licence, and what it needs against what is there.

    ID is a name, or a folder; without it, every model in the hub's cache.
    """
    from limner.engines.diffusers_local import looking
    from limner.engines.diffusers_local.recipes import Model, recipe_for

    cache = looking.cache_folder(os.environ)
    gpus = looking.gpus() if looking.has_gpu() and looking.is_installed() else []
    if model is None:
        kept = [_checked(one.name, one.folder, one.model, one.recipe, gpus) for one in looking.models_on_disk(cache)]
    else:
        folder = (
            Path(model).expanduser() if Path(model).expanduser().is_dir() else looking.snapshot_of(model, cache=cache)
        )
        if folder is None:
            raise Trouble(f"{model} is not on disk (looked in {cache}); `limner models pull {model}` fetches it")
        found = _read(folder, model)
        kept = [_checked(model, folder, found, recipe_for(found or Model(name=model)), gpus)]
    if as_json:
        write_json(kept)
    elif not kept:
        click.echo(f"No model is on disk (looked in {cache}); `limner models pull ID` fetches one.")
    else:
        write_table(
            [{name: _shown(value) for name, value in one.items() if name not in {"lacking", "folder"}} for one in kept]
        )
        click.echo()
        for one in kept:
            if one["lacking"]:
                click.echo(
                    f"{one['model']} lacks {', '.join(one['lacking'])}: `limner models pull {one['model']}` fetches it."
                )
        click.echo(_device_words(gpus))
    if model is not None and not kept[0]["complete"]:
        raise Trouble(f"{model} is not complete")


def _read(folder: Path, name: str) -> Model | None:
    from limner.engines.diffusers_local.recipes import model_in

    try:
        return model_in(folder, name=name)
    except ValueError:
        return None


def _checked(name: str, folder: Path, model: Model | None, recipe: Recipe, gpus: list[Gpu]) -> dict[str, Any]:
    from limner.engines.diffusers_local import looking
    from limner.engines.diffusers_local.recipes import memory_for

    lacking = looking.missing_in(folder)
    parts = {} if model is None else model.part_bytes
    free = gpus[0].free if gpus else None
    memory = memory_for(device_bytes=free, part_bytes=parts, recipe=recipe)
    if lacking:
        runs = "no: not complete"
    elif not looking.is_installed():
        runs = "no: limner[diffusers] is not installed"
    elif not gpus:
        runs = "slowly, on the cpu"
    else:
        runs = "yes" if memory.keeping == "whole" else f"yes, kept {memory.keeping}"
    needs = sum(parts.values()) + int(recipe.work_gb * _GIB)
    return {
        "model": name,
        "recipe": recipe.name,
        "licence": recipe.licence if recipe.restricted is None else f"{recipe.licence} ({recipe.restricted})",
        "complete": not lacking,
        "needs": f"{needs / _GIB:.1f} GiB",
        "would run": runs,
        "lacking": lacking,
        "folder": str(folder),
    }


def _device_words(gpus: list[Gpu]) -> str:
    from limner.engines.diffusers_local import looking

    if not looking.is_installed():
        return f"limner[diffusers] is not installed: {_INSTALL}."
    if not gpus:
        return "No GPU that this build of torch can use is here."
    sizes = (
        f"{one.device} ({one.words}" + ("" if one.free is None else f", {_gib(one.free)} free") + ")" for one in gpus
    )
    return f"GPUs: {', '.join(sizes)}."


@click.command("warm", short_help="Start an engine of this machine, and time its first pictures.")
@click.argument("name", metavar="ENGINE")
@click.option("--size", default="512x512", show_default=True, metavar="WxH", help="Of the pictures that are painted.")
@json_option
@shared_options()
@pass_given
def warm(given: Given, *, name: str, size: str, as_json: bool) -> None:
    """Start the engine called ENGINE in the settings, paint two pictures, and say how long everything took.

    Compilers and drivers keep what they made, so that a server that starts afterwards is ready sooner.
    """
    from limner.bootstrap import make_engines
    from limner.cli.parts.trouble import no_such

    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) > 0 and int(height) > 0):
        raise click.UsageError(f"--size is a width and a height, such as 512x512; not {size}")
    engines = make_engines(given.settings(looks=True))
    if name not in engines:
        raise Trouble(no_such("engine", name, engines))
    if engines[name].plug != "diffusers_local":
        raise Trouble(f"{name} is of the plug {engines[name].plug}: only those of diffusers_local have to be warmed up")
    rows = asyncio.run(_warmed(engines[name].engine, int(width), int(height)))
    if as_json:
        write_json(rows)
    else:
        write_table([{key: _shown(value) for key, value in row.items()} for row in rows])


async def _warmed(engine: Engine, width: int, height: int) -> list[dict[str, Any]]:
    began = time.monotonic()
    rows: list[dict[str, Any]] = []
    try:
        await engine.open()
        while not all(part.state in {"well", "resting"} for part in engine.health()):  # noqa: ASYNC110 - another process loads
            await asyncio.sleep(0.05)
        loaded = time.monotonic()
        rows.append({"what": "loaded", "seconds": round(loaded - began, 2)})
        for what in ("first picture", "second picture"):
            before = time.monotonic()
            await _one(engine, width, height)
            rows.append({"what": what, "seconds": round(time.monotonic() - before, 2)})
    finally:
        parts = engine.health()
        await engine.close()
    for part in parts:
        details = part.details or {}
        notes = [words for key in ("pipeline", "dtype", "memory", "notes") if (words := details.get(key))]
        rows.append({"what": part.part, "seconds": None, "notes": ", ".join(notes)})
    return rows


async def _one(engine: Engine, width: int, height: int) -> None:
    from limner.domain.spec import Background, OutputFormat, Quality, Spec, Style
    from limner.engines import EngineTrouble

    spec = Spec(
        prompt="a lighthouse at dusk",
        n=1,
        width=width,
        height=height,
        quality=Quality.STANDARD,
        style=Style.VIVID,
        background=Background.OPAQUE,
        output_format=OutputFormat.PNG,
        output_compression=100,
        seed=1,
    )
    try:
        async with aclosing(engine.paint(spec)) as shown:
            async for _ in shown:
                pass
    except EngineTrouble as error:
        raise Trouble(f"{error} {error.said}".strip()) from error


def _licence(recipe: Recipe, *, accepted: str | None) -> None:
    if recipe.restricted is None or recipe.restricted == accepted:
        return
    raise Trouble(
        f"models of the family {recipe.name} are under the {recipe.licence}, which has restrictions: read it, and if you "
        f"keep to it, say --accept-licence {recipe.restricted}"
    )


def _needs(package: str) -> None:
    import importlib.util

    if importlib.util.find_spec(package) is None:
        raise Trouble(f"this needs limner[diffusers], which is not installed: {_INSTALL}")


def _gib(size: int) -> str:
    return f"{size / _GIB:.1f} GiB"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
