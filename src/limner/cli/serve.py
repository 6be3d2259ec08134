"""`limner serve`: the server, from its socket to its last request."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import click

from limner.cli.parts import listening
from limner.cli.parts.given import Given, looked, pass_given, shared_options
from limner.cli.parts.lock import only_server
from limner.cli.parts.values import Engines


@click.command(short_help="Start the server.")
@click.option("--host", metavar="ADDRESS", help="The address to listen on; without it, 127.0.0.1: this machine only.")
@click.option("--port", metavar="NUMBER", help="The port to listen on, 0 for any free one; without it, 8000.")
@click.option(
    "--engines",
    type=Engines(),
    help="The engines whose tasks it performs itself, with commas between them, or `none`; without it, all.",
)
@shared_options(shown=True)
@pass_given
def command(given: Given, *, host: str | None, port: str | None, engines: tuple[str, ...] | None) -> None:
    """Start the server.

    The first start makes a database in the data folder, an owner's account and an API key, and shows a request to try.
    Later starts find everything again. Ctrl-C ends it: requests under way are finished first; a second one does not wait.

    With `--engines none` it performs nothing itself: `limner worker` does, here or elsewhere.
    """
    with suppress(KeyboardInterrupt):  # until the server listens to signals by itself
        _serve(given, {"server.host": host, "server.port": port, "worker.engines": engines})
    click.echo("limner has stopped")


def _serve(given: Given, flags: Mapping[str, object]) -> None:
    from limner.kit import logs

    loaded = given.load(flags)
    settings = loaded.settings
    logs.configure(level=settings.log.level, form=settings.log.form)
    with listening.listen(host=settings.server.host, port=settings.server.port) as listener:
        from limner.bootstrap import may_call_itself, prepare_data_dir

        url = listening.url_of(listener, host=settings.server.host)
        folder = prepare_data_dir(settings.data_dir)
        with only_server(folder, url=url, calls_itself=may_call_itself(settings)):
            # Last, because it imports everything.
            from limner.cli.parts import running

            running.run(looked(loaded), listener=listener, url=url)
