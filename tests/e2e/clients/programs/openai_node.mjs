// OpenAI's package for Node.
import fs from "node:fs";
import OpenAI, { toFile } from "openai";

const [first, second, mask] = process.argv.slice(2);
const client = new OpenAI();
const told = {};
const all = async (events, seen) => {
  const found = [];
  for await (const event of events) found.push(seen(event));
  return found;
};

let answer = await client.images.generate({
  model: "dall-e-3", prompt: "A cute baby sea otter", style: "vivid", quality: "hd", size: "1024x1792",
});
told["dall-e-3"] = answer.data[0].url;
answer = await client.images.generate({
  model: "gpt-image-1", prompt: "A cute baby sea otter", output_format: "jpeg", output_compression: 70, n: 2,
});
told["gpt-image-1"] = { bytes: answer.data.map((one) => one.b64_json), usage: answer.usage, format: answer.output_format };
told.stream = await all(
  await client.images.generate({ model: "gpt-image-1", prompt: "A red fox and two cats", stream: true, partial_images: 2 }),
  (event) => event.type,
);
answer = await client.images.edit({
  model: "gpt-image-1",
  prompt: "at night",
  image: [fs.createReadStream(first), await toFile(fs.readFileSync(second), "second.png", { type: "image/png" })],
});
told.edit = answer.data[0].b64_json;
answer = await client.images.edit({
  model: "dall-e-2", prompt: "a red fox", image: fs.createReadStream(first), mask: fs.createReadStream(mask), size: "256x256",
});
told.masked = answer.data[0].url;
told["stream of an edit"] = await all(
  await client.images.edit({
    model: "gpt-image-1", prompt: "in fog", image: fs.createReadStream(first), stream: true, partial_images: 1,
  }),
  (event) => event.type,
);
answer = await client.images.createVariation({ image: fs.createReadStream(first), n: 2 });
told.variations = answer.data.map((one) => one.url);
const file = await client.files.create({ file: fs.createReadStream(first), purpose: "vision" });
told.files = [file.id, (await client.files.retrieve(file.id)).bytes, (await client.files.delete(file.id)).deleted];
told.models = await all(client.models.list(), (model) => model.id);
const chat = await client.chat.completions.create({
  model: "gpt-image-1", messages: [{ role: "user", content: "A cute baby sea otter" }],
});
told.chat = chat.choices[0].message.content;
const response = await client.responses.create({ model: "gpt-image-1", input: "A cute baby sea otter" });
told.response = response.output.map((one) => one.type);
try {
  await client.images.generate({ model: "dall-e-3", prompt: "otter", size: "3x3" });
} catch (error) {
  told.refused = [error.constructor.name, error.status, error.code, error.param];
}
console.log(JSON.stringify(told));
