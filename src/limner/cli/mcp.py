"""`limner mcp`: the tools of a running server for assistants, by the Model Context Protocol."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

import limner
from limner.cli.parts import listening
from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.trouble import Trouble

if TYPE_CHECKING:
    from limner.config import Settings
    from limner.mcp.api import Place
    from limner.mcp.serve import About

_DEFAULT_MODEL: Final = "gpt-image-2"
_DEFAULT_PORT: Final = 8020
_ADDRESS: Final = re.compile(r"https?://[^/?#\s@]+(/[^?#\s]*)?", re.IGNORECASE)
_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_KEY: Final = re.compile(r"[!-~]{1,512}")


@click.command(short_help="Serve tools to assistants, by MCP.")
@click.option("--address", metavar="URL", help="Where limner is, such as https://limner.example.com; without it, here.")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="A file with the API key; without it, LIMNER_API_KEY, else the owner's key on this machine.",
)
@click.option(
    "--model",
    metavar="NAME",
    default=_DEFAULT_MODEL,
    show_default=True,
    help="What paints where an assistant names no model.",
)
@click.option("--http", "over_http", is_flag=True, help="Serve over HTTP; without it, by standard input and output.")
@click.option("--host", metavar="ADDRESS", help="With --http: the address to listen on [default: 127.0.0.1].")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="NUMBER",
    help=f"With --http: the port to listen on, 0 for any free one [default: {_DEFAULT_PORT}].",
)
@click.option("--path", metavar="PATH", help="With --http: the path to serve at [default: /mcp].")
@shared_options()
@pass_given
def command(
    given: Given,
    *,
    address: str | None,
    key_file: Path | None,
    model: str,
    over_http: bool,
    host: str | None,
    port: int | None,
    path: str | None,
) -> None:
    """Serve limner's tools to assistants, by the Model Context Protocol.

    Assistants start it by themselves: it speaks by standard input and output, and finds the server of this machine's
    data folder and its owner's key. It is a client of that server: `limner serve` has to run.

    With --http it serves many, over streamable HTTP, each with an API key of their own: the operator's is not used.

    \b
    For example:
      limner mcp
      limner mcp --address https://limner.example.com --key-file limner.key
      limner mcp --http --port 8020
    """  # noqa: D301 - click's \b keeps the lines apart
    here = _checked_address(address)
    settings = given.settings()
    if not over_http:
        _refuse({"--host": host, "--port": port, "--path": path})
        _serve_stdio(_about(model), settings, address=here, key=_key(key_file))
        return
    if key_file is not None:
        raise click.UsageError("with --http every caller brings a key of their own: leave out --key-file")
    if path is not None and not _PATH.fullmatch(path):
        raise click.BadParameter("it must be like /mcp", param_hint="'--path'")
    _log_as_a_server(settings)
    _serve_http(
        _about(model),
        address=here or _local_address(settings),
        host=host or "127.0.0.1",
        port=_DEFAULT_PORT if port is None else port,
        path=path or "/mcp",
    )


def _log_as_a_server(settings: Settings) -> None:
    from limner.kit import logs

    logs.configure(level=settings.log.level, form=settings.log.form)
    for chatty in ("mcp", "sse_starlette"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _refuse(options: dict[str, object]) -> None:
    for name, value in options.items():
        if value is not None:
            raise click.UsageError(f"{name} is for --http: give that too")


def _about(model: str) -> About:
    from limner.mcp.serve import About

    return About(version=limner.__version__, model=model)


def _checked_address(address: str | None) -> str | None:
    if address is None:
        return None
    if not _ADDRESS.fullmatch(address):
        raise click.BadParameter(f"'{address}' must be like https://limner.example.com", param_hint="'--address'")
    return address.rstrip("/").removesuffix("/v1")


def _key(file: Path | None) -> str | None:
    """The key as it was given. Raises `Trouble` for what cannot be one."""
    from limner.config import API_KEY_VARIABLE

    text = os.environ.get(API_KEY_VARIABLE, "") if file is None else file.read_text(encoding="utf-8", errors="replace")
    key = text.strip()
    if key and not _KEY.fullmatch(key):
        raise Trouble(f"{file or API_KEY_VARIABLE} does not have an API key in it: it must be one word, such as sk-...")
    if file is not None and not key:
        raise Trouble(f"{file} is empty: it must have an API key in it")
    return key or None


# by standard input and output --------------------------------------------------------------------------------------------


def _serve_stdio(about: About, settings: Settings, *, address: str | None, key: str | None) -> None:
    from limner.mcp.serve import serve_stdio

    if address is not None and key is None:
        # The owner's key is for the server of this machine, and for no other.
        raise Trouble("an API key for that address is missing: give --key-file, or set LIMNER_API_KEY")
    asyncio.run(serve_stdio(about, find=lambda: _found(settings, address=address, key=key)))


def _found(settings: Settings, *, address: str | None, key: str | None) -> Place:
    """Where the server is at this moment: assistants are often started before it, and outlive it."""
    from limner.mcp.api import Place

    return Place(address=address or _local_address(settings), key=key or _owner_key(settings))


def _local_address(settings: Settings) -> str:
    """The address of the server that has the data folder; where one would listen if there is none."""
    from limner.cli.parts.lock import holder_of
    from limner.cli.parts.reach import reach_of

    holder = holder_of(settings.data_dir.expanduser().absolute())
    return reach_of(settings).url if holder is None else holder.url


def _owner_key(settings: Settings) -> str:
    from limner.bootstrap import OWNER_KEY_FILE
    from limner.mcp.api import ApiTrouble

    path = settings.data_dir.expanduser().absolute() / OWNER_KEY_FILE
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise ApiTrouble(
            f"there is no key at {path}: start `limner serve` once, or give --key-file or LIMNER_API_KEY"
        ) from None
    except OSError as error:
        raise ApiTrouble(f"{path} cannot be read ({error.strerror}): give --key-file or LIMNER_API_KEY") from None


# over HTTP ---------------------------------------------------------------------------------------------------------------


def _serve_http(about: About, *, address: str, host: str, port: int, path: str) -> None:
    with listening.listen(host=host, port=port, section=None) as listener:
        from limner.mcp.serve import Ending, serve_http

        ending = Ending()

        def ready() -> None:
            click.echo(f"limner's tools are at {listening.url_of(listener, host=host)}{path}", err=True)
            click.echo(f"for whoever brings an API key of the limner at {address}; Ctrl-C ends it", err=True)

        async def whole() -> None:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, ending.ask)
            await serve_http(about, address=address, path=path, listener=listener, ending=ending, on_ready=ready)

        asyncio.run(whole())
