"""What there is on this machine to paint with: GPUs, and models that lie on disk. Quick, and without torch.

What only torch knows is asked in a process of its own with a time limit: drivers have been known to hang.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from limner.engines.diffusers_local.pool import command, environment
from limner.engines.diffusers_local.recipes import GENERIC, Model, Recipe, memory_for, model_in, recipe_for

PACKAGES: Final = ("torch", "diffusers", "transformers")
LOOKING_SECONDS: Final = 60.0
_GIB: Final = 2**30
_INDEXES: Final = ("model_index.json", "modular_model_index.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A device that torch can use; `bytes`, `free` None: it has the computer's own memory."""

    device: str
    words: str
    bytes: int | None = None
    free: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A model that lies on disk: its hub id, where, and what its folder says."""

    name: str
    folder: Path
    model: Model
    recipe: Recipe

    @property
    def bytes(self) -> int:
        """Of its weights, in 16 bits."""
        return sum(self.model.part_bytes.values())


def is_installed() -> bool:
    """Whether the extra limner[diffusers] is there. Imports none of it."""
    return all(importlib.util.find_spec(name) is not None for name in PACKAGES)


def has_gpu(*, root: Path = Path("/")) -> bool:
    """Whether something here looks like a GPU: what drivers put into /dev, or an Apple computer. Takes no time."""
    if sys.platform == "darwin":
        return os.uname().machine == "arm64"
    dev = root / "dev"
    return (
        any(dev.glob("nvidia[0-9]*"))
        or (dev / "dxg").exists()
        or (dev / "kfd").exists()
        or any(dev.glob("dri/renderD*"))
    )


def gpus(*, seconds: float = LOOKING_SECONDS) -> list[Gpu]:
    """The GPUs that torch can use; asked in a process of its own. Empty if it does not answer in time."""
    try:
        answer = subprocess.run(  # noqa: S603 - ourselves
            command("--look"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment(),
            timeout=seconds,
            check=True,
        )
        return [Gpu(**one) for one in json.loads(answer.stdout)]
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
        return []


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where the hub's library keeps models."""
    for name, below in (("HF_HUB_CACHE", ""), ("HUGGINGFACE_HUB_CACHE", ""), ("HF_HOME", "hub")):
        if environ.get(name):
            return Path(environ[name]).expanduser() / below
    caches = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME") or "~").expanduser() / ".cache")
    return Path(caches) / "huggingface" / "hub"


def models_on_disk(cache: Path) -> Iterator[Kept]:
    """The models in the hub's cache that are pipelines and complete, in alphabetical order."""
    for folder in sorted(cache.glob("models--*")):
        name = folder.name.removeprefix("models--").replace("--", "/", 1)
        snapshot = _snapshot(folder)
        if snapshot is None:
            continue
        try:
            model = model_in(snapshot, name=name)
        except (ValueError, OSError):
            continue
        if not missing_in(snapshot):
            yield Kept(name=name, folder=snapshot, model=model, recipe=recipe_for(model))


def snapshot_of(name: str, *, cache: Path) -> Path | None:
    """Where the model of that hub id lies; None: it does not."""
    folder = cache / f"models--{name.replace('/', '--')}"
    return _snapshot(folder) if folder.is_dir() else None


def missing_in(folder: Path) -> list[str]:
    """What a pipeline's folder lacks: parts that its index names without any file, and files that their own lists name."""
    path = next((folder / name for name in _INDEXES if (folder / name).is_file()), None)
    if path is None:
        return ["model_index.json"]
    try:
        index: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [path.name]
    lacking: list[str] = []
    if path.name == "model_index.json":
        for part, value in index.items():
            is_part = not part.startswith("_") and isinstance(value, list) and value and value[0] is not None
            if is_part and not (folder / part).is_dir():
                lacking.append(part)
    for listing in sorted(folder.glob("*/*.index.json")):
        try:
            names = set(json.loads(listing.read_text(encoding="utf-8"))["weight_map"].values())
        except (OSError, ValueError, KeyError, AttributeError):
            lacking.append(f"{listing.parent.name}/{listing.name}")
            continue
        lacking += [f"{listing.parent.name}/{name}" for name in sorted(names) if not (listing.parent / name).exists()]
    painters = [folder / name for name in ("transformer", "unet", "prior") if (folder / name / "config.json").is_file()]
    for painter in painters:
        if not any(file.suffix in {".safetensors", ".bin", ".gguf"} and file.exists() for file in painter.iterdir()):
            lacking.append(f"{painter.name}/ (weights)")
    return lacking


def best_of(kept: Sequence[Kept], *, device_bytes: int | None) -> Kept | None:
    """The one to paint with, if nobody says: free licence, known family, held whole, then the largest."""
    free = [one for one in kept if one.recipe.restricted is None]

    def rank(one: Kept) -> tuple[bool, bool, bool, int]:
        memory = memory_for(device_bytes=device_bytes, part_bytes=one.model.part_bytes, recipe=one.recipe)
        is_held = memory.keeping == "whole"
        return (one.recipe.name != GENERIC, memory.keeping != "group", is_held, one.bytes if is_held else -one.bytes)

    # Models that only change pictures are no choice for a server that is asked for new ones.
    return max((one for one in free if one.recipe.images_min == 0), key=rank, default=None)


def look_around(environ: Mapping[str, str]) -> tuple[Mapping[str, object], str] | None:
    """The options of an engine that would work here, and, as a clause, what speaks for it; None: nothing would."""
    if not has_gpu() or not is_installed():
        return None
    kept = list(models_on_disk(cache_folder(environ)))
    if not kept:
        return None
    found = gpus()
    if not found:
        return None
    best = best_of(kept, device_bytes=found[0].free)
    if best is None:
        return None
    first = found[0]
    size = "" if first.bytes is None else f" with {first.bytes / _GIB:.0f} GiB"
    return {"model": best.name}, f"there is a GPU ({first.words}{size}), and {best.name} is on disk"


def _snapshot(folder: Path) -> Path | None:
    """What the main branch was when it was fetched, else the newest."""
    reference = folder / "refs" / "main"
    try:
        named = folder / "snapshots" / reference.read_text(encoding="utf-8").strip()
        if named.is_dir():
            return named
        return max(
            (one for one in (folder / "snapshots").iterdir() if one.is_dir()), key=lambda one: one.stat().st_mtime
        )
    except (OSError, ValueError):
        try:
            return max((folder / "snapshots").iterdir(), key=lambda one: one.stat().st_mtime, default=None)
        except OSError:
            return None
