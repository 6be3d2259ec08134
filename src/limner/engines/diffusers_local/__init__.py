"""Open-weights models on this machine, by diffusers: `plug = "diffusers_local"`, one process for each device.

`Plug` runs in the server and only hands out work: the model lives in device processes (`pool`, `device`, `studio`). Importing
this package loads neither torch nor diffusers; without the extra limner[diffusers] an engine can be named, but not opened.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from limner.domain.spec import OutputFormat, Partial, Picture, Progress, Shown, Spec
from limner.engines import EngineUnavailable, Health, SourceType

if TYPE_CHECKING:
    from limner.engines.diffusers_local.pool import Pool
    from limner.engines.diffusers_local.recipes import Recipe

__all__ = ["Plug"]


class Plug:
    """The engine. Options: see `options`, docs/diffusers.md."""

    needs_options: ClassVar[bool] = True
    output_formats: frozenset[OutputFormat] = frozenset({OutputFormat.PNG, OutputFormat.JPEG, OutputFormat.WEBP})
    source_type: SourceType = SourceType.TRAINED

    def __init__(self, options: Mapping[str, object]) -> None:
        from limner.engines.diffusers_local import recipes
        from limner.engines.diffusers_local.options import options_of

        self._options = options_of(options)
        self._recipe = _recipe(self._options.model, self._options.recipe, self._options.revision)
        self._recipe = self._recipe.overridden(self._options.changes)
        recipes.check_licence(self._recipe, accepted=self._options.accept_licence)
        self._pool: Pool | None = None

    @staticmethod
    def look_around(environ: Mapping[str, str]) -> tuple[Mapping[str, object], str] | None:
        """A GPU and a model on disk: options for them, and a clause that says so. None, quickly, where there is none."""
        from limner.engines.diffusers_local import looking

        return looking.look_around(environ)

    @property
    def images_max(self) -> int:
        """As many as the model's family takes."""
        return self._recipe.images_max

    def formats(self, model: str) -> frozenset[OutputFormat]:  # noqa: ARG002 - there is one model
        """All of them."""
        return self.output_formats

    def extras(self, model: str) -> Collection[str]:  # noqa: ARG002 - there is one model
        """What the model's family takes."""
        from limner.engines.diffusers_local.work import extras_of

        return extras_of(self._recipe, has_loras=bool(self._options.loras))

    def health(self) -> Sequence[Health]:
        """How the devices are."""
        return () if self._pool is None else self._pool.health()

    def pids(self) -> list[int]:
        """The ids of the device processes."""
        return [] if self._pool is None else self._pool.pids()

    async def open(self) -> None:
        """Start the device processes. They load the model in their own time: requests wait for it."""
        import asyncio

        from limner.engines.diffusers_local import looking
        from limner.engines.diffusers_local.options import AUTO
        from limner.engines.diffusers_local.pool import Pool

        assert self._pool is None, "opened twice"
        if not looking.is_installed():
            raise EngineUnavailable(
                "Models on this machine need limner[diffusers], which is not installed.",
                said="`make diffusers` installs it, or pip install 'limner[diffusers]' beside a build of torch",
            )
        devices = self._options.devices
        if devices == (AUTO,):
            found = await asyncio.to_thread(looking.gpus) if looking.has_gpu() else []
            devices = tuple(one.device for one in found) or ("cpu",)
        self._pool = Pool(self._options, recipe=self._recipe, devices=devices)
        self._pool.open()

    async def close(self) -> None:
        """End the device processes; unfinished pictures are abandoned."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def paint(self, spec: Spec) -> AsyncGenerator[Shown]:
        """The spec's pictures, each as soon as it is done, and how far it is in between."""
        from contextlib import aclosing

        from limner.engines.diffusers_local.work import Done, Step, Unfinished, hints_of, job_of

        assert self._pool is not None, "painted before it was opened"
        loras = {name: lora.scale for name, lora in self._options.loras.items()}
        size = self._recipe.painted_size(spec.width, spec.height)
        at_once = self._options.pictures_at_once(*size, recipe=self._recipe)
        job = job_of(spec, self._recipe, loras=loras, pictures_at_once=at_once)
        hints = hints_of(spec)
        shares: dict[int, float] = {}
        if self._pool.is_loading:
            yield Progress(share=0.0)
        async with aclosing(self._pool.paint(job)) as told:
            async for offset, pictures, what, device in told:
                match what:
                    case Step():
                        shares[offset] = what.number / what.of * pictures
                        yield Progress(share=min(1.0, sum(shares.values()) / spec.n))
                    case Unfinished():
                        yield Partial(
                            index=offset + what.index,
                            number=what.number,
                            data=what.data,
                            output_format=spec.output_format,
                        )
                    case Done():
                        yield Picture(
                            index=offset + what.index,
                            data=what.data,
                            output_format=spec.output_format,
                            width=spec.width,
                            height=spec.height,
                            seed=what.seed,
                            revised_prompt=spec.prompt,
                            part=device,
                            notes=(*job.notes, *what.notes, *hints),
                        )


def _recipe(model: str, name: str | None, revision: str | None) -> Recipe:
    """The one that is named, else what the model's folder says, else what its name says."""
    import os

    from limner.engines.diffusers_local import looking, recipes

    if name is not None:
        return recipes.named(name)
    folder = Path(model).expanduser()
    if not folder.is_dir() and revision is None:
        found = looking.snapshot_of(model, cache=looking.cache_folder(os.environ))
        folder = folder if found is None else found
    if folder.is_dir():
        return recipes.recipe_for(recipes.model_in(folder, name=model))
    return recipes.recipe_for(recipes.Model(name=model))
