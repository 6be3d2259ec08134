"""`limner paint`: one prompt to pictures in files, without a server and without a database."""

from __future__ import annotations

import asyncio
import os
import sys
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from limner.cli.parts import files, screen
from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.trouble import Trouble

if TYPE_CHECKING:
    from limner.config import Settings
    from limner.domain.ask import Ask
    from limner.domain.spec import Picture, Spec
    from limner.flow.house import EngineStand

_SUFFIXES: Final = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".svg": "svg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What the caller wants done with the pictures."""

    prompt: str
    out: Path | None
    force: bool
    show: bool


@click.command(short_help="Paint one prompt, without a server.")
@click.argument("prompt")
@click.option("--model", default="illustrator", show_default=True, help="A name that `limner models` lists.")
@click.option("--size", metavar="WxH", help="Width and height in pixels, like 1792x1024 [default: 1024x1024].")
@click.option("--quality", metavar="WORD", help="How much work: low, standard or hd, or the model's own words.")
@click.option("--style", metavar="WORD", help="vivid or natural.")
@click.option(
    "--format", "output_format", metavar="FORMAT", help="png, jpeg, webp or svg [default: what --out ends in, or png]."
)
@click.option("--background", metavar="WORD", help="transparent or opaque.")
@click.option("--seed", type=int, metavar="NUMBER", help="The same seed gives the same picture.")
@click.option("-n", "--n", "count", type=int, metavar="NUMBER", help="How many pictures [default: 1].")
@click.option("--out", type=click.Path(path_type=Path), metavar="PATH", help="The file, or the folder, to save to.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--no-show", is_flag=True, help="Do not show the picture in the terminal.")
@shared_options()
@pass_given
def command(
    given: Given,
    *,
    prompt: str,
    model: str,
    size: str | None,
    quality: str | None,
    style: str | None,
    output_format: str | None,
    background: str | None,
    seed: int | None,
    count: int | None,
    out: Path | None,
    force: bool,
    no_show: bool,
) -> None:
    """Paint PROMPT and save the picture, without a server.

    It is saved in the current folder under the prompt's words and its seed, and shown in terminals that can (kitty,
    Ghostty, iTerm2, WezTerm).

    \b
    For example:
      limner paint "A cute baby sea otter"
      limner paint "three red balloons over a snowy forest" --size 1792x1024 --out balloons.webp
    """  # noqa: D301 - click's \b keeps the lines apart
    from limner.domain.ask import Ask

    prompt = prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    ask = Ask(
        prompt=prompt,
        model=model,
        n=count,
        size=size,
        quality=quality,
        style=style,
        output_format=_format(output_format, out),
        background=background,
        seed=seed,
    )
    settings = given.settings(looks=True)
    spec, stand = _prepared(settings, ask)
    wish = _Wish(prompt=prompt, out=out, force=force, show=not no_show)
    if out is not None and not out.is_dir() and not force:
        for number in range(1, spec.n + 1):  # better now than after the painting
            files.refuse_existing(_path(wish, spec, seed=0, number=number))
    _paint(settings, spec, stand, wish)


def _format(named: str | None, out: Path | None) -> str | None:
    """The file format: as named, or as the file's name ends."""
    ending = out.suffix.lower() if out is not None and not out.is_dir() else ""
    by_name = _SUFFIXES.get(ending)
    if ending and by_name is None:
        raise click.BadParameter(f"{out} must end in {', '.join(_SUFFIXES)}", param_hint="'--out'")
    if named and by_name and named != by_name:
        raise click.BadParameter(f"{named} does not go with {out}", param_hint="'--format'")
    return named or by_name


def _prepared(settings: Settings, ask: Ask) -> tuple[Spec, EngineStand]:
    """What to paint and who paints it, by the rules that a server keeps too. Raises the `Problem` that is in the way."""
    from limner.bootstrap import make_catalog, make_engines
    from limner.catalog.rules import spec_for
    from limner.flow.moderate import check_prompt

    engines = make_engines(settings)
    model = make_catalog(settings, known_engines=set(engines)).model(ask.model)
    engine = engines[model.engine].engine
    spec = spec_for(ask, model=model, extras=engine.extras(model.name))
    offered = engine.formats(model.name)
    if spec.output_format not in offered:
        raise Trouble(f"the engine {model.engine} writes {', '.join(sorted(offered))}, not {spec.output_format}")
    check_prompt(spec.prompt, blocked_words=settings.moderation.blocked_words)
    return spec, engines[model.engine]


def _paint(settings: Settings, spec: Spec, stand: EngineStand, wish: _Wish) -> None:
    bar = click.progressbar(
        length=spec.n,
        label="painting",
        file=sys.stderr,
        show_eta=False,
        show_pos=spec.n > 1,
        show_percent=False,
        hidden=not sys.stderr.isatty(),
        fill_char="#",
        empty_char=".",
    )

    async def whole() -> list[tuple[Path, Picture]]:
        saved = []
        try:
            async with asyncio.timeout(settings.limits.task_seconds), aclosing(_pictures(spec, stand)) as pictures:
                async for picture in pictures:
                    # What has no seed is told from others by what is in it.
                    seed = zlib.crc32(picture.data) if picture.seed is None else picture.seed
                    path = _path(wish, spec, seed=seed, number=picture.index + 1)
                    files.save(path, picture.data, force=wish.force)
                    saved.append((path, picture))
                    bar.update(1)
        except TimeoutError:
            raise Trouble(f"it took longer than {settings.limits.task_seconds} seconds (limits.task_seconds)") from None
        return saved

    with bar:
        done = asyncio.run(whole())
    for path, picture in sorted(done, key=lambda pair: pair[1].index):
        _tell(path, picture, show=wish.show)


async def _pictures(spec: Spec, stand: EngineStand) -> AsyncGenerator[Picture]:
    from limner.domain.spec import Picture

    try:
        engine = await stand.ready()
        async with aclosing(engine.paint(spec)) as pictures:
            async for picture in pictures:
                if isinstance(picture, Picture):
                    yield picture
    finally:
        await stand.close()


def _path(wish: _Wish, spec: Spec, *, seed: int, number: int) -> Path:
    suffix = spec.output_format.value
    return files.path_for(wish.out, prompt=wish.prompt, seed=seed, suffix=suffix, number=number, count=spec.n)


def _tell(path: Path, picture: Picture, *, show: bool) -> None:
    protocol = screen.protocol_of(os.environ) if show and sys.stdout.isatty() else None
    if protocol:
        seen = screen.shown(picture.data, protocol=protocol, media_type=picture.output_format.media_type)
        click.echo(seen or "", nl=False)
    click.echo(click.style(str(path), bold=True))
    seed = "" if picture.seed is None else f", seed {picture.seed}"
    click.echo(f"  {picture.width}x{picture.height}, {len(picture.data) / 1000:,.0f} kB{seed}")
    click.echo(f"  {picture.revised_prompt}")
