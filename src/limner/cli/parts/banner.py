"""What a person sees when a server is ready: where it is, how to get in, and a first request to paste. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

import limner
from limner.domain.choice import Choice

_LABEL_WIDTH = 11
_EXAMPLE = {"model": "dall-e-3", "prompt": "A cute baby sea otter"}
_NO_KEY = "YOUR_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """Everything there is to say.

    `secret` None: this data folder does not know the owner's key. `welcome`: where the owner sets a password, as long as
    there is none. `choice`: how `engine` was chosen, None: the settings say. `is_performed_here`: the engine, else by workers.
    `calls_itself`: callbacks may go to this machine without anybody having said so. Each line of a warning has 70
    characters at most.
    """

    url: str
    public_url: str
    secret: str | None
    key_path: Path
    data_dir: Path
    database: str
    engine: str
    is_performed_here: bool
    calls_itself: bool
    warnings: tuple[str, ...]
    welcome: str | None = None
    choice: Choice | None = None

    def text(self) -> str:
        """The banner, with colours; whoever prints it takes them off where they are not wanted."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield ""
        yield f"  {click.style('limner', bold=True, fg='cyan')} {limner.__version__}, ready to paint"
        yield ""
        yield from self._facts()
        yield from _notes(self.warnings)
        if self.welcome is not None:
            yield ""
            yield "  To log in as the owner, choose an e-mail and a password here, within a day:"
            yield ""
            yield self.welcome  # from the first column, like the request below: it is long
        yield ""
        yield "  Try it:"
        yield ""
        yield self._curl()
        yield ""

    def _facts(self) -> Iterator[str]:
        yield _fact("Address", click.style(self.url, bold=True))
        if self.public_url != self.url:
            yield _fact("Public", self.public_url)
        if self.secret is not None:
            yield _fact("API key", click.style(self.secret, fg="green"))
            yield _fact("", f"(the owner's; also in {self.key_path})")
        else:
            yield _fact("API key", "the owner's key is not in this data folder;")
            yield _fact("", "`limner keys create` makes another")
        yield _fact("Data", str(self.data_dir))
        yield _fact("Database", self.database)
        yield from self._engine()
        if self.calls_itself:
            yield _fact("Callbacks", "may go to this machine too, since nobody else can reach it")

    def _engine(self) -> Iterator[str]:
        if self.choice is None:
            alone = "" if self.is_performed_here else ", run by `limner worker` alone"
            yield _fact("Engine", self.engine + alone)
            return
        yield _fact("Engine", self.choice.sentence)
        yield _fact("", f"({self.choice.override})")
        if not self.is_performed_here:
            yield _fact("", "(run by `limner worker` alone)")

    def _curl(self) -> str:
        # From the first column, the key in the last line: so that its 80 characters fit.
        return " \\\n".join(
            (
                f"curl {self.public_url}/v1/images/generations",
                '-H "Content-Type: application/json"',
                f"-d '{json.dumps(_EXAMPLE)}'",
                f'-H "Authorization: Bearer {self.secret or _NO_KEY}"',
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerBanner:
    """What there is to say of a worker. `engines`: what it performs, and how many tasks of each at once.

    `calls_itself`: callbacks may go to this machine. `pictures`: where they are kept. `url`: what links in callbacks begin with. `health`: where it answers probes.
    """

    engines: Mapping[str, int]
    callbacks: int
    calls_itself: bool
    database: str
    pictures: str
    url: str
    health: str | None
    stop_seconds: int
    warnings: tuple[str, ...]

    def text(self) -> str:
        """The banner, with colours; whoever prints it takes them off where they are not wanted."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield ""
        yield f"  {click.style('limner', bold=True, fg='cyan')} {limner.__version__}, a worker"
        yield ""
        engines = [f"{name}, {count} at once" for name, count in self.engines.items()]
        for label, engine in zip(["Engines", *[""] * len(engines)], engines or ["none: callbacks only"], strict=False):
            yield _fact(label, engine)
        yield _fact("Callbacks", f"{self.callbacks} at once{', also to this machine' if self.calls_itself else ''}")
        yield _fact("Database", self.database)
        yield _fact("Pictures", self.pictures)
        yield _fact("Links", f"begin with {self.url}")
        if self.health is not None:
            yield _fact("Health", f"{self.health}/healthz, /readyz, /metrics")
        yield from _notes(self.warnings)
        yield ""
        yield f"  Ctrl-C stops it: what is not done in {self.stop_seconds} s goes back to the queue."
        yield ""


def _notes(warnings: Iterable[str]) -> Iterator[str]:
    for warning in warnings:
        yield ""
        first, *rest = warning.splitlines()
        yield f"  {click.style('Note', fg='yellow', bold=True)}  {first}"
        yield from (f"        {line}" for line in rest)


def _fact(label: str, value: str) -> str:
    return f"  {click.style(label.ljust(_LABEL_WIDTH), dim=True)}{value}"
