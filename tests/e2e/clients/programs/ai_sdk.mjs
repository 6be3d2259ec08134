// The AI SDK: its own provider for OpenAI, and the one for whatever is compatible; as it is, and as it was when pictures were new in it.
import fs from "node:fs";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateImage } from "ai";
import { createOpenAI as createOpenAI6 } from "ai6-openai";
import { createOpenAICompatible as createOpenAICompatible6 } from "ai6-openai-compatible";
import { experimental_generateImage } from "ai6";

const [picture, mask] = process.argv.slice(2).map((path) => fs.readFileSync(path));
const settings = { baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY };
const ways = {
  openai: [generateImage, (name) => createOpenAI(settings).image(name)],
  compatible: [generateImage, (name) => createOpenAICompatible({ name: "limner", ...settings }).imageModel(name)],
  "openai, version 6": [experimental_generateImage, (name) => createOpenAI6(settings).image(name)],
  "compatible, version 6": [
    experimental_generateImage,
    (name) => createOpenAICompatible6({ name: "limner", ...settings }).imageModel(name),
  ],
};
const seen = ({ images, warnings }) => ({
  pictures: images.map((one) => [one.mediaType, one.base64.length]),
  warnings: warnings.length,
});

const told = {};
for (const [way, [generate, model]] of Object.entries(ways)) {
  const prompt = "A cute baby sea otter";
  const better = { quality: "hd", style: "vivid" };
  told[way] = {
    "dall-e-3": seen(
      await generate({
        model: model("dall-e-3"),
        prompt,
        size: "1792x1024",
        providerOptions: { openai: better, limner: better },
      }),
    ),
    "dall-e-2": seen(await generate({ model: model("dall-e-2"), prompt, n: 3, size: "256x256" })),
    "gpt-image-1": seen(await generate({ model: model("gpt-image-1"), prompt, n: 2 })),
    edit: seen(
      await generate({
        model: model("gpt-image-1"),
        prompt: { text: "at night", images: [picture] },
        size: "1024x1024",
      }),
    ),
    masked: seen(
      await generate({ model: model("gpt-image-1"), prompt: { text: "a red fox", images: [picture], mask } }),
    ),
  };
}
try {
  await generateImage({ model: ways.openai[1]("dall-e-3"), prompt: "otter", size: "3x3", maxRetries: 0 });
} catch (error) {
  told.refused = [error.statusCode, error.message];
}
console.log(JSON.stringify(told));
