import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonCodec } from "@holdfast/protocol";
import { until } from "../fake-server.test.ts";
import type { LinkHandlers, Network, OpenLink } from "./link.ts";
import { openLongPoll } from "./long-poll.ts";
import { openPoll } from "./poll.ts";
import { openSse } from "./sse.ts";
import { openWebSocket } from "./websocket.ts";

const hello = { type: "hello", subscriptions: [] } as const;
const helloText = '{"type":"hello","subscriptions":[]}';
const request = { url: new URL("https://example.com/live/"), hello, waitMs: 0 };

/** Records what a transport tells. */
function recorder(): { told: unknown[][]; handlers: LinkHandlers } {
  const told: unknown[][] = [];
  const tell =
    (name: string) =>
    (...given: unknown[]) => {
      if (name !== "heard") told.push([name, ...given]);
    };
  const [opened, heard, message, answered, lost] = ["opened", "heard", "message", "answered", "lost"].map(
    tell,
  );
  return { told, handlers: { opened, heard, message, answered, lost } as unknown as LinkHandlers };
}

/** Opens a transport on a network that answers each request in the same way. */
function open(transport: OpenLink, answer: () => Response, waitMs = 0) {
  const asked: { url: string; init: RequestInit }[] = [];
  const { told, handlers } = recorder();
  const fetch = async (url: URL | RequestInfo, init: RequestInit = {}) => {
    asked.push({ url: String(url), init });
    return answer();
  };
  const link = transport({ ...request, waitMs }, handlers, { fetch, WebSocket: undefined });
  return { asked, told, link };
}

const typed = (type: string, body: string) => () => new Response(body, { headers: { "Content-Type": type } });
const streams: [string, OpenLink, string][] = [
  ["sse", openSse, "text/event-stream"],
  ["poll", openPoll, "application/json"],
  ["long-poll", openLongPoll, "application/json"],
];

for (const [name, transport, type] of streams) {
  test(`${name} asks for ${type}, with the hello as its body`, async () => {
    const { asked, told } = open(transport, typed(type, ""));
    await until(() => told.length > 1);
    assert.equal(asked[0]?.url, "https://example.com/live/connect");
    const { method, body, headers, cache } = asked[0]?.init ?? {};
    assert.deepEqual({ method, body, cache }, { method: "POST", body: helloText, cache: "no-store" });
    assert.deepEqual(headers, { Accept: type, "Content-Type": "application/json" });
  });

  test(`[CLI-6] ${name} takes no answer of another type for its own`, async () => {
    const { told } = open(transport, typed("text/html", '{"messages":[],"more":false}'));
    await until(() => told.length > 0);
    assert.deepEqual(told, [["lost", { type: "failed", reason: "The answer was 200 text/html." }]]);
  });

  test(`${name} tells nothing once it is closed, and lets go of its request`, async () => {
    const { asked, told, link } = open(transport, typed(type, 'data: {"type":"pong"}\n\n'));
    link.close();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(told, []);
    assert.ok(asked[0]?.init.signal?.aborted);
  });
}

test("[SES-6] a long poll says how long it may be held", async () => {
  const { asked, told } = open(
    openLongPoll,
    typed("application/json", '{"messages":[{"type":"pong"}],"more":true}'),
    15_000,
  );
  await until(() => told.length === 3);
  assert.equal(asked[0]?.url, "https://example.com/live/connect?wait=15");
  assert.deepEqual(told, [
    ["opened", jsonCodec],
    ["message", { type: "pong" }],
    ["answered", true],
  ]);
});

test("a poll's answer of another shape is none", async () => {
  for (const body of ["[]", "{}", '{"messages":{}}', "null", "{"]) {
    const { told } = open(openPoll, typed("application/json", body));
    await until(() => told.length === 2);
    assert.equal(told[1]?.[0], "lost");
  }
});

test("a stream is read message by message, and told to be over when it is", async () => {
  const { told } = open(openSse, typed("text/event-stream", ': hi\n\ndata: {"a":1}\n\ndata: {"a":2}\n\n'));
  await until(() => told.length === 4);
  assert.deepEqual(told, [
    ["opened", jsonCodec],
    ["message", { a: 1 }, 7],
    ["message", { a: 2 }, 7],
    ["lost", { type: "ended" }],
  ]);
});

test("[BND-1] a stream that is paused is not read, and is let go of when it is closed", async () => {
  let pulled = 0;
  const isCancelled = Promise.withResolvers<void>();
  const body = new ReadableStream(
    {
      pull: (controller) => controller.enqueue(new TextEncoder().encode(`data: ${++pulled}\n\n`)),
      cancel: () => isCancelled.resolve(),
    },
    { highWaterMark: 0 },
  );
  const response = new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  const seen: unknown[] = [];
  const { handlers } = recorder();
  const message = (said: unknown) => {
    seen.push(said);
    if (seen.length % 3 === 0) link.pause?.(true);
  };
  const network = { fetch: async () => response, WebSocket: undefined };
  const link = openSse(request, { ...handlers, message }, network);
  for (const expected of [3, 6]) {
    await until(() => seen.length === expected);
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([seen.length, pulled], [expected, expected]);
    if (expected === 3) link.pause?.(false);
  }
  link.close();
  await isCancelled.promise;
  assert.equal(seen.length, 6);
});

test("a stream that says what is no JSON is not read any further", async () => {
  const { asked, told } = open(openSse, typed("text/event-stream", 'data: <html>\n\ndata: {"a":2}\n\n'));
  await until(() => told.length === 2);
  assert.equal(told[1]?.[0], "lost");
  assert.ok(asked[0]?.init.signal?.aborted);
});

class ScriptedSocket extends EventTarget {
  static last: ScriptedSocket;
  readonly url: string;
  readonly protocols: unknown;
  readonly sent: string[] = [];
  isClosed = false;

  constructor(url: string, protocols: unknown) {
    super();
    this.url = url;
    this.protocols = protocols;
    ScriptedSocket.last = this;
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.isClosed = true;
    this.happen("close", { code: 1000, reason: "" });
  }

  happen(type: string, fields: object = {}): void {
    this.dispatchEvent(Object.assign(new Event(type), fields));
  }
}

function openScripted() {
  const { told, handlers } = recorder();
  const network = { fetch, WebSocket: ScriptedSocket as never } satisfies Network;
  const link = openWebSocket(request, handlers, network);
  return { told, link, socket: ScriptedSocket.last };
}

test("a WebSocket says hello first, and gives each message on", () => {
  const { told, link, socket } = openScripted();
  assert.equal(socket.url, "wss://example.com/live/connect");
  assert.deepEqual(socket.protocols, ["holdfast.v1.json"]);
  socket.happen("open");
  link.send?.("more");
  socket.happen("message", { data: '{"type":"pong"}' });
  assert.deepEqual(socket.sent, [helloText, "more"]);
  assert.deepEqual(told, [
    ["opened", jsonCodec],
    ["message", { type: "pong" }, 15],
  ]);
});

test("a WebSocket that says what is no JSON text is closed", () => {
  for (const data of ["{", new Blob(["{}"])]) {
    const { told, socket } = openScripted();
    socket.happen("open");
    socket.happen("message", { data });
    assert.equal(told.at(-1)?.[0], "lost");
    assert.ok(socket.isClosed);
    assert.equal(told.length, 2, "and its own close is no news");
  }
});

test("[ERR-1] a WebSocket's close says what the server said", () => {
  const close = (code: number, reason: string) => {
    const { told, socket } = openScripted();
    socket.happen("close", { code, reason });
    return told.at(-1)?.[1] as { type: string; error?: { code: string } };
  };
  assert.equal(close(4401, "unauthenticated").error?.code, "unauthenticated");
  assert.equal(close(1012, "draining").error?.code, "draining");
  assert.equal(close(1006, "").type, "failed");
});

test("a WebSocket that was closed tells nothing any more", () => {
  const { told, link, socket } = openScripted();
  socket.happen("open");
  link.close();
  socket.happen("message", { data: "{}" });
  socket.happen("close", { code: 1006, reason: "" });
  assert.deepEqual(told, [["opened", jsonCodec]]);
});
