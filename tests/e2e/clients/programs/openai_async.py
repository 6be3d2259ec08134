"""OpenAI's package, several requests at once."""

import asyncio
import json
import sys

import openai


async def main(picture: str) -> None:
    async with openai.AsyncOpenAI() as client:

        async def painted() -> str:
            answer = await client.images.generate(model="dall-e-3", prompt="A cute baby sea otter", quality="standard")
            return answer.data[0].url

        async def edited() -> str:
            with open(picture, "rb") as file:
                answer = await client.images.edit(model="gpt-image-1", image=file, prompt="at night", quality="low")
            return answer.data[0].b64_json

        async def streamed() -> list[str]:
            stream = await client.images.generate(
                model="gpt-image-1", prompt="A red fox and two cats", stream=True, partial_images=2
            )
            return [event.type async for event in stream]

        async def varied() -> int:
            with open(picture, "rb") as file:
                answer = await client.images.create_variation(image=file, n=2)
            return len(answer.data)

        url, edit, events, count = await asyncio.gather(painted(), edited(), streamed(), varied())
    json.dump({"url": url, "edit": edit, "events": events, "variations": count}, sys.stdout)


asyncio.run(main(*sys.argv[1:]))
