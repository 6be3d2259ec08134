"""LiteLLM as a client."""

import asyncio
import json
import os
import sys

import litellm

base, picture = os.environ["OPENAI_BASE_URL"], sys.argv[1]
told = {}

answer = litellm.image_generation(
    model="dall-e-3", prompt="A cute baby sea otter", quality="hd", style="vivid", api_base=base
)
told["dall-e-3"] = answer.data[0].url
answer = litellm.image_generation(
    model="openai/gpt-image-1", prompt="A cute baby sea otter", quality="low", background="transparent", api_base=base
)
told["gpt-image-1"] = answer.data[0].b64_json
answer = asyncio.run(
    litellm.aimage_generation(
        model="openai/dall-e-2", prompt="A cute baby sea otter", n=2, size="256x256", api_base=base
    )
)
told["later"] = [one.url for one in answer.data]
with open(picture, "rb") as one, open(picture, "rb") as other:
    answer = litellm.image_edit(model="openai/gpt-image-1", image=[one, other], prompt="at night", api_base=base)
told["edit"] = answer.data[0].b64_json
with open(picture, "rb") as one:
    answer = litellm.image_variation(model="openai/dall-e-2", image=one, n=1, api_base=base)
told["variation"] = answer.data[0].url
answer = litellm.completion(
    model="openai/gpt-image-1", messages=[{"role": "user", "content": "A cute baby sea otter"}], api_base=base
)
told["chat"] = answer.choices[0].message.content
try:
    litellm.image_generation(model="dall-e-3", prompt="otter", size="3x3", api_base=base)
except litellm.BadRequestError as error:
    told["refused"] = str(error)
json.dump(told, sys.stdout)
