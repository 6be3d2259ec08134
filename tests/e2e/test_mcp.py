"""`limner mcp` as assistants use it: the official client, a process of its own, a real server behind."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
import requests
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, EmbeddedResource, ImageContent, ResourceLink, TextContent
from PIL import Image

from support.server import Server, run, start

OTTER = {"prompt": "A cute baby sea otter", "model": "dall-e-2", "size": "256x256"}
SECONDS = 60
SLOWLY = {"LIMNER_ENGINES": '{"fake": {"seconds": 1.5}}'}
VERY_SLOWLY = {"LIMNER_ENGINES": '{"fake": {"seconds": 60}}'}
TOOLS = {"paint", "edit", "task", "tasks", "cancel", "models", "quote"}


def environ(server: Server | None = None, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")}
    folder = {"LIMNER_DATA_DIR": str(server.data_dir)} if server else {}
    return {**kept, **folder, **more}


@asynccontextmanager
async def by_stdio(server: Server | None, *options: str, mode: Any = "auto", **more: str) -> AsyncGenerator[Client]:
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "limner", "mcp", *options], env=environ(server, **more)
    )
    async with Client(command, mode=mode, read_timeout_seconds=SECONDS) as client:
        yield client


@dataclass
class Door:
    process: subprocess.Popen[str]
    url: str


@contextmanager
def at_the_door(server: Server, *options: str) -> Iterator[Door]:
    """`limner mcp --http`, until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "limner", "mcp", "--http", "--port", "0", *options],
        env=environ(server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    too_late = threading.Timer(SECONDS, process.kill)
    too_late.start()
    try:
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if found := re.search(r"tools are at (\S+)", line):
                break
        else:
            raise AssertionError("".join(seen))
        too_late.cancel()
        yield Door(process=process, url=found[1])
    finally:
        too_late.cancel()
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def door(server: Server) -> Iterator[Door]:
    with at_the_door(server) as found:
        yield found


@asynccontextmanager
async def by_http(door: Door, *, key: str, mode: Any = "auto") -> AsyncGenerator[Client]:
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {key}"}, timeout=SECONDS) as http:
        transport = streamable_http_client(door.url, http_client=http)
        async with Client(transport, mode=mode, read_timeout_seconds=SECONDS) as client:
            yield client


@contextmanager
def slow_server(
    new_database: Callable[[], AbstractContextManager[str]], folder: Path, speed: dict[str, str]
) -> Iterator[Server]:
    with new_database() as url:
        server = start(folder / "data", database_url=url, environ=speed)
        try:
            yield server
        finally:
            assert server.stop() == 0, server.log.read_text()[-2000:]


def picture_in(result: CallToolResult) -> Image.Image:
    (content,) = [one for one in result.content if isinstance(one, ImageContent)]
    picture = Image.open(io.BytesIO(base64.b64decode(content.data)))
    picture.load()
    assert Image.MIME[picture.format or ""] == content.mime_type
    return picture


def link_in(result: CallToolResult) -> ResourceLink:
    (link,) = [one for one in result.content if isinstance(one, ResourceLink)]
    return link


def words_in(result: CallToolResult) -> str:
    return "\n".join(one.text for one in result.content if isinstance(one, TextContent))


def task_of(server: Server, id_: str) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {server.owner_key}", "prefer": "wait=10"}
    answer = requests.get(f"{server.url}/v1/images/tasks/{id_}", headers=headers, timeout=SECONDS)
    found: dict[str, Any] = answer.json()
    return found


async def seen_to_work(client: Client, server: Server) -> None:
    """A picture is painted, seen, opened by its link, and found again."""
    told: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    listed = await client.list_tools()
    result = await client.call_tool("paint", OTTER, progress_callback=hear)

    assert {tool.name for tool in listed.tools} == TOOLS
    assert not result.is_error, words_in(result)
    assert picture_in(result).size == (256, 256)
    link = link_in(result)
    opened = await asyncio.to_thread(requests.get, link.uri, timeout=SECONDS)
    assert (opened.headers["content-type"], len(opened.content)) == (link.mime_type, link.size)
    record = result.structured_content
    assert task_of(server, record["task_id"])["cost"]["charged"] == record["credits"] == "0.016000"
    assert record["pictures"][0]["link"] == link.uri
    assert link.uri in words_in(result)
    figures = [progress for progress, _, _ in told]
    assert figures
    assert figures == sorted(set(figures))
    assert {total for _, total, _ in told} == {100}
    assert any("painting" in (message or "") for _, _, message in told)

    again = await client.call_tool("task", {"id": record["task_id"]})
    assert picture_in(again).size == (256, 256)
    page = await client.call_tool("tasks", {"limit": 1})
    assert page.structured_content["tasks"][0]["task_id"] == record["task_id"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_assistant_on_this_machine_paints_without_being_told_anything(server: Server, mode: str) -> None:
    async with by_stdio(server, mode=mode) as client:
        await seen_to_work(client, server)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_assistant_paints_over_http_with_its_own_key(server: Server, door: Door, mode: str) -> None:
    async with by_http(door, key=server.owner_key, mode=mode) as client:
        await seen_to_work(client, server)


async def test_a_wrong_size_is_told_in_the_servers_own_words(server: Server) -> None:
    answer = await asyncio.to_thread(
        requests.post,
        f"{server.url}/v1/images/generations",
        json=OTTER | {"size": "257x256"},
        headers={"authorization": f"Bearer {server.owner_key}"},
        timeout=SECONDS,
    )
    async with by_stdio(server) as client:
        result = await client.call_tool("paint", OTTER | {"size": "257x256"})
        unknown = await client.call_tool("paint", OTTER | {"sise": "256x256"})

    assert result.is_error
    assert words_in(result) == answer.json()["error"]["message"]
    assert unknown.is_error
    assert words_in(unknown).startswith("there is no argument 'sise'")


async def test_models_and_prices_are_told(server: Server) -> None:
    async with by_stdio(server) as client:
        every = await client.call_tool("models", {})
        one = await client.call_tool("models", {"name": "dall-e-3"})
        none = await client.call_tool("models", {"name": "nobody"})
        price = await client.call_tool("quote", OTTER | {"n": 2})

    assert {"dall-e-2", "gpt-image-2"} <= {model["name"] for model in every.structured_content["models"]}
    (model,) = one.structured_content["models"]
    assert "1792x1024" in model["parameters"]["size"]["enum"]
    assert none.is_error
    assert "nobody" in words_in(none)
    assert price.structured_content["credits"] == "0.032000"


async def test_a_large_picture_is_shown_smaller_and_linked_whole(server: Server) -> None:
    wish = {"prompt": "mist", "model": "gpt-image-2", "size": "3840x2160", "n": 2}
    async with by_stdio(server) as client:
        result = await client.call_tool("paint", wish)

    record = result.structured_content
    assert [(one["width"], one["height"]) for one in record["pictures"]] == [(3840, 2160)] * 2
    shown = [one for one in result.content if isinstance(one, ImageContent)]
    assert len(shown) == 2
    assert sum(len(one.data) for one in shown) <= 1_000_000


async def test_a_drawing_in_svg_comes_as_text(server: Server) -> None:
    async with by_stdio(server) as client:
        result = await client.call_tool("paint", OTTER | {"model": "illustrator", "output_format": "svg"})

    assert not result.is_error, words_in(result)
    (drawing,) = [one for one in result.content if isinstance(one, EmbeddedResource)]
    assert getattr(drawing.resource, "text", "").lstrip().startswith("<")


async def test_an_edit_of_a_file_of_this_machine_of_a_link_and_of_a_task(server: Server, tmp_path: Path) -> None:
    Image.new("RGB", (256, 256), "teal").save(tmp_path / "otter.png")
    hat = {"prompt": "Put a hat on it", "model": "gpt-image-1", "size": "1024x1024"}
    async with by_stdio(server) as client:
        of_file = await client.call_tool("edit", hat | {"images": [str(tmp_path / "otter.png")]})
        assert not of_file.is_error, words_in(of_file)
        task = of_file.structured_content["task_id"]
        of_both = await client.call_tool("edit", hat | {"images": [f"task:{task}", link_in(of_file).uri]})
        of_nothing = await client.call_tool("edit", hat | {"images": [f"task:{task}/2"]})

    assert picture_in(of_file).size == (1024, 1024)
    assert not of_both.is_error, words_in(of_both)
    assert len(task_of(server, of_both.structured_content["task_id"])["request"]["image"]) == 2
    assert of_nothing.is_error
    assert "has no picture 2" in words_in(of_nothing)


async def test_an_edit_over_http_of_a_data_url_with_a_mask(server: Server, door: Door) -> None:
    hat = {"prompt": "Put a hat on it", "model": "gpt-image-1", "images": [data_url("RGB")], "mask": data_url("RGBA")}
    async with by_http(door, key=server.owner_key) as client:
        result = await client.call_tool("edit", hat)

    assert not result.is_error, words_in(result)
    assert "mask" in task_of(server, result.structured_content["task_id"])["request"]


def data_url(mode: str) -> str:
    file = io.BytesIO()
    Image.new(mode, (256, 256)).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


async def test_nothing_but_pictures_of_this_machine_is_sent_and_none_over_http(
    server: Server, door: Door, tmp_path: Path
) -> None:
    (tmp_path / "secret.png").write_text("hush")
    hat = {"prompt": "Put a hat on it", "images": [str(tmp_path / "secret.png")]}
    async with by_stdio(server) as client:
        here = await client.call_tool("edit", hat)
    async with by_http(door, key=server.owner_key) as client:
        there = await client.call_tool("edit", hat)

    assert here.is_error
    assert "secret.png is no png, jpeg, webp or gif" in words_in(here)
    assert there.is_error
    assert "only by a `limner mcp` that runs there" in words_in(there)


async def test_whoever_gives_up_pays_nothing(
    new_database: Callable[[], AbstractContextManager[str]], tmp_path: Path
) -> None:
    with slow_server(new_database, tmp_path, VERY_SLOWLY) as server, at_the_door(server) as door:
        for mode in ("auto", "legacy"):
            async with by_stdio(server, mode=mode) as client:
                await gives_up(client)
            async with by_http(door, key=server.owner_key, mode=mode) as client:
                await gives_up(client)


async def gives_up(client: Client) -> None:
    begun = anyio.Event()

    async def hear(_progress: float, _total: float | None, _message: str | None) -> None:
        begun.set()

    async with anyio.create_task_group() as group:
        group.start_soon(client.call_tool, "paint", OTTER, None, hear)
        await begun.wait()
        group.cancel_scope.cancel()
    page = await client.call_tool("tasks", {"limit": 1})
    (task,) = page.structured_content["tasks"]
    ended = await client.call_tool("task", {"id": task["task_id"], "wait": True})
    assert ended.structured_content["status"] == "cancelled"
    assert float(ended.structured_content["credits"]) == 0


async def test_a_task_that_nobody_waits_for_is_waited_for_later_or_cancelled(
    new_database: Callable[[], AbstractContextManager[str]], tmp_path: Path
) -> None:
    with slow_server(new_database, tmp_path, SLOWLY) as server:
        async with by_stdio(server) as client:
            first = await client.call_tool("paint", OTTER | {"wait": False})
            second = await client.call_tool("paint", OTTER | {"wait": False})
            stopped = await client.call_tool("cancel", {"id": second.structured_content["task_id"]})
            done = await client.call_tool("task", {"id": first.structured_content["task_id"], "wait": True})
            late = await client.call_tool("cancel", {"id": first.structured_content["task_id"]})

    assert not stopped.is_error, words_in(stopped)
    assert picture_in(done).size == (256, 256)
    assert late.is_error


@pytest.mark.parametrize("how", ["closes", "terminates", "interrupts"])
def test_an_assistant_that_ends_leaves_nothing_behind(
    how: str, new_database: Callable[[], AbstractContextManager[str]], tmp_path: Path
) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "grace", "version": "1"}}
    call = {"name": "paint", "arguments": OTTER, "_meta": {"progressToken": "p"}}
    with slow_server(new_database, tmp_path, VERY_SLOWLY) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "limner", "mcp"],
            env=environ(server),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for id_, method, params in ((1, "initialize", hello), (None, "notifications/initialized", {})):
                process.stdin.write(message(id_, method, params))
            process.stdin.write(message(2, "tools/call", call))
            process.stdin.flush()
            lines = [json.loads(process.stdout.readline()), json.loads(process.stdout.readline())]
            assert lines[0]["result"]["serverInfo"]["name"] == "limner"
            assert lines[1]["method"] == "notifications/progress"
            match how:
                case "closes":
                    process.stdin.close()
                case "terminates":
                    process.terminate()
                case _:
                    process.send_signal(signal.SIGINT)
            assert process.wait(timeout=SECONDS) == (0 if how == "closes" else 130)
            assert process.stderr is not None
            assert process.stderr.read() == ""
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        (task,) = requests.get(
            f"{server.url}/v1/images/tasks", headers={"authorization": f"Bearer {server.owner_key}"}, timeout=SECONDS
        ).json()["data"]
        assert task_of(server, task["id"])["status"] == "cancelled"


def message(id_: int | None, method: str, params: dict[str, Any]) -> str:
    named = {} if id_ is None else {"id": id_}
    return json.dumps({"jsonrpc": "2.0", **named, "method": method, "params": params}) + "\n"


# who may ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer sk-wrong"}, {"authorization": "Basic b3R0ZXI="}])
def test_nobody_comes_in_over_http_without_a_good_key(door: Door, header: dict[str, str]) -> None:
    answer = requests.post(
        door.url, json={"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers=header, timeout=SECONDS
    )

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["error"]["message"]


async def test_everybody_sees_their_own_tasks_and_sessions(server: Server, door: Door, fresh_database_url: str) -> None:
    run(server.data_dir, "accounts", "create", "grace", database_url=fresh_database_url)
    made = run(server.data_dir, "keys", "create", "--account", "grace", database_url=fresh_database_url)
    grace = made.stdout.strip()
    async with by_http(door, key=server.owner_key) as client:
        await client.call_tool("paint", OTTER)
        ada_sees = await client.call_tool("tasks", {})
    async with by_http(door, key=grace) as client:
        grace_sees = await client.call_tool("tasks", {})

    assert ada_sees.structured_content["tasks"]
    assert grace_sees.structured_content["tasks"] == []

    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "ada", "version": "1"}}
    begun = await posted(door, server.owner_key, message(1, "initialize", hello))
    session = begun.headers["mcp-session-id"]
    asked = message(2, "tools/list", {})
    assert (await posted(door, server.owner_key, asked, session)).status_code == 200
    assert (await posted(door, grace, asked, session)).status_code == 404


async def posted(door: Door, key: str, body: str, session: str | None = None) -> requests.Response:
    headers = {
        "authorization": f"Bearer {key}",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        **({} if session is None else {"mcp-session-id": session, "mcp-protocol-version": "2025-06-18"}),
    }
    return await asyncio.to_thread(requests.post, door.url, data=body, headers=headers, timeout=SECONDS)


def test_a_page_of_another_site_does_not_come_in(server: Server, door: Door) -> None:
    headers = {"authorization": f"Bearer {server.owner_key}", "origin": "https://elsewhere.example"}
    answer = requests.post(
        door.url, json={"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers=headers, timeout=SECONDS
    )

    assert answer.status_code == 403


async def test_a_key_of_ones_own_may_come_from_a_file_or_the_environment(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "limner.key"
    file.write_text(f"{server.owner_key}\n")
    nowhere = {"LIMNER_DATA_DIR": str(tmp_path / "nothing")}
    async with by_stdio(None, "--address", f"{server.url}/v1", "--key-file", str(file), **nowhere) as client:
        by_file = await client.call_tool("tasks", {})
    async with by_stdio(None, "--address", server.url, LIMNER_API_KEY=server.owner_key, **nowhere) as client:
        by_variable = await client.call_tool("tasks", {})
    async with by_stdio(server, LIMNER_API_KEY="sk-wrong") as client:
        by_a_wrong_one = await client.call_tool("tasks", {})

    assert not by_file.is_error
    assert not by_variable.is_error
    assert by_a_wrong_one.is_error


async def test_without_a_server_the_tools_say_how_to_get_one(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    async with by_stdio(None, LIMNER_DATA_DIR=str(folder), LIMNER_SERVER__PORT="9") as client:
        without_key = await client.call_tool("models", {})
        (folder / "owner.key").write_text("sk-otter")
        without_server = await client.call_tool("models", {})
        with pytest.raises(MCPError, match="there is no tool 'draw'"):
            await client.call_tool("draw", {})

    assert "limner serve" in words_in(without_key)
    assert "no limner answers at http://127.0.0.1:9" in words_in(without_server)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "1"], "--port is for --http"),
        (["--address", "limner.example.com"], "must be like https://limner.example.com"),
        (["--address", "https://limner.example.com"], "an API key for that address is missing"),
        (["--http", "--path", "mcp?"], "it must be like /mcp"),
        (["--http", "--key-file", "README.md"], "every caller brings a key of their own"),
    ],
)
def test_a_wrong_call_is_told_on_standard_error(options: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()
    done = subprocess.run(
        [sys.executable, "-m", "limner", "mcp", *options],
        env=environ(LIMNER_DATA_DIR=str(tmp_path)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode in {1, 2}
    assert words in done.stderr
    assert done.stdout == ""


def test_over_http_a_signal_ends_it(server: Server) -> None:
    with at_the_door(server, "--path", "/tools/mcp") as door:
        assert door.url.endswith("/tools/mcp")
        port = door.url.split(":")[2].partition("/")[0]
        taken = run(server.data_dir, "mcp", "--http", "--port", port, database_url="")
        assert taken.returncode == 1
        assert f"port {port} on 127.0.0.1 is in use" in taken.stderr
        assert taken.stderr.strip().endswith("choose another with --port")
        door.process.send_signal(signal.SIGTERM)
        assert door.process.wait(timeout=SECONDS) == 0
