"""A model from disk into a device's memory, in the device process: torch and diffusers are imported here, when called.

Nothing is ever downloaded: what is not on disk is a `Cannot` that says which command fetches it.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from limner.engines.diffusers_local.recipes import Memory, Model, Quantised, memory_for, model_in
from limner.engines.diffusers_local.work import Broke, Cannot, Lora, Setup

_PAINTERS: Final = ("transformer", "unet", "prior", "decoder")
"""What the networks that paint are called in pipelines: the ones that are compiled, cached and quantised."""


@dataclass(slots=True, kw_only=True)
class Loaded:
    """A pipeline, ready to be called. `variants`: others over the same weights, made when first needed."""

    pipe: Any
    model: Model
    setup: Setup
    memory: Memory
    dtype: Any
    notes: list[str] = field(default_factory=list)
    variants: dict[str, Any] = field(default_factory=dict)
    loras: list[str] = field(default_factory=list)

    @property
    def is_modular(self) -> bool:
        """Whether it is made of blocks."""
        return self.model.is_modular

    def painters(self) -> list[Any]:
        """The networks that paint."""
        found = (getattr(self.pipe, name, None) for name in _PAINTERS)
        return [one for one in found if one is not None and hasattr(one, "parameters")]

    def for_words(self) -> Any:
        """The pipeline that starts from nothing."""
        return self.pipe

    def for_pictures(self) -> Any:
        """The one that starts from pictures. Raises `Cannot`."""
        recipe = self.setup.recipe
        takes = parameters_of(self.pipe)
        if self.is_modular or recipe.editing == "references":
            if "image" not in takes:
                raise Cannot("this model paints from words alone", param="image")
            return self.pipe
        if "image" in takes and "strength" in takes:
            return self.pipe
        if "over" not in self.variants:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    made = library("diffusers").AutoPipelineForImage2Image.from_pipe(self.pipe)
            except (ValueError, TypeError, AttributeError) as error:
                raise Cannot("this model paints from words alone", said=str(error), param="image") from error
            self.variants["over"] = self._shared(made)
        return self.variants["over"]

    def for_mask(self) -> Any:
        """The one that paints a part of a picture anew. Raises `Cannot`."""
        takes = parameters_of(self.pipe)
        if "mask_image" in takes:
            return self.pipe
        name = self.setup.recipe.mask
        if name is None or self.is_modular:
            raise Cannot("this model takes no mask", param="mask")
        if "mask" not in self.variants:
            diffusers = library("diffusers")
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    if name == "auto":
                        made = diffusers.AutoPipelineForInpainting.from_pipe(self.pipe)
                    else:
                        made = _over_the_same(self.pipe, getattr(diffusers, name))
            except (ValueError, TypeError, AttributeError) as error:
                raise Cannot("this model takes no mask", said=str(error), param="mask") from error
            self.variants["mask"] = self._shared(made)
        return self.variants["mask"]

    def every_pipe(self) -> list[Any]:
        """The pipeline and those made of it."""
        return [self.pipe, *self.variants.values()]

    def _shared(self, made: Any) -> Any:
        """Moving parts in and out of the device is a pipeline's own business: the new one must know of it."""
        for name in ("_all_hooks", "_offload_device", "_offload_gpu_id"):
            if hasattr(self.pipe, name):
                setattr(made, name, getattr(self.pipe, name))
        _no_bars(made)
        return made


def library(name: str) -> Any:
    """The library called `name`. Untyped on purpose: our types hold whether it is installed or not."""
    return importlib.import_module(name)


def parameters_of(pipe: Any) -> frozenset[str]:
    """The names of what a pipeline may be called with."""
    if hasattr(pipe, "blocks"):
        return frozenset(one.name for one in pipe.blocks.inputs if one.name is not None)
    return frozenset(inspect.signature(type(pipe).__call__).parameters)


def _no_bars(pipe: Any) -> None:
    """Also in blocks within blocks."""
    if hasattr(pipe, "set_progress_bar_config"):
        pipe.set_progress_bar_config(disable=True)
    blocks = getattr(pipe, "_blocks", pipe)
    for block in getattr(blocks, "sub_blocks", {}).values():
        _no_bars(block)


def quiet() -> None:
    """Let the libraries neither download nor chatter. Called before they are imported."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "critical")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def folder_of(model: str, *, revision: str | None = None) -> Path:
    """Where a model lies on disk. Raises `Cannot` where it does not."""
    given = Path(model).expanduser()
    if given.is_dir():
        return given
    if given.is_absolute() or model.startswith((".", "~")):
        raise Cannot(f"there is no folder {model}")
    try:
        found = library("huggingface_hub").snapshot_download(model, revision=revision, local_files_only=True)
    except (OSError, ValueError) as error:
        raise Cannot(
            f"the model {model} is not on disk: `limner models pull {model}` fetches it", said=str(error)
        ) from error
    return Path(found)


def load(setup: Setup) -> Loaded:
    """Load the model, and put it where `setup` or the device's memory says.

    Raises `Cannot` with a sentence for what is not there or cannot be, `Broke` for files that are broken.
    """
    quiet()
    folder = folder_of(setup.model, revision=setup.revision)
    try:
        model = model_in(folder, name=setup.model)
    except ValueError as error:
        raise Cannot(str(error)) from error
    torch = library("torch")
    library("diffusers.utils.logging").disable_progress_bar()
    if setup.threads is not None:
        torch.set_num_threads(setup.threads)
    device = _device(setup.device)
    dtype = getattr(torch, setup.dtype or (setup.recipe.dtype if device.type != "cpu" else "float32"))
    memory = _memory(setup, model, device, is_single=dtype == torch.float32)
    pipe = _pipeline(folder, setup, model, dtype, memory)
    _no_bars(pipe)
    loaded = Loaded(pipe=pipe, model=model, setup=setup, memory=memory, dtype=dtype)
    _place(loaded, device)
    if memory.why:
        loaded.notes.append(f"kept {memory.keeping}, quantised {memory.quantised}: {memory.why}")
    if setup.attention is not None:
        _attention(loaded, setup.attention)
    for name, lora in setup.loras.items():
        _lora(loaded, name, lora)
    return loaded


def _device(name: str) -> Any:
    torch = library("torch")
    device = torch.device(name)
    kind = device.type
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
        "xpu": hasattr(torch, "xpu") and torch.xpu.is_available(),
    }
    if not there.get(kind, False):
        raise Cannot(f"there is no device {name} that this build of torch ({torch.__version__}) can use")
    if kind == "cuda":
        torch.cuda.set_device(device.index or 0)
    return device


def free_bytes(device: str) -> int | None:
    """How much of the device's memory is free; None: it has none of its own."""
    torch = library("torch")
    if torch.device(device).type == "cuda":
        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    return None


def used_bytes(device: str) -> int | None:
    """How much of the device's memory this process holds; None: it has none of its own."""
    torch = library("torch")
    if torch.device(device).type == "cuda":
        return int(torch.cuda.memory_allocated(torch.device(device)))
    return None


def can_quantise() -> frozenset[Quantised]:
    """What the libraries at hand are able to do."""
    found: set[Quantised] = {"none"}
    if importlib.util.find_spec("torchao") is not None:
        found.add("int8")
    if importlib.util.find_spec("bitsandbytes") is not None:
        found |= {"int8", "nf4"}
    return frozenset(found)


def _memory(setup: Setup, model: Model, device: Any, *, is_single: bool) -> Memory:
    able = can_quantise()
    if setup.quantised is not None and setup.quantised not in able:
        needs = "bitsandbytes" if setup.quantised == "nf4" else "torchao or bitsandbytes"
        raise Cannot(f"weights as {setup.quantised} need the package {needs}, which is not installed")
    if setup.keeping is not None:
        if device.type == "cpu" and setup.keeping != "whole":
            raise Cannot(f"keeping = {setup.keeping!r} moves parts to an accelerator; the device is the cpu")
        return Memory(keeping=setup.keeping, quantised=setup.quantised or "none", why="set so")
    factor = 2 if is_single else 1
    chosen = memory_for(
        device_bytes=free_bytes(str(device)),
        part_bytes={name: size * factor for name, size in model.part_bytes.items()},
        recipe=setup.recipe,
        can_quantise=able if setup.quantised is None else frozenset(),
    )
    if setup.quantised is not None:
        return Memory(keeping=chosen.keeping, quantised=setup.quantised, why=chosen.why)
    return chosen


def _pipeline(folder: Path, setup: Setup, model: Model, dtype: Any, memory: Memory) -> Any:
    diffusers = library("diffusers")
    given: dict[str, Any] = {"dtype": dtype, "local_files_only": True}
    if setup.variant is not None:
        given["variant"] = setup.variant
    if memory.quantised != "none" and not model.is_modular:
        given["quantization_config"] = _quantising(memory.quantised, model, dtype)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not model.is_modular:
                return diffusers.DiffusionPipeline.from_pretrained(str(folder), **given)
            pipe = diffusers.ModularPipeline.from_pretrained(str(folder), local_files_only=True)
            pipe.load_components(**given)
    except Exception as error:  # whatever a library says of a folder: it is the folder that is wrong
        if "torchvision" in str(error) and importlib.util.find_spec("torchvision") is None:
            raise Cannot("this model needs the package torchvision, of the build that goes with torch") from error
        raise Broke(f"the model in {folder} cannot be loaded", said=f"{type(error).__name__}: {error}") from error
    missing = [
        name
        for name, spec in pipe._component_specs.items()  # noqa: SLF001 - a part that failed is only logged by the library
        if spec.default_creation_method == "from_pretrained"
        and spec.pretrained_model_name_or_path is not None
        and getattr(pipe, name, None) is None
    ]
    if missing:
        raise Broke(f"the model in {folder} cannot be loaded: there is no {', '.join(missing)} on disk")
    return pipe


def _quantising(quantised: Quantised, model: Model, dtype: Any) -> Any:
    """The painting networks and the text encoders: all else is small, and sensitive."""
    config = library("diffusers").PipelineQuantizationConfig
    parts = [name for name in model.part_bytes if name in _PAINTERS or name.startswith("text_encoder")]
    if quantised == "nf4":
        return config(
            quant_backend="bitsandbytes_4bit",
            quant_kwargs={"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype},
            components_to_quantize=parts,
        )
    if importlib.util.find_spec("torchao") is not None:
        int8 = library("torchao.quantization").Int8WeightOnlyConfig()
        return config(quant_backend="torchao", quant_kwargs={"quant_type": int8}, components_to_quantize=parts)
    return config(quant_backend="bitsandbytes_8bit", quant_kwargs={"load_in_8bit": True}, components_to_quantize=parts)


def _place(loaded: Loaded, device: Any) -> None:
    """Move it to its device, or let it be moved there piece by piece."""
    torch = library("torch")
    pipe, keeping = loaded.pipe, loaded.memory.keeping
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.requires_grad_(requires_grad=False)
    if loaded.is_modular and keeping == "model":
        keeping = "group"  # blocks have no other
    if keeping == "whole":
        if device.type != "cpu":
            pipe.to(device)
    elif keeping == "model":
        pipe.enable_model_cpu_offload(device=device)
    elif hasattr(pipe, "enable_group_offload"):
        pipe.enable_group_offload(
            onload_device=device,
            offload_device=torch.device("cpu"),
            offload_type="leaf_level",
            use_stream=device.type == "cuda",
        )
    else:
        _group(pipe, device)


def _group(pipe: Any, device: Any) -> None:
    """Blocks have no word for it: part by part."""
    module = library("torch").nn.Module
    for part in pipe.components.values():
        if isinstance(part, module):
            library("diffusers.hooks").apply_group_offloading(
                part, onload_device=device, offload_type="leaf_level", use_stream=device.type == "cuda"
            )


def _attention(loaded: Loaded, backend: str) -> None:
    for painter in loaded.painters():
        if not hasattr(painter, "set_attention_backend"):
            loaded.notes.append(f"attention {backend}: {type(painter).__name__} has no choice of it")
            continue
        try:
            painter.set_attention_backend(backend)
        except Exception as error:
            raise Cannot(f"the attention backend {backend} is not to be had here", said=str(error)) from error


def _lora(loaded: Loaded, name: str, lora: Lora) -> None:
    pipe = loaded.pipe
    if not hasattr(pipe, "load_lora_weights"):
        raise Cannot(f"loras.{name}: models of the family {loaded.setup.recipe.name} take no lora")
    given: dict[str, Any] = {"adapter_name": adapter(name), "local_files_only": True}
    where = Path(lora.where).expanduser()
    if where.is_file():
        where, given["weight_name"] = where.parent, where.name
    elif lora.file is not None:
        given["weight_name"] = lora.file
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pipe.load_lora_weights(str(where) if where.exists() else lora.where, **given)
    except Exception as error:
        raise Cannot(f"loras.{name}: {lora.where} cannot be loaded", said=f"{type(error).__name__}: {error}") from error
    loaded.loras.append(name)
    # Loaded is not chosen: a request chooses.
    pipe.disable_lora()


def adapter(name: str) -> str:
    """What a lora is called inside: a name that is part of a module's may hold no dot."""
    return "lora_" + "".join(letter if letter.isalnum() else f"_{ord(letter):x}_" for letter in name)


def _over_the_same(pipe: Any, kind: Any) -> Any:
    """A pipeline of another kind over the same parts. The library's own way would change how many bits they have."""
    wanted = set(inspect.signature(kind.__init__).parameters) - {"self", "args", "kwargs"}
    parts = {name: part for name, part in pipe.components.items() if name in wanted}
    settings = {name: pipe.config[name] for name in wanted - set(parts) if name in pipe.config}
    return kind(**parts, **settings)
