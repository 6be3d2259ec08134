"""The SDK of the vendor whose page limner began with."""

import json
import os
import sys
import typing

from acedatacloud import AceDataCloud
from acedatacloud.resources.openai_compat import OpenAIImageModel

base, picture = os.environ["BASE_URL"], sys.argv[1]
client = AceDataCloud(base_url=base, platform_base_url=base)
told = {}

told["models"] = {
    model: client.openai.images.generate(prompt="A cute baby sea otter", model=model)["data"][0]["url"]
    for model in typing.get_args(OpenAIImageModel)
}
painted = client.openai.images.generate(
    prompt="A cute baby sea otter", model="dall-e-3", quality="hd", style="natural", size="1024x1792"
)
told["painted"] = painted
url = painted["data"][0]["url"]
told["edited"] = client.openai.images.edit(image=url, prompt="at night", model="gpt-image-1", size="1024x1024")
told["of two"] = client.openai.images.edit(image=[url, url], prompt="side by side", model="nano-banana")
told["task"] = client.openai.images.generate(prompt="A cute baby sea otter", model="dall-e-3", async_=True)
told["ended"] = client.tasks.wait(told["task"]["task_id"], service="openai", poll_interval=0.2, max_wait=60)
told["chat"] = client.openai.chat.completions.create(
    model="gpt-image-1", messages=[{"role": "user", "content": "A cute baby sea otter"}]
)["choices"][0]["message"]["content"]
told["chat, streamed"] = len(
    list(
        client.openai.chat.completions.create(
            model="gpt-image-1", messages=[{"role": "user", "content": "A cute baby sea otter"}], stream=True
        )
    )
)
told["response"] = client.openai.responses.create(model="gpt-image-1", input="A cute baby sea otter")["output"][0][
    "type"
]
uploaded = client.files.upload(picture)
told["uploaded"] = uploaded
told["from the upload"] = client.openai.images.edit(image=uploaded["url"], prompt="in fog", model="gpt-image-1")
try:
    client.openai.images.generate(prompt="A cute baby sea otter", model="dall-e-3", size="3x3")
except Exception as error:  # whatever class it has
    told["refused"] = [type(error).__name__, str(error)]
json.dump(told, sys.stdout)
