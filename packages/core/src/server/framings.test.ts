import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ControlMessage, type Cursor, decodeUtf8, type LogEvent, SseParser } from "@holdfast/protocol";
import { msgpackCodec } from "@holdfast/protocol/msgpack";
import { Batch, EncodedEvent, type Framing, Notice } from "./batch.ts";
import { compoundSse, framings } from "./framings.ts";

const order: LogEvent = {
  offset: 16,
  at: 1_790_000_000_000,
  payload: { encoding: "json", text: '{"total":42}' },
  type: "order.paid",
  key: "order-7",
};
const note: LogEvent = {
  offset: 17,
  at: 1_790_000_000_001,
  payload: { encoding: "text", text: "two\nlines" },
};

function batchOf(...events: LogEvent[]): Batch {
  const encoded = events.map((event) => new EncodedEvent("k", event));
  return new Batch("orders", "k", 15, 18, encoded);
}

const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : decodeUtf8(bytes));

/** The payloads of the frames in some bytes, all of them shorter than 64 KB. */
function unframe(bytes: Uint8Array | undefined): string[] {
  const texts: string[] = [];
  for (let at = 0; bytes !== undefined && at < bytes.length; ) {
    assert.equal(bytes[at], 0x81, "a whole text frame");
    const short = bytes[at + 1] ?? 0;
    const [length, header] =
      short < 126 ? [short, 2] : [((bytes[at + 2] ?? 0) << 8) + (bytes[at + 3] ?? 0), 4];
    texts.push(decodeUtf8(bytes.subarray(at + header, at + header + length)));
    at += header + length;
  }
  return texts;
}

const subscribed: ControlMessage = { type: "subscribed", channel: "orders", cursor: "k-15", head: "k-18" };
const gap: ControlMessage = { type: "gap", channel: "orders", from: "k-3", to: "k-15", reason: "expired" };
const end: ControlMessage = { type: "end", channel: "orders", cursor: "k-18" };
const reconnect: ControlMessage = { type: "reconnect", delayMs: 1500, reason: "drain" };
const heartbeat: ControlMessage = { type: "heartbeat", heads: { orders: "k-18" } };
const error: ControlMessage = { type: "error", code: "forbidden", message: "No.", retry: "never", ref: 4 };
const published: ControlMessage = {
  type: "published",
  ref: 4,
  results: [{ cursor: "k-18", at: 5, duplicate: false }],
};
const pong: ControlMessage = { type: "pong" };

describe("the session protocol", () => {
  test("[DUP-1] [EVT-1] has one message in every envelope", () => {
    const batch = batchOf(order, note);
    const json = text(framings.sessionText.events(batch)) ?? "";
    assert.deepEqual(JSON.parse(json), {
      type: "events",
      channel: "orders",
      from: "k-15",
      to: "k-18",
      events: [
        { cursor: "k-16", at: 1_790_000_000_000, data: { total: 42 }, type: "order.paid", key: "order-7" },
        { cursor: "k-17", at: 1_790_000_000_001, data: "two\nlines", encoding: "text" },
      ],
    });
    assert.deepEqual(unframe(framings.sessionWebSocket.events(batch)), [json]);
    assert.equal(text(framings.sessionSse.events(batch)), `data: ${json}\n\n`);
  });

  test("[SES-7] says everything that the server has to say", () => {
    for (const message of [subscribed, gap, end, reconnect, heartbeat, error, published, pong]) {
      const json = JSON.stringify(message);
      assert.equal(text(framings.sessionText.control(message)), json);
      assert.deepEqual(unframe(framings.sessionWebSocket.control(message)), [json]);
      assert.equal(text(framings.sessionSse.control(message)), `data: ${json}\n\n`);
    }
  });
});

describe("the session protocol in MessagePack", () => {
  test("[PACK-1] [DUP-1] has the same message in a binary frame, made once for all its readers", () => {
    const batch = batchOf(order, note);
    const framed = batch.bytes(framings.msgpackWebSocket);
    assert.deepEqual([...framed.subarray(0, 2)], [0x82, 126]);
    const message = msgpackCodec.decode(framed.subarray(4)) as { events: object[] };
    const inJson = JSON.parse(text(framings.sessionText.events(batch)) ?? "") as object;
    // Where its encoding was "json" it is there, and undefined.
    assert.deepEqual(JSON.parse(JSON.stringify(message)), inJson);
    assert.equal(batch.bytes(framings.msgpackWebSocket), framed);
    const [first] = batch.events;
    assert.equal(first?.packed, first?.packed);
  });

  test("[PACK-1] [SES-7] says everything that the server has to say", () => {
    for (const message of [subscribed, gap, end, reconnect, heartbeat, error, published, pong]) {
      const framed = framings.msgpackWebSocket.control(message);
      assert.deepEqual([framed?.[0], framed?.[1]], [0x82, (framed?.length ?? 0) - 2]);
      assert.deepEqual(msgpackCodec.decode(framed?.subarray(2) ?? ""), message);
    }
  });
});

describe("one channel as Server-Sent Events", () => {
  test("[SSE-2] an event is its cursor, its type if it has one, and its payload alone", () => {
    assert.equal(
      text(framings.plainSse.events(batchOf(order, note))),
      'id: k-16\nevent: order.paid\ndata: {"total":42}\n\nid: k-17\ndata: two\ndata: lines\n\n',
    );
  });

  test("[SSE-2] [DUP-1] a batch without events says how far it reaches, and nothing else", () => {
    assert.equal(text(framings.plainSse.events(batchOf())), "id: k-18\n\n");
  });

  test("[SSE-1] [READ-1] begins with an id and no data", () => {
    assert.equal(text(framings.plainSse.control(subscribed)), "id: k-15\n\n");
  });

  test("[SSE-4] [SSE-5] [SSE-6] [SSE-7] gap, end, reconnect and heartbeat", () => {
    assert.equal(
      text(framings.plainSse.control(gap)),
      'id: k-15\nevent: gap\ndata: {"channel":"orders","from":"k-3","to":"k-15","reason":"expired"}\n\n',
    );
    assert.equal(
      text(framings.plainSse.control(end)),
      'event: end\ndata: {"channel":"orders","cursor":"k-18"}\n\n',
    );
    assert.equal(
      text(framings.plainSse.control(reconnect)),
      'retry: 1500\nevent: reconnect\ndata: {"delayMs":1500,"reason":"drain"}\n\n',
    );
    assert.equal(text(framings.plainSse.control(heartbeat)), ": heartbeat k-18\n\n");
    assert.equal(text(framings.plainSse.control({ type: "heartbeat", heads: {} })), ": heartbeat\n\n");
  });

  test("[SSE-2] the rest is not said there", () => {
    for (const message of [error, published, pong])
      assert.equal(framings.plainSse.control(message), undefined);
  });
});

describe("several channels as Server-Sent Events", () => {
  /** The ids that a client would have resumed with, one after the other. */
  function ids(framing: Framing, ...said: (Batch | ControlMessage)[]): string[] {
    const seen: string[] = [];
    for (const one of said) {
      const bytes = one instanceof Batch ? framing.events(one) : framing.control(one);
      seen.push(...(text(bytes)?.match(/(?<=^id: ).*$/gm) ?? []));
    }
    return seen;
  }

  test("[SSE-8] [CUR-4] every id resumes them all, and names the event's own channel first", () => {
    const framing = compoundSse(new Map([["chat", { epoch: "m", offset: 3 }]]));
    const chat = new Batch("chat", "m", 3, 5, [new EncodedEvent("m", { ...note, offset: 4 })]);
    assert.deepEqual(ids(framing, subscribed, batchOf(order, note), chat, gap), [
      "orders=k-15,chat=m-3",
      "orders=k-16,chat=m-3",
      "orders=k-17,chat=m-3",
      "chat=m-4,orders=k-18",
      "orders=k-15,chat=m-5",
    ]);
  });

  test("[SSE-8] a batch without events moves its channel, and a stream has its own positions", () => {
    const start = new Map<string, Cursor>([["chat", { epoch: "m", offset: 3 }]]);
    const framing = compoundSse(start);
    assert.deepEqual(ids(framing, subscribed, batchOf()), ["orders=k-15,chat=m-3", "orders=k-18,chat=m-3"]);
    assert.equal(framing.slot, -1);
    assert.equal(start.size, 1);
  });

  test("[SSE-8] what it says is what an EventSource hears", () => {
    const heard: string[] = [];
    const parser = new SseParser(({ event, data }) => heard.push(`${event} ${data}`));
    const framing = compoundSse(new Map());
    for (const said of [
      framing.control(subscribed),
      framing.events(batchOf(order, note)),
      framing.control(end),
    ]) {
      parser.push(text(said) ?? "");
    }
    assert.deepEqual(heard, [
      'order.paid {"total":42}',
      "message two\nlines",
      'end {"channel":"orders","cursor":"k-18"}',
    ]);
  });
});

describe("one channel as WebSocket messages", () => {
  test("[WSP-1] each event is one message", () => {
    const batch = batchOf(order, note);
    assert.deepEqual(
      unframe(framings.plainWebSocket.events(batch)),
      batch.events.map(({ json }) => json),
    );
  });

  test("[WSP-1] [WSP-2] what else the server says has `control`, and the fields of the message of that name", () => {
    const said = (message: ControlMessage) =>
      unframe(framings.plainWebSocket.control(message)).map((one) => JSON.parse(one));
    assert.deepEqual(said(subscribed), [
      { control: "subscribed", channel: "orders", cursor: "k-15", head: "k-18" },
    ]);
    assert.deepEqual(said(gap), [
      { control: "gap", channel: "orders", from: "k-3", to: "k-15", reason: "expired" },
    ]);
    assert.deepEqual(said(end), [{ control: "end", channel: "orders", cursor: "k-18" }]);
    assert.deepEqual(said(reconnect), [{ control: "reconnect", delayMs: 1500, reason: "drain" }]);
    assert.deepEqual(said(published), [{ control: "published", cursor: "k-18", at: 5, duplicate: false }]);
    assert.equal(said(error)[0].control, "error");
    assert.deepEqual(said(pong), []);
  });

  test("[WSP-3] a heartbeat is a ping", () => {
    assert.deepEqual([...(framings.plainWebSocket.control(heartbeat) ?? [])], [0x89, 0]);
  });
});

describe("sharing", () => {
  test("[BND] a batch or notice is encoded once for all whose framing is the same, and for each that has its own", () => {
    let encodings = 0;
    const counting = (slot: number): Framing => ({
      slot,
      events: (batch) => {
        encodings++;
        return framings.sessionText.events(batch);
      },
      control: (message) => {
        encodings++;
        return framings.sessionText.control(message);
      },
    });
    for (const said of [batchOf(order), new Notice(gap)]) {
      encodings = 0;
      const [shared, other, own] = [counting(0), counting(1), counting(-1)];
      assert.equal(said.bytes(shared), said.bytes(shared));
      assert.equal(said.bytes(shared), said.bytes(counting(0)));
      assert.equal(encodings, 1);
      said.bytes(other);
      assert.equal(encodings, 2);
      said.bytes(own);
      said.bytes(own);
      assert.equal(encodings, 4);
    }
  });

  test("[BND] the shared framings have a slot each", () => {
    const slots = Object.values(framings).map(({ slot }) => slot);
    assert.equal(new Set(slots).size, slots.length);
    assert.ok(slots.every((slot) => slot >= 0));
  });

  test("[EVT-1] an event's JSON is made once for all framings of JSON", () => {
    const event = new EncodedEvent("k", order);
    assert.equal(event.json, event.json);
    assert.deepEqual([event.cursor, event.offset, event.payloadBytes], ["k-16", 16, 12]);
  });
});
