"""Our engine for open-weights models against a bare loop of the library: `make bench-diffusers`.

One run, in turns: a bare diffusers loop in a process of its own paints a picture, then our whole engine, through its device
process and its pipes, the same one; what else goes on in the computer hits both. Both end with an encoded png in the process
that asked. Without a GPU a tiny pipeline is painted on the cpu, large enough that steps are no mere overhead; with an NVIDIA
GPU a model of full size with random weights.

    python benchmarks/diffusers.py [--rounds 12] [--size 512] [--steps N] [--model FOLDER] [--tiny]
"""

from __future__ import annotations

import sys
from pathlib import Path

# This file is called as the library is: its folder must not be looked in first.
sys.path[:] = [one for one in sys.path if Path(one or ".").resolve() != Path(__file__).resolve().parent]
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

import argparse  # noqa: E402
import asyncio  # noqa: E402
import contextlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402
from typing import Any  # noqa: E402

from limner.domain.spec import Background, OutputFormat, Picture, Progress, Quality, Spec, Style  # noqa: E402
from limner.engines.diffusers_local import Plug, looking  # noqa: E402


def main() -> None:
    """Measure, and print a table."""
    read = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    read.add_argument("--rounds", type=int, default=12)
    read.add_argument(
        "--size", type=int, default=0, help="width and height in pixels; 0: 256 on the cpu, 1024 on a GPU"
    )
    read.add_argument("--steps", type=int, default=0, help="0: 20 on the cpu, 4 on a GPU")
    read.add_argument("--model", default="", help="a model's folder; without it one with random weights is made")
    read.add_argument("--tiny", action="store_true", help="the tiny pipeline, also where there is a GPU")
    read.add_argument("--bare", help=argparse.SUPPRESS)
    given = read.parse_args()
    if given.bare:
        bare(json.loads(given.bare))
        return
    if not looking.is_installed():
        sys.exit("bench-diffusers: limner[diffusers] is not installed: `make diffusers`")
    gpus = [] if given.tiny else [one for one in looking.gpus() if one.device.startswith("cuda")]
    device = gpus[0].device if gpus else "cpu"
    if gpus:
        print(f"GPU: {gpus[0].words}")
    else:
        print(
            "no GPU here" if not given.tiny else "GPU left alone (--tiny)", "- a tiny pipeline on the cpu; says nothing"
        )
        print("of a GPU's speed, and all of what our engine adds to a picture")
    with tempfile.TemporaryDirectory() as folder:
        model = given.model or str(made(Path(folder) / "klein", is_full=bool(gpus)))
        setting = {
            "model": model,
            "device": device,
            "dtype": "bfloat16" if gpus else "float32",
            "size": given.size or (1024 if gpus else 256),
            "steps": given.steps or (4 if gpus else 20),
        }
        asyncio.run(measure(setting, rounds=given.rounds))


def made(folder: Path, *, is_full: bool) -> Path:
    """A FLUX.2 klein with random weights: of full size (4B and Qwen3-4B), or tiny."""
    if not is_full:
        from support.tiny import build

        return build("klein", folder)
    return full(folder)


def full(folder: Path) -> Path:
    """The classes and sizes of FLUX.2 [klein] 4B; the tokenizer is the tiny one, which changes no timing of the model."""
    import torch
    from diffusers import AutoencoderKLFlux2, DiffusionPipeline, Flux2KleinPipeline, Flux2Transformer2DModel
    from transformers import Qwen3Config, Qwen3ForCausalLM

    from support.tiny import build

    tiny = DiffusionPipeline.from_pretrained(str(build("klein", folder.parent / "tiny")), local_files_only=True)
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        transformer = Flux2Transformer2DModel(
            patch_size=1,
            in_channels=128,
            num_layers=5,
            num_single_layers=20,
            attention_head_dim=128,
            num_attention_heads=24,
            joint_attention_dim=7680,
            guidance_embeds=False,
        )
        words = Qwen3ForCausalLM(
            Qwen3Config(
                hidden_size=2560,
                intermediate_size=9728,
                num_hidden_layers=36,
                num_attention_heads=32,
                num_key_value_heads=8,
                head_dim=128,
                vocab_size=151936,
            )
        )
        vae = AutoencoderKLFlux2()
    torch.set_default_dtype(torch.float32)
    pipe = Flux2KleinPipeline(
        scheduler=tiny.scheduler,
        vae=vae,
        text_encoder=words,
        tokenizer=tiny.tokenizer,
        transformer=transformer,
        is_distilled=True,
    )
    pipe.save_pretrained(str(folder))
    del pipe, transformer, words, vae
    torch.cuda.empty_cache()
    return folder


def bare(setting: dict[str, Any]) -> None:
    """The loop that we are measured against: a line in, a picture out, nothing else."""
    os.environ.update(HF_HUB_OFFLINE="1", DIFFUSERS_VERBOSITY="critical", TRANSFORMERS_VERBOSITY="error")
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    import torch
    from diffusers import DiffusionPipeline
    from diffusers.utils import logging as library_logging

    from limner.kit import encode

    if setting["threads"]:
        torch.set_num_threads(setting["threads"])
    library_logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = DiffusionPipeline.from_pretrained(
            setting["model"], dtype=getattr(torch, setting["dtype"]), local_files_only=True
        )
    pipe.to(setting["device"])
    pipe.set_progress_bar_config(disable=True)
    answers.write(b"\0" * 8)
    for line in sys.stdin:
        seed = int(line)
        pixels = pipe(
            prompt="a lighthouse at dusk",
            width=setting["size"],
            height=setting["size"],
            num_inference_steps=setting["steps"],
            guidance_scale=1.0,
            output_type="pt",
            generator=torch.Generator("cpu").manual_seed(seed),
        ).images
        whole = pixels.float().mul(255).round_().clamp_(0, 255).to(torch.uint8)
        data = encode.png(whole.permute(0, 2, 3, 1).contiguous().cpu().numpy()[0])
        answers.write(len(data).to_bytes(8, "big"))
        rest = memoryview(data)
        while rest:
            rest = rest[answers.write(rest) :]


async def measure(setting: dict[str, Any], *, rounds: int) -> None:
    """Both in turns, then what only our engine does."""
    setting["threads"] = 0 if setting["device"] != "cpu" else max(1, (os.cpu_count() or 2) // 2)
    other = subprocess.Popen(  # noqa: ASYNC220 - ourselves
        [sys.executable, __file__, "--bare", json.dumps(setting)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    size, steps = setting["size"], setting["steps"]
    options: dict[str, object] = {"model": setting["model"], "device": setting["device"], "dtype": setting["dtype"]}
    if setting["threads"]:
        options["threads"] = setting["threads"]
    if setting["device"] != "cpu":
        options["memory"] = "full"
    plug = Plug({**options, "batch": 4, "batch_sizes": {f"{edge}x{edge}": 4 for edge in (size, 256, 512)}})
    await plug.open()
    try:
        await asyncio.to_thread(turn, other, None)
        for seed in range(2):  # what is made at the first calls
            await asyncio.to_thread(turn, other, seed)
            await picture(plug, size, steps, seed)
        pairs = []
        for seed in range(rounds):
            if seed % 2:
                ours = await picture(plug, size, steps, seed)
                theirs = await asyncio.to_thread(turn, other, seed)
            else:
                theirs = await asyncio.to_thread(turn, other, seed)
                ours = await picture(plug, size, steps, seed)
            pairs.append((theirs, ours))
        theirs, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
        overhead = statistics.median(ours / theirs - 1 for theirs, ours in pairs)
        rows = [
            ("picture", f"{size}x{size}, {steps} steps, {setting['dtype']} on {setting['device']}, {rounds} pairs"),
            ("bare loop, median", f"{theirs * 1000:.1f} ms"),
            ("our engine, median", f"{ours * 1000:.1f} ms"),
            ("overhead, median of pairs", f"{overhead * 100:+.2f} %  (at most 5 %, goal 1 %)"),
            ("overhead of the sums", f"{(sum(o for _, o in pairs) / sum(t for t, _ in pairs) - 1) * 100:+.2f} %"),
        ]
        rows += [
            (f"batch gain at {edge}x{edge}", await batches(plug, edge, steps)) for edge in sorted({256, 512, size})
        ]
        rows.append(("cancel, until the next begins", await cancelled(plug, size)))
        rows.append(("memory", memory(plug, other)))
    finally:
        await plug.close()
        other.kill()
        other.wait()
    width = max(len(name) for name, _ in rows)
    print("\n".join(f"{name:<{width}}  {value}" for name, value in rows))


def turn(other: subprocess.Popen[bytes], seed: int | None) -> float:
    """A picture of the bare loop, in seconds; None: wait until it is ready."""
    assert other.stdin is not None
    assert other.stdout is not None
    began = time.perf_counter()
    if seed is not None:
        other.stdin.write(f"{seed}\n".encode())
        other.stdin.flush()
    length = other.stdout.read(8)
    if len(length) < 8:
        sys.exit("bench-diffusers: the bare loop ended")
    other.stdout.read(int.from_bytes(length, "big"))
    return time.perf_counter() - began


def spec(size: int, steps: int, seed: int | None, *, n: int = 1) -> Spec:
    """What is asked of our engine."""
    return Spec(
        prompt="a lighthouse at dusk",
        n=n,
        width=size,
        height=size,
        quality=Quality.STANDARD,
        style=Style.VIVID,
        background=Background.OPAQUE,
        output_format=OutputFormat.PNG,
        output_compression=100,
        seed=seed,
        extras={"steps": steps},
    )


async def picture(plug: Plug, size: int, steps: int, seed: int | None, *, n: int = 1) -> float:
    """One request to our engine, in seconds."""
    began = time.perf_counter()
    count = 0
    async for shown in plug.paint(spec(size, steps, seed, n=n)):
        count += isinstance(shown, Picture)
    assert count == n, "all of them"
    return time.perf_counter() - began


async def batches(plug: Plug, size: int, steps: int) -> str:
    """Four at once against four in a row; a seed that was asked for keeps each by itself."""
    gains = []
    await picture(plug, size, steps, None, n=4)
    for _ in range(4):
        alone = await picture(plug, size, steps, 1, n=4)
        together = await picture(plug, size, steps, None, n=4)
        gains.append(alone / together)
    return f"{statistics.median(gains):.2f} x (4 at once)"


async def cancelled(plug: Plug, size: int) -> str:
    """From leaving in the middle until the device takes the next one, beside the time of one step."""
    waits, step_times = [], []
    for _ in range(5):
        seen: list[float] = []
        painting = plug.paint(spec(size, 100, 1))
        async with contextlib.aclosing(painting):
            async for shown in painting:
                if isinstance(shown, Progress) and shown.share > 0:
                    seen.append(time.perf_counter())
                if len(seen) == 3:
                    break
        left = time.perf_counter()
        while plug.health()[0].busy:  # noqa: ASYNC110 - another process stops
            await asyncio.sleep(0.0005)
        waits.append(time.perf_counter() - left)
        step_times.append((seen[-1] - seen[0]) / (len(seen) - 1))
    return f"{statistics.median(waits) * 1000:.1f} ms (one step: {statistics.median(step_times) * 1000:.1f} ms)"


def memory(plug: Plug, other: subprocess.Popen[bytes]) -> str:
    """What both processes hold: of the computer, and of the device."""
    ours, theirs = resident(plug.pids()[0]), resident(other.pid)
    device = (plug.health()[0].details or {}).get("memory")
    return f"ours {ours:.0f} MB, bare {theirs:.0f} MB resident" + (f"; ours {device} on the device" if device else "")


def resident(pid: int) -> float:
    """Megabytes."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return float("nan")


if __name__ == "__main__":
    main()
