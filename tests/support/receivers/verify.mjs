// A receiver of callbacks: reads {secret, callbackSecret, headers, body} on standard input, prints what it makes of both
// signatures as {standard, callback}: "valid", or why not; null for one that there is no secret for.
import { createHmac, timingSafeEqual } from "node:crypto";
import { text } from "node:stream/consumers";

import { Webhook } from "standardwebhooks";

function standard({ secret, headers, body }) {
  try {
    new Webhook(secret).verify(body, headers);
    return "valid";
  } catch (error) {
    return error.message;
  }
}

function callback({ callbackSecret, headers, body }) {
  const given = Buffer.from(headers["x-callback-signature"] ?? "", "hex");
  const expected = createHmac("sha256", callbackSecret).update(body, "utf8").digest();
  return given.length === expected.length && timingSafeEqual(given, expected) ? "valid" : "wrong";
}

const received = JSON.parse(await text(process.stdin));
const verdicts = {
  standard: received.secret ? standard(received) : null,
  callback: received.callbackSecret ? callback(received) : null,
};
process.stdout.write(JSON.stringify(verdicts));
