"""OpenAI's package, one request after another: what people write who have read OpenAI's guide."""

import base64
import io
import json
import sys

import openai

first, second, mask = sys.argv[1:]
client = openai.OpenAI()
told: dict[str, object] = {}

answer = client.images.generate(
    model="dall-e-3", prompt="A cute baby sea otter", style="vivid", quality="hd", size="1792x1024"
)
told["dall-e-3"] = {"url": answer.data[0].url, "revised": answer.data[0].revised_prompt, "created": answer.created}

answer = client.images.generate(
    model="dall-e-2", prompt="A cute baby sea otter", n=4, size="256x256", response_format="b64_json", user="ada"
)
told["dall-e-2"] = [one.b64_json for one in answer.data]

answer = client.images.generate(
    model="gpt-image-1",
    prompt="A cute baby sea otter",
    background="transparent",
    output_format="webp",
    output_compression=80,
    moderation="low",
    quality="low",
)
told["gpt-image-1"] = {
    "bytes": answer.data[0].b64_json,
    "format": answer.output_format,
    "background": answer.background,
    "quality": answer.quality,
    "size": answer.size,
    "usage": answer.usage.to_dict(),
}

with open(first, "rb") as one, open(second, "rb") as other:
    answer = client.images.edit(model="gpt-image-1", image=[one, other], prompt="at night", input_fidelity="high")
told["edit of several"] = {"bytes": answer.data[0].b64_json, "revised": answer.data[0].revised_prompt}

with open(first, "rb") as one, open(mask, "rb") as hole:
    answer = client.images.edit(model="dall-e-2", image=one, mask=hole, prompt="a red fox", size="256x256", n=2)
told["edit with a mask"] = [one.url for one in answer.data]

with open(first, "rb") as one:
    inside = io.BytesIO(one.read())
inside.name = "otter.png"
answer = client.images.edit(model="gpt-image-1.5", image=inside, prompt="as a watercolour", output_format="jpeg")
told["edit from memory"] = base64.b64decode(answer.data[0].b64_json)[:3].hex()

with open(first, "rb") as one:
    answer = client.images.create_variation(image=one, n=2, size="512x512")
told["variations"] = [one.url for one in answer.data]

events = client.images.generate(
    model="gpt-image-1", prompt="A red fox and two cats", stream=True, partial_images=2, size="1024x1024"
)
told["stream"] = [
    {"type": event.type, "bytes": event.b64_json, "number": getattr(event, "partial_image_index", None)}
    for event in events
]
with open(first, "rb") as one:
    events = client.images.edit(model="gpt-image-1", image=one, prompt="in fog", stream=True, partial_images=1)
    told["stream of an edit"] = [[event.type, event.size, event.output_format] for event in events]

with open(first, "rb") as one:
    file = client.files.create(file=one, purpose="vision")
told["files"] = {
    "made": [file.id, file.purpose, file.bytes, file.filename],
    "listed": [one.id for one in client.files.list(limit=5)],
    "again": client.files.retrieve(file.id).id,
    "content": len(client.files.content(file.id).content),
    "deleted": client.files.delete(file.id).deleted,
}
told["models"] = [one.id for one in client.models.list()]
told["model"] = client.models.retrieve("dall-e-3").id

chat = client.chat.completions.create(
    model="gpt-image-1", messages=[{"role": "user", "content": "A cute baby sea otter"}]
)
told["chat"] = chat.choices[0].message.content
chunks = client.chat.completions.create(
    model="gpt-image-1", messages=[{"role": "user", "content": "A cute baby sea otter"}], stream=True
)
told["chat, streamed"] = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
response = client.responses.create(
    model="gpt-image-1", input="A cute baby sea otter", tools=[{"type": "image_generation"}]
)
told["response"] = [[one.type, one.status, len(one.result)] for one in response.output]
with client.responses.stream(model="gpt-image-1", input="A cute baby sea otter") as stream:
    told["response, streamed"] = [event.type for event in stream]

json.dump(told, sys.stdout)
