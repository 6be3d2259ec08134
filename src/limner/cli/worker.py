"""`limner worker`: performs tasks and sends callbacks, and answers no requests."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import click

from limner.cli.parts import listening
from limner.cli.parts.given import Given, looked, pass_given, shared_options
from limner.cli.parts.reach import calls_itself
from limner.cli.parts.values import Engines

if TYPE_CHECKING:
    import socket

    from limner.config import Settings


@click.command(short_help="Perform tasks and send callbacks, without a server.")
@click.option(
    "--engines",
    type=Engines(),
    help="The engines whose tasks it performs, with commas between them, or `none`; without it, all.",
)
@click.option("--concurrent", metavar="NUMBER", help="How many tasks of each engine at once; without it, 8.")
@shared_options(shown=True)
@pass_given
def command(given: Given, *, engines: tuple[str, ...] | None, concurrent: str | None) -> None:
    """Perform tasks from the queue and send callbacks, beside a server or on another machine.

    As many workers as you like may share a database; they must share the storage of pictures too. Ctrl-C stops one: it
    takes nothing more and finishes what it has in hand, or puts that back into the queue; a second one does not wait.

    \b
    For example:
      limner worker --engines illustrator --concurrent 4
      limner worker --engines none          (callbacks only)
    """  # noqa: D301 - click's \b keeps the lines apart
    from limner.kit import logs

    loaded = given.load({"worker.engines": engines, "worker.concurrent": concurrent})
    settings = loaded.settings
    logs.configure(level=settings.log.level, form=settings.log.form)
    with suppress(KeyboardInterrupt), ExitStack() as stack:  # until the worker listens to signals by itself
        listener = _listen(settings)
        if listener is not None:
            stack.enter_context(listener)
        # Last, because it imports everything.
        from limner.cli.parts import performing
        from limner.cli.parts.books import refuse_unmade

        refuse_unmade(settings)
        found = looked(loaded)
        outbound = settings.outbound.model_copy(update={"loopback": calls_itself(settings)})
        performing.run(found.settings.model_copy(update={"outbound": outbound}), listener=listener, choice=found.choice)
    click.echo("the worker has stopped")


def _listen(settings: Settings) -> socket.socket | None:
    if settings.worker.port is None:
        return None
    return listening.listen(host=settings.worker.host, port=settings.worker.port, section="worker")
