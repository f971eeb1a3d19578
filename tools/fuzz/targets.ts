import assert from "node:assert/strict";
import {
  decodeBase64,
  decodeClientMessage,
  decodeServerMessage,
  decodeUtf8,
  encodeBase64,
  encodeUtf8,
  formatClientMessage,
  formatCompoundCursor,
  formatCursor,
  formatDraft,
  formatPosition,
  formatSse,
  formatSubscription,
  jsonPayload,
  namespaceOf,
  parseChannelName,
  parseCompoundCursor,
  parseCursor,
  parseDraft,
  parseDraftText,
  parseEvent,
  parseJson,
  parsePosition,
  parseSubscription,
  payloadValue,
  type SseMessage,
  SseParser,
} from "@holdfast/protocol";
import { type RefusedVector, vectors } from "@holdfast/protocol/vectors";
import fc from "fast-check";
import { authTargets } from "./auth-targets.ts";
import { anyOf, jsonNear, mutated, sentences } from "./input.ts";
import { msgpackTargets } from "./msgpack-targets.ts";
import { requestTargets } from "./request-targets.ts";
import { type FuzzTarget, holdsRoundTrip, target, unlessRefused } from "./target.ts";

function refused(what: RefusedVector["what"]): string[] {
  return vectors.refused.filter((vector) => vector.what === what).map(({ text = "" }) => text);
}

function texts(list: readonly { readonly text: string }[]): string[] {
  return list.map(({ text }) => text);
}

const cursorWords = ["k3v9x2a", "-", "0", "17", "9007199254740991", "oldest", "latest", "orders", "=", ","];

function checkSubscription(input: string): void {
  holdsRoundTrip(
    input,
    (text) => parseSubscription(parseJson(text)),
    (subscription) => JSON.stringify(formatSubscription(subscription)),
  );
}

function checkEvent(input: string): void {
  holdsRoundTrip(
    input,
    (text) => parseEvent(parseJson(text)),
    ({ cursor, data, ...rest }) =>
      JSON.stringify({
        cursor: formatCursor(cursor),
        data: data instanceof Uint8Array ? encodeBase64(data) : data,
        ...rest,
      }),
  );
}

function readStream(
  pieces: readonly string[],
  blockCharsMax: number,
): { messages: SseMessage[]; end: unknown } {
  const messages: SseMessage[] = [];
  const parser = new SseParser((message) => messages.push(message), blockCharsMax);
  const read = unlessRefused(() => {
    for (const piece of pieces) parser.push(piece);
    return true;
  });
  return { messages, end: read && [parser.lastEventId, parser.retryMs] };
}

function cut(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let at = 0, turn = 0; at < text.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return pieces;
}

const streams = anyOf(
  mutated(texts(vectors.sse), ["data: ", "id: ", "event: ", "retry: 5", "\n\n", "\r", ": "]),
  sentences(["data", "id", "event", "retry", ":", " ", "a", "7", "\n", "\r", "\r\n", "\n\n", "\ufeff", "\0"]),
);

/** Every decoder of what comes from outside. A new one is one more entry. */
export const targets: readonly FuzzTarget[] = [
  target(
    "channel",
    anyOf(mutated(["orders", "chat:room-7", ...refused("channel")], [":", "@", "a"])),
    (input) => {
      holdsRoundTrip(input, parseChannelName, (name) => name);
      assert.ok(`${input}:`.startsWith(`${namespaceOf(input)}:`) || namespaceOf(input) === "");
    },
  ),
  target(
    "cursor",
    anyOf(mutated([...texts(vectors.cursors), ...refused("cursor")], cursorWords), sentences(cursorWords)),
    (input) => {
      holdsRoundTrip(input, parseCursor, formatCursor);
      holdsRoundTrip(input, parsePosition, formatPosition);
      const cursor = unlessRefused(() => parseCursor(input));
      if (cursor !== undefined) assert.equal(formatCursor(cursor), input);
    },
  ),
  target(
    "compound-cursor",
    anyOf(
      mutated([...texts(vectors.compoundCursors), ...refused("compound cursor")], cursorWords),
      sentences(cursorWords),
    ),
    (input) => holdsRoundTrip(input, parseCompoundCursor, (cursors) => formatCompoundCursor(cursors)),
  ),
  target(
    "base64",
    anyOf(mutated(["AP8Q", "AP8Q/g==", "AP8=", ...refused("base64")], ["A", "=", "=="])),
    (input) => holdsRoundTrip(input, decodeBase64, encodeBase64),
  ),
  target(
    "utf-8",
    fc.oneof(
      fc.uint8Array(),
      fc
        .tuple(fc.string({ unit: "grapheme", minLength: 1 }).map(encodeUtf8), fc.nat(), fc.nat(255))
        .map(([bytes, at, byte]) => bytes.with(at % bytes.length, byte)),
    ),
    (input) => {
      const text = unlessRefused(() => decodeUtf8(input));
      if (text !== undefined) assert.deepEqual(encodeUtf8(text), input);
    },
  ),
  target("json-payload", anyOf(fc.json(), mutated(['{"a":\r\n[1.0,"b\\n"]}'], ["\n", "\r"])), (input) => {
    const payload = unlessRefused(() => jsonPayload(input));
    if (payload === undefined || payload.encoding !== "json") return;
    assert.doesNotMatch(payload.text, /[\r\n]/);
    assert.deepEqual(payloadValue(payload), JSON.parse(input));
  }),
  target("draft", jsonNear(texts(vectors.drafts), refused("event to publish")), (input) => {
    holdsRoundTrip(input, parseDraftText, formatDraft);
    holdsRoundTrip(input, (text) => parseDraft(parseJson(text)), formatDraft);
  }),
  target(
    "event",
    jsonNear(
      vectors.events.map(({ json }) => json),
      refused("event"),
    ),
    checkEvent,
  ),
  target("subscription", jsonNear(texts(vectors.subscriptions), refused("subscription")), checkSubscription),
  target("client-message", jsonNear(texts(vectors.clientMessages), refused("client message")), (input) => {
    holdsRoundTrip(input, decodeClientMessage, formatClientMessage);
    const message = unlessRefused(() => decodeClientMessage(input));
    if (message === undefined || !("subscriptions" in message)) return;
    for (const subscription of message.subscriptions) checkSubscription(JSON.stringify(subscription));
  }),
  target("server-message", jsonNear(texts(vectors.serverMessages), refused("server message")), (input) => {
    holdsRoundTrip(input, decodeServerMessage, (message) => JSON.stringify(message));
    const message = unlessRefused(() => decodeServerMessage(input));
    if (message?.type !== "events") return;
    for (const event of message.events) checkEvent(JSON.stringify(event));
  }),
  target(
    "sse",
    fc.tuple(streams, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), fc.constantFrom(8, 1e6)),
    ([stream, sizes, blockCharsMax]) => {
      const whole = readStream([stream], blockCharsMax);
      assert.deepEqual(readStream(cut(stream, sizes), blockCharsMax), whole);
      const encoded = whole.messages.map(formatSse).join("");
      assert.deepEqual(readStream([encoded], 1e6).messages, whole.messages);
    },
  ),
  ...msgpackTargets,
  ...requestTargets,
  ...authTargets,
];
