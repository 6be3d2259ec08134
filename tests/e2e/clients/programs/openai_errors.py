"""What OpenAI's package makes of a refusal: the class by which programs tell one from another, and what it says."""

import json
import sys

import openai

picture, wide_mask, used_up_key = sys.argv[1:]
client = openai.OpenAI(max_retries=0)
told = {}


def tried(name, act):
    try:
        act()
    except openai.APIStatusError as error:
        told[name] = {
            "class": type(error).__name__,
            "status": error.status_code,
            "code": error.code,
            "param": error.param,
            "type": error.type,
            "request": error.request_id,
            "message": error.body["message"]
            if isinstance(error.body, dict) and "message" in error.body
            else str(error),
        }
    else:
        told[name] = "went well"


tried("size", lambda: client.images.generate(model="dall-e-3", prompt="otter", size="3x3"))
tried("model", lambda: client.images.generate(model="dall-e-9", prompt="otter"))
tried("key", lambda: client.with_options(api_key="sk-nobody").images.generate(model="dall-e-3", prompt="otter"))
tried("credits", lambda: client.with_options(api_key=used_up_key).images.generate(model="dall-e-3", prompt="otter"))
tried("file", lambda: client.files.retrieve("file-0"))
with open(picture, "rb") as one, open(wide_mask, "rb") as other:
    tried("mask", lambda: client.images.edit(model="gpt-image-1", image=one, mask=other, prompt="night"))
with open(__file__, "rb") as words:
    tried("no picture", lambda: client.images.edit(model="gpt-image-1", image=words, prompt="night"))
try:
    client.with_options(timeout=0.001).images.generate(model="dall-e-3", prompt="otter")
except openai.APITimeoutError as error:
    told["timeout"] = type(error).__name__
json.dump(told, sys.stdout)
