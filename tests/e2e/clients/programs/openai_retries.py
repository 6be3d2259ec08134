"""OpenAI's package as it is: it waits and asks again by itself."""

import json
import sys

import openai

answer = openai.OpenAI().images.with_raw_response.generate(model="dall-e-2", prompt="otter", size="256x256")
json.dump({"retries": answer.retries_taken, "cost": answer.headers["x-credits-cost"]}, sys.stdout)
