"""The MCP server itself: the list of tools, who calls them, and the two ways in, standard input and HTTP."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import uvicorn
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import BaseModel
from typing_extensions import override

from limner.kit.logs import event
from limner.mcp import arguments, results, tools
from limner.mcp.api import ApiTrouble, Line, Place
from limner.mcp.arguments import ArgumentTrouble
from limner.mcp.door import Door

_log = logging.getLogger(__name__)
_BODY_BYTES_MAX: Final = 64 * 1024 * 1024
_STOP_SECONDS: Final = 5
_INTERRUPTED: Final = 130
_INSTRUCTIONS: Final = (
    "limner paints pictures from words and changes pictures by words. `paint` and `edit` answer with the pictures, and with "
    "links that open for about an hour: show the links to people who cannot see the pictures. Each picture costs credits: "
    "`quote` says how many. `models` lists what can be asked for. A call that was interrupted is found again with `tasks`."
)

_Act = Callable[[tools.Caller, Mapping[str, Any]], Awaitable[CallToolResult]]
Find = Callable[[], Place]
"""Where the server is now, and the key. Raises `ApiTrouble` with a sentence if that cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    title: str
    sentence: str
    act: _Act
    takes: type[BaseModel]
    gives: type[BaseModel]
    hints: Mapping[str, bool] = field(default_factory=dict)


_LOOKS: Final = {"read_only_hint": True}
_MAKES: Final = {"read_only_hint": False, "destructive_hint": False, "idempotent_hint": False}
_TOOLS: Final[Mapping[str, _Entry]] = {
    "paint": _Entry(
        title="Paint a picture",
        sentence="Paint pictures from a description. Answers with the pictures, their links, and what they cost.",
        act=tools.paint,
        takes=arguments.Paint,
        gives=results.TaskRecord,
        hints=_MAKES,
    ),
    "edit": _Entry(
        title="Edit a picture",
        sentence="Change or combine pictures as a text says. Answers like `paint`.",
        act=tools.edit,
        takes=arguments.Edit,
        gives=results.TaskRecord,
        hints=_MAKES,
    ),
    "task": _Entry(
        title="Look up a task",
        sentence="How one task stands, and its pictures with fresh links.",
        act=tools.task,
        takes=arguments.OneTask,
        gives=results.TaskRecord,
        hints=_LOOKS,
    ),
    "tasks": _Entry(
        title="List tasks",
        sentence="What was asked for with this account, newest first.",
        act=tools.tasks,
        takes=arguments.ListTasks,
        gives=results.TaskPage,
        hints=_LOOKS,
    ),
    "cancel": _Entry(
        title="Cancel a task",
        sentence="Stop a task that waits or is being painted; it costs nothing then.",
        act=tools.cancel,
        takes=arguments.Cancel,
        gives=results.TaskRecord,
        hints={"read_only_hint": False, "destructive_hint": True, "idempotent_hint": True},
    ),
    "models": _Entry(
        title="List models",
        sentence="The models, what each takes and what a picture costs; with a name, everything about one.",
        act=tools.models,
        takes=arguments.Models,
        gives=results.ModelList,
        hints=_LOOKS,
    ),
    "quote": _Entry(
        title="Ask for the price",
        sentence="What `paint` would cost with the same arguments. Paints nothing.",
        act=tools.quote,
        takes=arguments.Quote,
        gives=results.QuoteRecord,
        hints=_LOOKS,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What does not change while it runs. `model`: what is meant where a call names none."""

    version: str
    model: str

    @property
    def user_agent(self) -> str:
        """How it calls itself to the server."""
        return f"limner-mcp/{self.version}"


async def serve_stdio(about: About, *, find: Find) -> None:
    """Serve the program that started this one, by standard input and output, until it closes them.

    A signal ends the process from within: what is under way is given up as if its callers had said so.
    """
    server = _server(about, reads_files=True, place_of=lambda _: find())
    async with stdio_server() as (incoming, outgoing):
        with anyio.CancelScope() as scope:
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, scope.cancel)
            await server.run(incoming, outgoing, server.create_initialization_options())
        if scope.cancelled_caught:
            # A thread waits for the next line of standard input, and nothing but that line would wake it.
            os._exit(_INTERRUPTED)


class Ending:
    """Tells a server over HTTP to end: at first when its answers are done, if told again at once."""

    def __init__(self) -> None:
        self._server: uvicorn.Server | None = None

    def of(self, server: uvicorn.Server) -> None:
        """It is this one."""
        self._server = server

    def ask(self) -> None:
        """Take one signal."""
        if self._server is not None:
            self._server.force_exit = self._server.should_exit
            self._server.should_exit = True


async def serve_http(
    about: About,
    *,
    address: str,
    path: str,
    listener: socket.socket,
    ending: Ending,
    on_ready: Callable[[], None],
) -> None:
    """Serve whoever comes to the socket with a key of their own for the limner at `address`, until `ending` is asked."""
    server = _server(about, reads_files=False, place_of=lambda request: Place(address=address, key=_key_of(request)))
    # Against pages that talk a browser into calling this machine, there is the key, which they do not have, and the
    # door, which turns every other page away. By its own rule the library would refuse all who come through a proxy.
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(
        streamable_http_path=path, transport_security=security, max_request_body_size=_BODY_BYTES_MAX
    )
    async with Line(user_agent=about.user_agent) as line:
        config = uvicorn.Config(
            Door(app, line=line, address=address),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        listening = _Listening(config, on_ready=on_ready)
        ending.of(listening)
        await listening.serve(sockets=[listener])


class _Listening(uvicorn.Server):
    """Uvicorn, without its own signals, and with a word when it is ready."""

    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _key_of(request: Any) -> str:
    """The key that a request came with; the door has seen to it that there is one."""
    header: str = request.headers.get("authorization", "") if request is not None else ""
    return header.partition(" ")[2].strip()


def listed(*, reads_files: bool, model: str) -> list[Tool]:
    """The tools as they are listed."""
    return [
        Tool(
            name=name,
            title=entry.title,
            description=entry.sentence,
            input_schema=arguments.schema(entry.takes, reads_files=reads_files, default_model=model),
            output_schema=entry.gives.model_json_schema(mode="serialization"),
            annotations=ToolAnnotations(title=entry.title, open_world_hint=True, **entry.hints),
        )
        for name, entry in _TOOLS.items()
    ]


def _server(about: About, *, reads_files: bool, place_of: Callable[[Any], Place]) -> Server[Line]:
    every = listed(reads_files=reads_files, model=about.model)

    async def list_tools(
        _context: ServerRequestContext[Line], _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=every)

    async def call_tool(context: ServerRequestContext[Line], params: CallToolRequestParams) -> CallToolResult:
        entry = _TOOLS.get(params.name)
        if entry is None:
            raise MCPError(INVALID_PARAMS, f"there is no tool '{params.name[:80]}': there are {', '.join(_TOOLS)}")

        async def report(percent: float, words: str) -> None:
            await context.session.report_progress(percent, 100, words)

        try:
            api = context.lifespan_context.to(place_of(context.request))
            caller = tools.Caller(api=api, report=report, reads_files=reads_files, model=about.model)
            began = time.monotonic()
            result = await entry.act(caller, params.arguments or {})
            seconds = time.monotonic() - began
            event(_log, "mcp.answered", tool=params.name, is_error=result.is_error, seconds=seconds)
        except (ApiTrouble, ArgumentTrouble) as trouble:
            event(_log, "mcp.refused", tool=params.name, code=getattr(trouble, "code", None))
            return _failed(trouble.message)
        except Exception:  # noqa: BLE001 - the log has it
            # The protocol would carry the exception's own text to the caller.
            _log.exception("mcp.tool_broke", extra={"fields": {"tool": params.name}})
            return _failed("something went wrong in `limner mcp`; its log says what")
        else:
            return result

    @asynccontextmanager
    async def lifespan(_: Server[Line]) -> AsyncGenerator[Line]:
        async with Line(user_agent=about.user_agent) as line:
            event(_log, "mcp.started", tools=len(every))
            yield line

    return Server(
        "limner",
        version=about.version,
        title="limner",
        description="Paints pictures from words and changes pictures by words.",
        instructions=_INSTRUCTIONS,
        lifespan=lifespan,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _failed(message: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=message)], is_error=True)
