import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import test, { describe } from "node:test";
import {
  type ClientMessage,
  checkClientMessage,
  checkServerMessage,
  decodeBase64,
  decodeClientMessage,
  decodeServerMessage,
  decodeUtf8,
  errorMessage,
  formatClientMessage,
  formatCompoundCursor,
  formatCursor,
  formatDraft,
  formatEvent,
  formatEvents,
  formatSse,
  formatSseComment,
  formatSubscription,
  frame,
  HoldfastError,
  jsonPayload,
  type Payload,
  parseChannelName,
  parseCompoundCursor,
  parseCursor,
  parseDraftText,
  parseEvent,
  parseJson,
  parsePosition,
  parseSubscription,
  payloadValue,
  type ServerMessage,
  type SseMessage,
  SseParser,
  sseData,
  toProblem,
} from "../index.ts";
import { msgpackCodec, packControl, packEvent, packEvents, readPackedMessage } from "../msgpack/index.ts";
import { type DraftFields, type PayloadVector, type RefusedVector, vectors } from "./index.ts";

function toPayload(payload: PayloadVector): Payload {
  if ("json" in payload) return { encoding: "json", text: payload.json };
  if ("text" in payload) return { encoding: "text", text: payload.text };
  return { encoding: "base64", bytes: fromHex(payload.hex) };
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

/** A draft or event as the code has it. */
function withPayload<T extends DraftFields>({
  payload,
  ...rest
}: T): Omit<T, "payload"> & { payload: Payload } {
  return { payload: toPayload(payload), ...rest };
}

function toMessage(message: Readonly<Record<string, unknown>>): ClientMessage {
  const publish = message as { type: string; events: readonly DraftFields[] };
  const plain =
    publish.type === "publish" ? { ...message, events: publish.events.map(withPayload) } : message;
  return plain as ClientMessage;
}

describe("cursors", () => {
  for (const { name, text, epoch, offset } of vectors.cursors) {
    test(`[VEC-1] [CUR-1] ${name}`, () => {
      assert.equal(formatCursor({ epoch, offset }), text);
      assert.deepEqual(parseCursor(text), { epoch, offset });
      assert.deepEqual(parsePosition(text), { epoch, offset });
    });
  }
});

describe("compound cursors", () => {
  for (const { name, text, cursors } of vectors.compoundCursors) {
    test(`[VEC-1] [CUR-4] ${name}`, () => {
      const map = new Map(cursors.map(({ channel, cursor }) => [channel, parseCursor(cursor)]));
      assert.equal(formatCompoundCursor(map), text);
      assert.deepEqual([...parseCompoundCursor(text)], [...map]);
      // Whatever the order in which a server holds them, the event's own channel leads.
      const [first] = map.keys();
      const turned = new Map([...map].slice(1).concat([...map].slice(0, 1)));
      assert.equal(formatCompoundCursor(turned, first), text);
    });
  }
});

describe("events", () => {
  for (const { name, epoch, event, json, sse } of vectors.events) {
    const logEvent = withPayload(event);
    const { payload, offset, ...rest } = logEvent;

    test(`[VEC-1] [EVT-1] in JSON: ${name}`, () => {
      assert.equal(formatEvent(epoch, logEvent), json);
      const encoding = payload.encoding === "json" ? {} : { encoding: payload.encoding };
      const received = { cursor: { epoch, offset }, data: payloadValue(payload), ...encoding, ...rest };
      assert.deepEqual(parseEvent(parseJson(json)), received);
    });

    test(`[VEC-1] [SSE-2] on the plain face: ${name}`, () => {
      const { type } = event;
      const id = formatCursor({ epoch, offset });
      const block = { id, data: sseData(payload), ...(type === undefined ? {} : { event: type }) };
      assert.equal(formatSse(block), sse);
    });
  }

  for (const { name, text, draft } of vectors.drafts) {
    test(`[VEC-1] [EVT-1] to publish: ${name}`, () => {
      assert.equal(formatDraft(withPayload(draft)), text);
      assert.deepEqual(parseDraftText(text), withPayload(draft));
    });
  }
});

describe("messages of a client", () => {
  for (const { name, text, message } of vectors.clientMessages) {
    test(`[VEC-1] ${name}`, () => {
      assert.equal(formatClientMessage(toMessage(message)), text);
      assert.deepEqual(decodeClientMessage(text), toMessage(message));
    });
  }

  for (const { name, text, subscription } of vectors.subscriptions) {
    test(`[VEC-1] [READ-2] a subscription ${name}`, () => {
      assert.equal(JSON.stringify(formatSubscription(subscription)), text);
      assert.deepEqual(parseSubscription(parseJson(text)), subscription);
    });
  }
});

describe("messages of a server", () => {
  const encode = (message: ServerMessage): string => {
    if (message.type === "events") {
      const { channel, from, to, events } = message;
      return formatEvents(
        channel,
        from,
        to,
        events.map((event) => JSON.stringify(event)),
      );
    }
    if (message.type === "error") {
      const { code, message: detail, cursor, type: _, retry: __, ...about } = message;
      return JSON.stringify(
        errorMessage(new HoldfastError(code, detail, cursor === undefined ? {} : { cursor }), about),
      );
    }
    return JSON.stringify(message);
  };
  for (const { name, text, message } of vectors.serverMessages) {
    test(`[VEC-1] ${name}`, () => {
      assert.equal(encode(message), text);
      assert.deepEqual(decodeServerMessage(text), message);
    });
  }

  test("[VEC-1] every type of either side has a vector", () => {
    const types = (list: readonly { message: { type: string } }[]) =>
      [...new Set(list.map(({ message }) => message.type))].sort();
    const client: Record<ClientMessage["type"], true> = {
      auth: true,
      hello: true,
      ping: true,
      presence: true,
      publish: true,
      signal: true,
      subscribe: true,
      unsubscribe: true,
    };
    const server: Record<ServerMessage["type"], true> = {
      end: true,
      error: true,
      events: true,
      expiring: true,
      gap: true,
      heartbeat: true,
      pong: true,
      presence: true,
      published: true,
      reconnect: true,
      renewed: true,
      signal: true,
      subscribed: true,
      unsubscribed: true,
      welcome: true,
    };
    assert.deepEqual(types(vectors.clientMessages), Object.keys(client));
    assert.deepEqual(types(vectors.serverMessages), Object.keys(server));
  });
});

describe("event streams", () => {
  for (const { name, blocks, text, messages, lastEventId, retryMs } of vectors.sse) {
    test(`[VEC-1] [SSE-2] ${name}`, () => {
      const encoded = blocks?.map((block) =>
        "comment" in block ? formatSseComment(block.comment) : formatSse(block),
      );
      if (encoded !== undefined) assert.equal(encoded.join(""), text);
      for (const pieces of [[text], text.split("")]) {
        const read: SseMessage[] = [];
        const parser = new SseParser((message) => read.push(message));
        for (const piece of pieces) parser.push(piece);
        assert.deepEqual(read, messages);
        assert.equal(parser.lastEventId, lastEventId);
        assert.equal(parser.retryMs, retryMs);
      }
    });
  }
});

describe("WebSocket frames", () => {
  for (const { name, kind, deflated, header, payload } of vectors.websocketFrames) {
    test(`[VEC-1] ${name}`, () => {
      const bytes = Buffer.from(payload.hex.repeat(payload.times), "hex");
      assert.equal(Buffer.from(frame(kind, bytes, deflated)).toString("hex"), header + bytes.toString("hex"));
    });
  }
});

describe("problem documents", () => {
  for (const { name, code, detail, cursor, text } of vectors.problems) {
    test(`[VEC-1] ${name}`, () => {
      const error = new HoldfastError(code, detail, cursor === undefined ? {} : { cursor });
      assert.equal(JSON.stringify(toProblem(error)), text);
    });
  }
});

describe("in MessagePack", () => {
  const hexOf = (bytes: string | Uint8Array) => Buffer.from(bytes as Uint8Array).toString("hex");

  for (const { name, message, hex } of vectors.msgpackClientMessages) {
    test(`[VEC-1] [PACK-1] [PACK-4] of a client: ${name}`, () => {
      assert.equal(hexOf(msgpackCodec.encode(toMessage(message))), hex);
      assert.deepEqual(checkClientMessage(readPackedMessage(fromHex(hex))), toMessage(message));
    });
  }

  for (const { name, message, hex } of vectors.msgpackServerMessages) {
    test(`[VEC-1] [PACK-1] [PACK-4] of a server: ${name}`, () => {
      assert.equal(hexOf(packControl(message)), hex);
      assert.deepEqual(checkServerMessage(msgpackCodec.decode(fromHex(hex))), message);
    });
  }

  for (const { name, channel, epoch, from, to, events, hex } of vectors.msgpackEvents) {
    test(`[VEC-1] [PACK-2] [PACK-4] events: ${name}`, () => {
      const logEvents = events.map(withPayload);
      const packed = logEvents.map((event) => packEvent(epoch, event));
      assert.equal(hexOf(packEvents(channel, `${epoch}-${from}`, `${epoch}-${to}`, packed)), hex);
      const message = checkServerMessage(msgpackCodec.decode(fromHex(hex)));
      assert.ok(message.type === "events");
      assert.deepEqual([message.from, message.to], [`${epoch}-${from}`, `${epoch}-${to}`]);
      const received = logEvents.map(({ payload, offset, ...rest }) => {
        const encoding = payload.encoding === "json" ? {} : { encoding: payload.encoding };
        return { cursor: { epoch, offset }, data: payloadValue(payload), ...encoding, ...rest };
      });
      assert.deepEqual(message.events.map(parseEvent), received);
    });
  }

  test("[VEC-1] every message with a vector in JSON has one in MessagePack", () => {
    const types = (list: readonly { message: { type: string } }[]) =>
      new Set(list.map(({ message }) => message.type));
    assert.deepEqual(types(vectors.msgpackClientMessages), types(vectors.clientMessages));
    const server = types(vectors.serverMessages);
    server.delete("events");
    assert.deepEqual(types(vectors.msgpackServerMessages), server);
  });
});

const decoders: Record<RefusedVector["what"], (text: string, bytes: Uint8Array) => unknown> = {
  channel: parseChannelName,
  cursor: parseCursor,
  position: parsePosition,
  "compound cursor": parseCompoundCursor,
  "client message": decodeClientMessage,
  subscription: (text) => parseSubscription(parseJson(text)),
  "event to publish": parseDraftText,
  event: (text) => parseEvent(parseJson(text)),
  "server message": decodeServerMessage,
  "JSON payload": jsonPayload,
  base64: decodeBase64,
  "UTF-8": (_, bytes) => decodeUtf8(bytes),
  "client message in MessagePack": (_, bytes) => checkClientMessage(readPackedMessage(bytes)),
  "server message in MessagePack": (_, bytes) => checkServerMessage(msgpackCodec.decode(bytes)),
};

describe("refused", () => {
  for (const { name, what, text = "", hex = "", code } of vectors.refused) {
    test(`[VEC-1] ${what}: ${name}`, () => {
      assert.throws(() => decoders[what](text, fromHex(hex)), { name: "HoldfastError", code });
    });
  }

  test("[VEC-1] of everything that can be refused there is a vector", () => {
    assert.deepEqual(new Set(vectors.refused.map(({ what }) => what)), new Set(Object.keys(decoders)));
  });
});
