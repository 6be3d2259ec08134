"""The painting itself, in a device process: jobs in, finished and unfinished pictures out.

One pipeline, one call of it at a time. Steps are watched where they happen, in the scheduler's `step`: every pipeline has
one, of blocks or not, and an exception from there ends any of them cleanly.

The same seed gives the same bytes as long as a picture is painted alone, on the same kind of device with the same versions.
In a batch the device adds up in another order, and the last bits may differ: jobs whose seed was asked for are never batched.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import io
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from limner.domain.spec import OutputFormat, Quality
from limner.engines.diffusers_local import loading, previews
from limner.engines.diffusers_local.troubles import Kind, kind_of
from limner.engines.diffusers_local.work import (
    Broke,
    Cancelled,
    Cannot,
    DeviceLost,
    Done,
    Job,
    Opened,
    OutOfMemory,
    Refused,
    Setup,
    Step,
    Told,
    Trouble,
    Unfinished,
    is_surplus,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    Pixels = NDArray[np.uint8]

logger = logging.getLogger(__name__)

Tell = Callable[[int, Told], None]
IsCancelled = Callable[[int], bool]

_PAYS: Final = 0.97
"""Of the time without it: what is not at least that much quicker is dropped."""
_WARM_STEPS: Final = 2
_CACHES: Final = {
    "first_block": ("FirstBlockCacheConfig", True),
    "sea": ("SeaCacheConfig", True),
    "taylorseer": ("TaylorSeerCacheConfig", False),
}
"""What the library calls them, and whether they take a threshold."""
_MASK_SOFT: Final = 2
_HALF: Final = 128


@dataclass(frozen=True, slots=True)
class _Place:
    """One picture to be painted: the job's place among those given, the job, and which of its pictures."""

    number: int
    job: Job
    index: int

    @property
    def seed(self) -> int:
        return self.job.seeds[self.index]


class Studio:
    """A model in a device's memory, and how to paint with it. Not for several threads."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._loaded: loading.Loaded | None = None
        self._chosen: tuple[tuple[str, float], ...] = ()
        self._decoder: Any = None
        self._decoder_sought = False
        # From how many pixels on memory ran out: what is as large is decoded in tiles, or painted fewer at once.
        self._tiled_from: int | None = 1 if setup.tiling == "always" else None
        self._is_tiled = False
        self._at_once: dict[tuple[int, int], int] = {}

    @property
    def loaded(self) -> loading.Loaded:
        """The model. Only when open."""
        assert self._loaded is not None, "a studio is opened first"
        return self._loaded

    def open(self) -> Opened:
        """Load the model; takes seconds to minutes. Raises a `Trouble`."""
        began = time.monotonic()
        kind, said = self._attempt(self._open)
        if kind is not None:
            raise _trouble(kind, said, doing=f"loading {self.setup.model}")
        loaded = self.loaded
        return Opened(
            pipeline=type(loaded.pipe).__name__,
            dtype=str(loaded.dtype).removeprefix("torch."),
            seconds=time.monotonic() - began,
            bytes_used=loading.used_bytes(self.setup.device),
            notes=tuple(loaded.notes),
        )

    def _open(self) -> None:
        self._loaded = loading.load(self.setup)

    def close(self) -> None:
        """Give the memory back."""
        self._loaded = None
        self._decoder = None
        self._free()

    # painting ------------------------------------------------------------------------------------------------------------

    def paint(self, jobs: Sequence[Job], *, cancelled: IsCancelled, tell: Tell) -> None:
        """Paint `jobs`: one, or several that have the same `key`.

        `cancelled(number)`: whether nobody wants job `number` (its place in `jobs`) any more; asked at every step. A job of
        several that is cancelled is told of no more; when all are, the call ends within one step. `tell(number, what)`:
        called for everything that there is to know of job `number`. Both are called in this thread, between two steps.

        Raises `Cancelled` when all jobs were cancelled, or a `Trouble`, which is that of all jobs not told `Done` of.
        """
        assert len(jobs) == 1 or {job.key for job in jobs} == {jobs[0].key} != {None}, "jobs that go together"
        places = [_Place(number, job, index) for number, job in enumerate(jobs) for index in range(len(job.seeds))]
        at_once = 1 if jobs[0].key is None else jobs[0].pictures_at_once
        at_once = min(at_once, self._at_once.get((jobs[0].width, jobs[0].height), at_once))
        ticker = _Ticker(jobs, calls=math.ceil(len(places) / at_once), tell=tell)
        while places:
            now, places = places[:at_once], places[at_once:]
            if not all(cancelled(place.number) for place in now):
                # Those of the next call may be another job's.
                with contextlib.suppress(Cancelled):
                    self._paint(now, ticker, cancelled, tell)
            at_once = min(at_once, self._at_once.get((jobs[0].width, jobs[0].height), at_once))
        if all(cancelled(number) for number in range(len(jobs))):
            raise Cancelled

    def _paint(self, places: list[_Place], ticker: _Ticker, cancelled: IsCancelled, tell: Tell) -> None:
        """Paint these in one call; in smaller ones where memory does not hold them."""
        job = places[0].job
        size = (job.width, job.height)
        self._tile(job.width * job.height)
        kind, said = self._attempt(lambda: self._call(places, ticker, cancelled, tell))
        if kind is None:
            ticker.next_call()
            return
        if kind == "memory":
            self._free()
            if len(places) > 1:
                half = len(places) // 2
                self._at_once[size] = half
                logger.warning("memory ran out for %d pictures of %dx%d at once: now %d", len(places), *size, half)
                for start in range(0, len(places), half):
                    self._paint(places[start : start + half], ticker, cancelled, tell)
                return
            before = self._tiled_from
            if self._tile_more(job.width * job.height):
                logger.warning("memory ran out for %dx%d: decoding in tiles from now on", *size)
                try:
                    self._paint(places, ticker, cancelled, tell)
                except OutOfMemory:
                    # It was not the decoding.
                    self._tiled_from = before
                    raise
                return
        raise _trouble(kind, said, doing=f"painting {job.width}x{job.height}")

    def _attempt(self, work: Callable[[], None]) -> tuple[Kind | None, str]:
        """Do it; what went wrong comes back as words, so that nothing holds on to the memory that it used."""
        try:
            work()
        except (Trouble, Cancelled):
            self._clear_up()
            raise
        except Exception as error:
            kind, said = kind_of(error), f"{type(error).__name__}: {error}"
            logger.debug("the pipeline raised", exc_info=True)
        else:
            return None, ""
        if kind != "lost":
            self._clear_up()
        return kind, said

    def _clear_up(self) -> None:
        """After a call that did not come to its end: parts back to where they wait, caches forgotten."""
        if self._loaded is None:
            return
        with contextlib.suppress(Exception):
            for painter in self._loaded.painters():
                if hasattr(painter, "_reset_stateful_cache"):
                    painter._reset_stateful_cache()  # noqa: SLF001 - what pipelines do themselves at the end
            for pipe in self._loaded.every_pipe():
                if hasattr(pipe, "maybe_free_model_hooks"):
                    pipe.maybe_free_model_hooks()

    def _free(self) -> None:
        """What nobody holds on to goes back to the device."""
        torch = loading.library("torch")
        gc.collect()
        with contextlib.suppress(Exception):
            if torch.device(self.setup.device).type == "cuda":
                torch.cuda.empty_cache()
            elif torch.device(self.setup.device).type == "mps":
                torch.mps.empty_cache()

    def _tile(self, pixels: int) -> None:
        """Decode in pieces where pictures of that size need it, and only there: it can be seen, if one looks closely."""
        is_wanted = self._tiled_from is not None and pixels >= self._tiled_from
        vae: Any = getattr(self.loaded.pipe, "vae", None)
        if is_wanted != self._is_tiled and hasattr(vae, "enable_tiling"):
            (vae.enable_tiling if is_wanted else vae.disable_tiling)()
            self._is_tiled = is_wanted

    def _tile_more(self, pixels: int) -> bool:
        if self._is_tiled or self.setup.tiling == "off":
            return False
        if not hasattr(getattr(self.loaded.pipe, "vae", None), "enable_tiling"):
            return False
        self._tiled_from = pixels
        return True

    # one call ------------------------------------------------------------------------------------------------------------

    def _call(self, places: list[_Place], ticker: _Ticker, cancelled: IsCancelled, tell: Tell) -> None:
        job = places[0].job
        self._choose(job.loras)
        pipe, given, before = self._asked(places)
        watch = _Watch(
            studio=self,
            pipe=pipe,
            places=places,
            ticker=ticker,
            cancelled=cancelled,
            tell=tell,
            steps=given.get("num_inference_steps", 1),
            begins_late="strength" in given,
        )
        with watch.watching():
            if self.loaded.is_modular:
                pictures, flagged = pipe(**given, output="images"), None
            else:
                output = pipe(**given)
                pictures, flagged = output.images, getattr(output, "nsfw_content_detected", None)
        notes: tuple[str, ...] = ()
        if len(places) > 1:
            notes = ("painted together with others: alone, the same seed may differ in the last bits",)
        if self._is_tiled:
            notes = (*notes, "decoded in tiles, as memory is short")
        # A flaw of one is told when the others have theirs.
        is_refused = False
        for place, pixels in zip(places, pixels_of(pictures), strict=True):
            if cancelled(place.number):
                continue
            if flagged is not None and flagged[places.index(place)]:
                is_refused = True
                continue
            kept = pixels if before is None else before.kept(pixels)
            tell(place.number, Done(place.index, self.file_of(kept, place.job), place.seed, notes))
        if is_refused:
            raise Refused("the model's own checker does not let this picture through")

    def _asked(self, places: list[_Place]) -> tuple[Any, dict[str, Any], _Before | None]:
        """Which pipeline is called with what."""
        torch = loading.library("torch")
        job, recipe, loaded = places[0].job, self.setup.recipe, self.loaded
        before = None
        if job.mask is not None:
            pipe = loaded.for_mask()
        elif job.images:
            pipe = loaded.for_pictures()
        else:
            pipe = loaded.for_words()
        takes = loading.parameters_of(pipe)
        steps = job.steps
        given: dict[str, Any] = dict(recipe.fixed)
        if job.images:
            pictures, before = _pictures(job, takes, is_painted_over="strength" in takes)
            given.update(pictures)
            if "strength" in takes:
                given["strength"] = strength = job.strength or (1.0 if job.mask is not None else recipe.strength)
                # Less than one whole step would leave the picture as it is.
                steps = max(steps, math.ceil(1 / strength))
            elif job.strength is not None:
                raise Cannot("strength means nothing here: this model takes pictures as references", param="strength")
        if job.guidance is not None and recipe.guidance_parameter is not None:
            given[recipe.guidance_parameter] = job.guidance
            if recipe.guidance_parameter not in takes and recipe.guidance is None:
                raise Cannot("this model has no guidance", param="guidance_scale")
        given.update(
            height=job.height,
            width=job.width,
            num_inference_steps=steps,
            output_type="pt",
            generator=[torch.Generator("cpu").manual_seed(place.seed) for place in places],
        )
        given.update(_texts(places, takes, default=recipe.negative_default))
        return pipe, {name: value for name, value in given.items() if name in takes}, before

    def _choose(self, loras: tuple[tuple[str, float], ...]) -> None:
        """Let exactly these take part."""
        if loras == self._chosen:
            return
        pipe = self.loaded.pipe
        if not loras:
            pipe.disable_lora()
        else:
            missing = [name for name, _ in loras if name not in self.loaded.loras]
            if missing:
                raise Cannot(f"there is no lora called {missing[0]!r}", param="lora")
            pipe.set_adapters([loading.adapter(name) for name, _ in loras], [scale for _, scale in loras])
            pipe.enable_lora()
        self._chosen = loras

    def file_of(self, pixels: Pixels, job: Job) -> bytes:
        """The encoded file of the size that was asked for."""
        from limner.kit import encode

        pixels = fitted(pixels, width=job.final_width, height=job.final_height)
        match job.output_format:
            case OutputFormat.JPEG:
                return encode.jpeg(pixels, output_compression=job.output_compression)
            case OutputFormat.WEBP:
                return encode.webp(pixels, output_compression=job.output_compression, small=job.small)
            case _:
                return encode.png(pixels, small=job.small, text={"Software": "limner"})

    def decoder(self) -> Any | None:
        """The tiny decoder for unfinished pictures, if it is on disk; None: the model's own is used."""
        if self._decoder_sought:
            return self._decoder
        self._decoder_sought = True
        where = self.setup.preview or self.setup.recipe.preview
        if where is None:
            return None
        with contextlib.suppress(Exception):
            decoder = loading.library("diffusers").AutoencoderTiny.from_pretrained(
                str(loading.folder_of(where)), dtype=self.loaded.dtype, local_files_only=True
            )
            self._decoder = decoder.to(self.setup.device).requires_grad_(requires_grad=False)
        return self._decoder

    # warming up ----------------------------------------------------------------------------------------------------------

    def warm(self, *, width: int, height: int) -> tuple[str, ...]:
        """Paint once for nobody, so that the first caller does not wait for what is made at first use.

        Tries what the setup wants tried: regional compilation, a cache. What breaks or does not pay is dropped. Gives what
        was found out, a sentence each. Raises a `Trouble` if the model does not even paint plainly.
        """
        setup = self.setup
        if setup.recipe.images_min:
            return ("not warmed up: this model needs a picture to start from",)
        job = self._trial(width, height, steps=_WARM_STEPS)
        notes = [f"warmed up at {job.width}x{job.height} in {self._seconds(job):.2f} s"]
        if setup.compiling != "off":
            notes.append(self._try(job, "compilation", self._compile, self._uncompile))
        if setup.cache != "off":
            # A cache leaves out steps: it takes them all to see what it is worth.
            job = self._trial(width, height, steps=setup.recipe.steps[Quality.STANDARD])
            notes.append(self._try(job, f"cache {setup.cache}", self._cache, self._uncache))
        return tuple(notes)

    def _trial(self, width: int, height: int, *, steps: int) -> Job:
        recipe = self.setup.recipe
        size = recipe.painted_size(width, height)
        return Job(
            prompt="a lighthouse at dusk",
            width=size[0],
            height=size[1],
            final_width=size[0],
            final_height=size[1],
            steps=min(steps, recipe.steps[Quality.STANDARD]),
            guidance=None if recipe.guidance is None else recipe.guidance[Quality.STANDARD],
            seeds=(0,),
            is_watched=False,
        )

    def _try(self, job: Job, name: str, on: Callable[[], None], off: Callable[[], None]) -> str:
        """Keep what `on` does if pictures still come out, and (unless it was simply ordered) sooner."""
        is_ordered = name == "compilation" and self.setup.compiling == "on"
        try:
            plain = min(self._seconds(job) for _ in range(2))
            on()
            self._seconds(job)
            after = min(self._seconds(job) for _ in range(2))
        except DeviceLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is that breaks, we go on without
            off()
            said = error.said if isinstance(error, Trouble) else f"{type(error).__name__}: {error}"
            self._seconds(job)
            return f"{name} is off: it breaks with this model ({said.splitlines()[0][:200] if said else 'no reason'})"
        found = f"{plain:.2f} s before, {after:.2f} s after"
        if is_ordered or after <= plain * _PAYS:
            return f"{name} is on: {found}"
        off()
        return f"{name} is off: it does not pay ({found})"

    def _seconds(self, job: Job) -> float:
        began = time.perf_counter()
        self.paint([job], cancelled=lambda _: False, tell=lambda *_: None)
        return time.perf_counter() - began

    def _compile(self) -> None:
        done = 0
        for painter in self.loaded.painters():
            if getattr(painter, "_repeated_blocks", None):
                painter.compile_repeated_blocks(fullgraph=True)
                done += 1
        if not done:
            raise Cannot("", said="it has no blocks that are declared to repeat")

    def _uncompile(self) -> None:
        torch = loading.library("torch")
        for painter in self.loaded.painters():
            for module in painter.modules():
                module._compiled_call_impl = None  # noqa: SLF001 - torch has no other way back
        torch._dynamo.reset()  # noqa: SLF001

    def _cache(self) -> None:
        diffusers = loading.library("diffusers")
        threshold = self.setup.cache_threshold
        name, takes = _CACHES[self.setup.cache]
        config: Any = getattr(diffusers, name)
        given = {"threshold": threshold} if threshold is not None and takes else {}
        done = 0
        for painter in self.loaded.painters():
            if hasattr(painter, "enable_cache"):
                painter.enable_cache(config(**given))
                done += 1
        if not done:
            raise Cannot("", said="this model has no place for a cache")

    def _uncache(self) -> None:
        for painter in self.loaded.painters():
            if getattr(painter, "is_cache_enabled", False):
                painter.disable_cache()


def _trouble(kind: Kind, said: str, *, doing: str) -> Trouble:
    match kind:
        case "memory":
            return OutOfMemory(f"the device's memory does not hold it: {doing}", said)
        case "lost":
            return DeviceLost(f"the device does not answer any more: {doing}", said)
        case _:
            return Broke(f"the model broke: {doing}", said)


# watching ----------------------------------------------------------------------------------------------------------------


class _Ticker:
    """Counts the steps of all calls that a job needs, and tells them."""

    def __init__(self, jobs: Sequence[Job], *, calls: int, tell: Tell) -> None:
        self._watched = [number for number, job in enumerate(jobs) if job.is_watched]
        self._calls = calls
        self._done = 0
        self._tell = tell

    def step(self, number: int, of: int, *, is_wanted: Callable[[int], bool]) -> None:
        """`number` of `of` steps of this call are done."""
        for one in self._watched:
            if is_wanted(one):
                self._tell(one, Step(min(self._done * of + number, self._calls * of), self._calls * of))

    def next_call(self) -> None:
        """This call is done."""
        self._done += 1


class _Watch:
    """One call of a pipeline, seen from its scheduler: who wants to know of steps, and whether to go on."""

    def __init__(
        self,
        *,
        studio: Studio,
        pipe: Any,
        places: list[_Place],
        ticker: _Ticker,
        cancelled: IsCancelled,
        tell: Tell,
        steps: int,
        begins_late: bool,
    ) -> None:
        self._steps, self._begins_late = steps, begins_late
        self._partials = max(place.job.partials for place in places)
        self._partials_at: frozenset[int] = frozenset()
        self._studio, self._pipe, self._places = studio, pipe, places
        self._ticker, self._cancelled, self._tell = ticker, cancelled, tell
        self._number = 0
        self._shown = 0
        self._numbers = frozenset(place.number for place in places)
        self._event: Any = None

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """While the pipeline runs."""
        scheduler = getattr(self._pipe, "scheduler", None)
        if scheduler is None or not hasattr(scheduler, "step"):
            yield
            return
        original, own = scheduler.step, vars(scheduler).get("step")

        @functools.wraps(original)
        def step(output: Any, timestep: Any, sample: Any, *rest: Any, **named: Any) -> Any:
            heading = None
            if self._number == 0:
                self._count(scheduler, timestep)
            if self._number + 1 in self._partials_at:
                with contextlib.suppress(Exception):
                    heading = previews.heading_of(scheduler, output, timestep, sample)
            result = original(output, timestep, sample, *rest, **named)
            self._stepped(heading)
            return result

        scheduler.step = step
        try:
            yield
        finally:
            del scheduler.step
            if own is not None:
                scheduler.step = own

    def _count(self, scheduler: Any, timestep: Any) -> None:
        """How many steps there will be.

        Pipelines round on their own where a part of a picture is left, and schedulers of higher order take more than said.
        """
        timesteps = getattr(scheduler, "timesteps", None)
        if timesteps is not None:
            self._steps = len(timesteps)
            if self._begins_late:
                found = (timesteps.cpu() == timestep.cpu()).nonzero()
                self._steps -= int(found[0]) if len(found) else 0
        self._partials_at = previews.wanted_at(steps=self._steps, partials=self._partials)

    def _stepped(self, heading: Any | None) -> None:
        self._number += 1
        self._keep_pace()
        if all(self._cancelled(number) for number in self._numbers):
            raise Cancelled
        self._ticker.step(self._number, self._steps, is_wanted=lambda number: not self._cancelled(number))
        if heading is not None:
            self._show(heading)

    def _keep_pace(self) -> None:
        """Never more than a step ahead of the device: else steps are told, and cancelled, that were only ordered."""
        torch = loading.library("torch")
        if self._studio.setup.device.startswith("cuda"):
            if self._event is not None:
                self._event.synchronize()
            self._event = torch.cuda.Event()
            self._event.record()

    def _show(self, heading: Any) -> None:
        """Unfinished pictures are a courtesy: what goes wrong with one leaves the finished alone."""
        job = self._places[0].job
        try:
            seen = previews.seen(
                self._pipe, heading, width=job.width, height=job.height, decoder=self._studio.decoder()
            )
            if seen is None:
                return
            for place, pixels in zip(self._places, pixels_of(seen), strict=True):
                if self._shown < place.job.partials and not self._cancelled(place.number):
                    data = self._studio.file_of(pixels, place.job)
                    self._tell(place.number, Unfinished(place.index, self._shown, data))
            self._shown += 1
        except Exception as error:
            if kind_of(error) == "lost":
                raise
            logger.debug("no unfinished picture", exc_info=True)


# pixels ------------------------------------------------------------------------------------------------------------------


def pixels_of(pictures: Any) -> list[Pixels]:
    """What a pipeline gives (tensors or arrays from 0 to 1, or pictures) as arrays of bytes (height, width, 3 or 4)."""
    import numpy as np

    torch = loading.library("torch")
    if isinstance(pictures, torch.Tensor):
        # Rounded on the device, so that a quarter of the bytes crosses over.
        whole = pictures.float().mul(255).round_().clamp_(0, 255).to(torch.uint8)
        return list(whole.permute(0, 2, 3, 1).contiguous().cpu().numpy())
    made: list[Pixels] = []
    for picture in pictures:
        if isinstance(picture, torch.Tensor):
            made += pixels_of(picture[None])
        elif isinstance(picture, np.ndarray):
            made.append((picture.astype(np.float32) * 255).round().clip(0, 255).astype(np.uint8))
        else:
            made.append(np.asarray(picture if picture.mode in {"RGB", "RGBA"} else picture.convert("RGB")))
    return made


def fitted(pixels: Pixels, *, width: int, height: int) -> Pixels:
    """Of that size: the middle of it where little is too much, else scaled until it just covers."""
    import numpy as np
    from PIL import Image

    made_height, made_width = pixels.shape[:2]
    if (made_width, made_height) == (width, height):
        return pixels
    if is_surplus((made_width, made_height), (width, height)):
        left, top = (made_width - width) // 2, (made_height - height) // 2
        return np.ascontiguousarray(pixels[top : top + height, left : left + width])
    return np.asarray(_covering(Image.fromarray(pixels), width, height))


def _covering(picture: Image.Image, width: int, height: int) -> Image.Image:
    from PIL import Image

    scale = max(width / picture.width, height / picture.height)
    aside = max(0.0, (picture.width - width / scale) / 2)
    above = max(0.0, (picture.height - height / scale) / 2)
    box = (aside, above, picture.width - aside, picture.height - above)
    return picture.resize((width, height), Image.Resampling.LANCZOS, box=box)


@dataclass(frozen=True, slots=True)
class _Before:
    """A picture of which a part is painted anew, and how much of every pixel that is (0-1), both of the painted size."""

    pixels: Pixels
    share: Any

    def kept(self, painted: Pixels) -> Pixels:
        """The rest as it was, to the last bit."""
        import numpy as np

        if painted.shape != self.pixels.shape:
            return painted
        mixed = painted * self.share + self.pixels * (1 - self.share)
        return np.where(self.share > 0, mixed.round(), self.pixels).astype(np.uint8)


def _pictures(job: Job, takes: frozenset[str], *, is_painted_over: bool) -> tuple[dict[str, Any], _Before | None]:
    """What a pipeline is given to start from. A picture that is painted over is laid where the finished one will be."""
    images = [_opened(data) for data in job.images]
    if not is_painted_over:
        return {"image": images if len(images) > 1 else images[0]}, None
    over = _laid(images[0], job)
    given: dict[str, Any] = {"image": over}
    if len(images) > 1:
        if "image_reference" not in takes:
            raise Cannot(f"this model starts from one picture here; it was given {len(images)}", param="image")
        given["image_reference"] = images[1:]
    if job.mask is None:
        return given, None
    mask = _laid(_mask(job.mask, size=images[0].size), job)
    given["mask_image"] = mask
    return given, _before(over, mask)


def _before(over: Image.Image, mask: Image.Image) -> _Before:
    import numpy as np
    from PIL import ImageFilter

    # Soft on the inside only: what was not to be touched is not.
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(_MASK_SOFT)), dtype=np.float32) / 255
    share = np.where(np.asarray(mask) >= _HALF, soft, 0.0)[:, :, None]
    return _Before(np.asarray(over), share)


def _opened(data: bytes) -> Image.Image:
    """A picture in RGB; what is transparent becomes white."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as opened:
            opened.load()
            if not opened.has_transparency_data:
                return opened.convert("RGB")
            whole = opened.convert("RGBA")
    except (OSError, SyntaxError, ValueError) as error:
        raise Cannot("the picture to start from cannot be decoded", said=str(error), param="image") from error
    page = Image.new("RGB", whole.size, "white")
    page.paste(whole, mask=whole.getchannel("A"))
    return page


def _mask(data: bytes, *, size: tuple[int, int]) -> Image.Image:
    """White where the mask is transparent: there it is painted anew."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "WEBP")) as opened:
            opened.load()
            if not opened.has_transparency_data:
                raise Cannot("the mask has no transparent part: that is what is painted anew", param="mask")
            alpha = opened.convert("RGBA").getchannel("A")
    except (OSError, SyntaxError, ValueError) as error:
        raise Cannot("the mask cannot be decoded", said=str(error), param="mask") from error
    if alpha.size != size:
        raise Cannot(
            f"the mask is as large as the picture, {size[0]}x{size[1]}; it is {alpha.width}x{alpha.height}",
            param="mask",
        )
    return alpha.point(lambda value: 255 - value)


def _laid(picture: Image.Image, job: Job) -> Image.Image:
    """Of the painted size, so that cutting off the surplus gives it back in its place; the surplus repeats the edge."""
    import numpy as np
    from PIL import Image

    made, final = (job.width, job.height), (job.final_width, job.final_height)
    if made == final or not is_surplus(made, final):
        return picture if picture.size == made else _covering(picture, *made)
    inner = picture if picture.size == final else _covering(picture, *final)
    left, top = (made[0] - final[0]) // 2, (made[1] - final[1]) // 2
    around = ((top, made[1] - final[1] - top), (left, made[0] - final[0] - left))
    pixels = np.asarray(inner)
    return Image.fromarray(np.pad(pixels, around if pixels.ndim == 2 else (*around, (0, 0)), mode="edge"))  # noqa: PLR2004


# words -------------------------------------------------------------------------------------------------------------------


def _texts(places: list[_Place], takes: frozenset[str], *, default: str | None) -> dict[str, Any]:
    """Prompts: one with a count where all are the same, which is read once; else one for each."""
    prompts = [place.job.prompt for place in places]
    negatives = [place.job.negative_prompt or default for place in places]
    if any(place.job.negative_prompt for place in places) and "negative_prompt" not in takes:
        raise Cannot("this model takes no negative prompt", param="negative_prompt")
    given: dict[str, Any] = {}
    if len(set(zip(prompts, negatives, strict=True))) == 1 and (len(places) == 1 or "num_images_per_prompt" in takes):
        given.update(prompt=prompts[0], num_images_per_prompt=len(places))
        if negatives[0] is not None:
            given["negative_prompt"] = negatives[0]
        return given
    given.update(prompt=prompts, num_images_per_prompt=1)
    if any(negatives):
        given["negative_prompt"] = [negative or "" for negative in negatives]
    return given
