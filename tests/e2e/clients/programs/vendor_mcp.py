"""The vendor's MCP server, asked by the official MCP client: it submits, and asks for the task."""

import asyncio
import json
import os
import sys
from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main(url: str) -> None:
    server = StdioServerParameters(command=str(Path(sys.executable).with_name("mcp-openai-pro")), env=dict(os.environ))
    async with stdio_client(server, errlog=sys.stderr) as (read, write), ClientSession(read, write) as session:
        await session.initialize()

        async def call(name: str, **arguments: object) -> dict:
            answer = await session.call_tool(name, arguments)
            assert not answer.isError, answer
            return json.loads(answer.content[0].text)

        async def ended(task_id: str) -> dict:
            while True:
                task = await call("openai_get_task", id=task_id)
                if task.get("finished_at") or task.get("response"):
                    return task
                await asyncio.sleep(0.2)

        painted = await ended(
            (await call("openai_generate_image", prompt="A cute baby sea otter", model="dall-e-3"))["task_id"]
        )
        edited = await ended(
            (await call("openai_edit_image", prompt="at night", image=url, model="gpt-image-1"))["task_id"]
        )
        tools = [tool.name for tool in (await session.list_tools()).tools]
    json.dump({"tools": tools, "painted": painted, "edited": edited}, sys.stdout)


asyncio.run(main(*sys.argv[1:]))
