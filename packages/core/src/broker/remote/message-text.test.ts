import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogEvent, Payload } from "@holdfast/protocol";
import fc from "fast-check";
import { decodeMessage, encodeMessage } from "./message-text.ts";
import type { Reply, Request } from "./messages.ts";

const wellFormed = fc.string({ unit: "binary" });
const payload: fc.Arbitrary<Payload> = fc.oneof(
  fc.json().map((text) => ({ encoding: "json", text }) as const),
  wellFormed.map((text) => ({ encoding: "text", text }) as const),
  fc.uint8Array().map((bytes) => ({ encoding: "base64", bytes }) as const),
);
const labels = { type: fc.string(), key: fc.string(), id: fc.string(), from: wellFormed };
const draft = fc.record({ payload, ...labels }, { requiredKeys: ["payload"], noNullPrototype: true });
const event: fc.Arbitrary<LogEvent> = fc
  .tuple(draft, fc.nat(), fc.nat())
  .map(([one, offset, at]) => ({ ...one, offset, at }));

test("[EVT-1] what goes through text arrives as it was, on one line, and of the kind it was", () => {
  fc.assert(
    fc.property(fc.array(draft), fc.array(event), (drafts, events) => {
      const batch = { epoch: "a", from: 0, to: 9, events };
      const range = { epoch: "a", floor: 0, head: 9, closed: false };
      const messages: readonly (Request | Reply)[] = [
        { ask: "append", id: 1, channel: "a", drafts },
        { is: "appended", channel: "a", batch },
        { is: "answer", id: 2, value: { ...batch, range } },
        { is: "answer", id: 3, value: { epoch: "a", to: 9, events, truncatedAt: 0 } },
      ];
      for (const message of messages) {
        const text = encodeMessage(message);
        assert.doesNotMatch(text, /\n/);
        assert.deepEqual(decodeMessage(text), message);
      }
    }),
  );
});

test("[EVT-1] bytes of a Buffer arrive as bytes", () => {
  const bytes = Buffer.from([0, 1, 255]);
  const message: Request = {
    ask: "append",
    id: 1,
    channel: "a",
    drafts: [{ payload: { encoding: "base64", bytes } }],
  };
  const { drafts } = decodeMessage<Extract<Request, { ask: "append" }>>(encodeMessage(message));
  assert.deepEqual(drafts, [{ payload: { encoding: "base64", bytes: new Uint8Array([0, 1, 255]) } }]);
});
