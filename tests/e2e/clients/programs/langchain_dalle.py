"""LangChain's wrapper of dall-e, with its own defaults and with those of dall-e-3."""

import json
import sys

from langchain_community.utilities.dalle_image_generator import DallEAPIWrapper

plain = DallEAPIWrapper().run("A cute baby sea otter")
better = DallEAPIWrapper(model="dall-e-3", quality="hd", size="1024x1792").run("A cute baby sea otter")
several = DallEAPIWrapper(model="dall-e-2", n=2, size="256x256", separator="|").run("A cute baby sea otter")
json.dump({"plain": plain, "better": better, "several": several.split("|")}, sys.stdout)
