"""No SDK at all: the vendor's page as it stands, and a form."""

import json
import os
import sys

import requests

base, key = os.environ["BASE_URL"], os.environ["API_KEY"]
headers = {"accept": "application/json", "authorization": f"Bearer {key}", "content-type": "application/json"}
told = {}

payload = {
    "model": "dall-e-3",
    "prompt": "A cute baby sea otter",
    "quality": "hd",
    "style": "vivid",
    "response_format": "url",
}
told["painted"] = requests.post(f"{base}/openai/images/generations", json=payload, headers=headers).json()
told["streamed"] = requests.post(
    f"{base}/openai/images/generations",
    json={"model": "gpt-image-1", "prompt": "A cute baby sea otter", "stream": True, "partial_images": 1},
    headers=headers,
).text.count("event: ")
with open(sys.argv[1], "rb") as one, open(sys.argv[1], "rb") as other:
    told["edited"] = requests.post(
        f"{base}/openai/images/edits",
        data={"model": "gpt-image-1", "prompt": "at night", "response_format": "url"},
        files=[("image[]", one), ("image[]", other)],
        headers={"authorization": f"Bearer {key}"},
    ).json()
told["linked"] = requests.post(
    f"{base}/openai/images/edits",
    json={"model": "gpt-image-1", "prompt": "in fog", "image": told["painted"]["data"][0]["url"]},
    headers=headers,
).json()
task = requests.post(f"{base}/openai/images/generations", json={**payload, "async": True}, headers=headers).json()[
    "task_id"
]
ended = {}
while not ended.get("finished_at"):
    ended = requests.post(f"{base}/openai/tasks", json={"id": task, "action": "retrieve"}, headers=headers).json()
told["task"] = ended
json.dump(told, sys.stdout)
