import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { request } from "node:https";
import { before, type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { generate } from "selfsigned";
import { WebSocket } from "ws";
import { createHoldfast, type Holdfast, type HoldfastOptions } from "./index.ts";
import { connections, forgotten, until } from "./rig.test.ts";

let cert = "";
let key = "";

before(async () => {
  ({ cert, private: key } = await generate([{ name: "commonName", value: "localhost" }], {
    keySize: 2048,
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] }],
  }));
});

async function startSecure(
  t: TestContext,
  options: HoldfastOptions = {},
): Promise<{ holdfast: Holdfast; url: string; port: number }> {
  const holdfast = createHoldfast(options);
  const { url } = await holdfast.listen({ port: 0, host: "localhost", cert, key });
  t.after(() => holdfast.close({ spreadMs: 0 }));
  return { holdfast, url, port: Number(new URL(url).port) };
}

function open2(t: TestContext, url: string): ClientHttp2Session {
  const session = connect(url, { ca: cert });
  session.on("error", () => {});
  t.after(() => session.destroy());
  return session;
}

/** One stream of an HTTP/2 connection, read as it comes. */
class Stream2 {
  headers: IncomingHttpHeaders = {};
  text = "";
  isOver = false;
  readonly #stream: ReturnType<ClientHttp2Session["request"]>;

  constructor(session: ClientHttp2Session, headers: Record<string, string>, body?: string) {
    this.#stream = session.request({ ":method": body === undefined ? "GET" : "POST", ...headers });
    this.#stream.setEncoding("utf8");
    this.#stream.on("response", (answered) => {
      this.headers = answered;
    });
    this.#stream.on("data", (text: string) => {
      this.text += text;
    });
    this.#stream.on("error", () => {});
    this.#stream.on("close", () => {
      this.isOver = true;
    });
    this.#stream.end(body);
  }

  get json() {
    return JSON.parse(this.text);
  }

  async ends(): Promise<this> {
    await until(() => this.isOver);
    return this;
  }

  async receives(text: string): Promise<void> {
    await until(() => this.text.includes(text) || this.isOver);
    assert.ok(this.text.includes(text), `expected ${text}, got ${this.text}`);
  }

  leave(): void {
    this.#stream.close();
  }

  /** Takes nothing more until it is resumed. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }
}

test("over TLS a client that can speaks HTTP/2: it publishes, reads, and is refused as over HTTP/1.1", async (t) => {
  const { url } = await startSecure(t);
  const session = open2(t, url);
  const published = await new Stream2(
    session,
    { ":path": "/channels/a", "content-type": "application/json" },
    '{"n":1}',
  ).ends();
  assert.equal(published.headers[":status"], 201);
  const page = await new Stream2(session, { ":path": "/channels/a" }).ends();
  assert.deepEqual([page.headers[":status"], page.json.events[0].data], [200, { n: 1 }]);
  assert.equal(page.headers.etag, `"${published.json.cursor}"`);
  const same = await new Stream2(session, {
    ":path": "/channels/a",
    "if-none-match": String(page.headers.etag),
  }).ends();
  assert.deepEqual([same.headers[":status"], same.text], [304, ""]);
  const refused = await new Stream2(session, { ":path": "/channels/a?limit=0" }).ends();
  assert.deepEqual([refused.headers[":status"], refused.json.code], [400, "bad_parameter"]);
  assert.equal((await new Stream2(session, { ":path": "/" }).ends()).json.code, "not_found");
});

test("[SSE-7] [SSE-1] an event stream over HTTP/2 has no Connection header, and everything else", async (t) => {
  const { holdfast, url } = await startSecure(t, { limits: { heartbeatMs: 100 } });
  const session = open2(t, url);
  const stream = new Stream2(session, { ":path": "/channels/a", accept: "text/event-stream" });
  await stream.receives("id: ");
  assert.equal(stream.headers["content-type"], "text/event-stream");
  assert.equal(stream.headers["cache-control"], "no-store, no-transform");
  assert.equal(stream.headers["x-accel-buffering"], "no");
  assert.equal(stream.headers.connection, undefined);
  assert.equal(stream.headers["transfer-encoding"], undefined);
  const { cursor } = await holdfast.publish("a", "x");
  await stream.receives(`id: ${cursor}\ndata: "x"\n\n`);
  await stream.receives(`: heartbeat ${cursor}`);
  stream.leave();
  await forgotten(holdfast);
});

test("[JSON-3] [SES-6] answers are held over HTTP/2, many on one connection, and released when it goes", async (t) => {
  const { holdfast, url } = await startSecure(t);
  const session = open2(t, url);
  const polls = Array.from(
    { length: 20 },
    (_, n) => new Stream2(session, { ":path": `/channels/c${n}?wait=60` }),
  );
  const answer = new Stream2(
    session,
    { ":path": "/connect?wait=60", "content-type": "application/json" },
    '{"type":"hello","subscriptions":[{"channel":"c0"}]}',
  );
  await until(() => holdfast.stats().waiters === 20 && holdfast.stats().sessions === 1);
  assert.equal(holdfast.stats().connections, 1);
  await holdfast.publish("c0", "x");
  assert.equal((await polls[0]?.ends())?.json.events[0].data, "x");
  assert.equal((await answer.ends()).json.messages.at(-1).events[0].data, "x");
  session.destroy();
  await forgotten(holdfast);
  await connections(holdfast, 0);
});

test("[POST-3] [BND-2] a body that is too long, or not as long as it says, publishes nothing over HTTP/2", async (t) => {
  const { url } = await startSecure(t, { limits: { messageBytesMax: 1000, eventBytesMax: 1000 } });
  const session = open2(t, url);
  const post = { ":path": "/channels/a", "content-type": "text/plain" };
  const declared = await new Stream2(
    session,
    { ...post, "content-length": "200000" },
    "x".repeat(200_000),
  ).ends();
  assert.deepEqual([declared.headers[":status"], declared.json.code], [413, "too_large"]);
  const undeclared = await new Stream2(session, post, "x".repeat(200_000)).ends();
  assert.deepEqual([undeclared.headers[":status"], undeclared.json.code], [413, "too_large"]);
  const shorter = await new Stream2(open2(t, url), { ...post, "content-length": "10" }, "short").ends();
  assert.notEqual(shorter.headers[":status"], 201);
  const longer = await new Stream2(open2(t, url), { ...post, "content-length": "2" }, "longer").ends();
  assert.notEqual(longer.headers[":status"], 201);
  const page = await new Stream2(open2(t, url), { ":path": "/channels/a" }).ends();
  assert.deepEqual(page.json.events, []);
});

test("[BND-2] each held stream of an HTTP/2 connection counts as a connection", async (t) => {
  const { holdfast, url } = await startSecure(t, { limits: { connectionsMax: 2 } });
  const session = open2(t, url);
  const streamed = { ":path": "/channels/a", accept: "text/event-stream" };
  const held = [new Stream2(session, streamed), new Stream2(session, streamed)];
  for (const stream of held) await stream.receives("id: ");
  const third = await new Stream2(session, streamed).ends();
  assert.match(third.text, /^retry: \d+\nevent: reconnect\ndata: {"delayMs":\d+,"reason":"overloaded"}\n\n$/);
  const fourth = await new Stream2(session, { ":path": "/channels/a?wait=60" }).ends();
  assert.deepEqual([fourth.headers[":status"], fourth.json.code], [503, "overloaded"]);
  const page = await new Stream2(session, { ":path": "/channels/a" }).ends();
  assert.equal(page.headers[":status"], 200);
  held[0]?.leave();
  await until(() => holdfast.stats().sessions === 1);
  await new Stream2(session, streamed).receives("id: ");
});

test("[CALM-5] over HTTP/2 what is asked next is asked on another connection, and what is under way goes on", async (t) => {
  const { holdfast, url } = await startSecure(t);
  const session = open2(t, url);
  const asked = { ":path": "/connect", accept: "text/event-stream", "content-type": "application/json" };
  const hello = JSON.stringify({ type: "hello", subscriptions: [{ channel: "a" }] });
  const streams = [new Stream2(session, asked, hello), new Stream2(session, asked, hello)];
  for (const stream of streams) await stream.receives('"subscribed"');
  const goneAway = once(session, "goaway");
  const closed = holdfast.close({ spreadMs: 100 });
  await goneAway;
  for (const stream of streams) await stream.receives('"reconnect"');
  await holdfast.publish("a", 1);
  for (const stream of streams) {
    await stream.receives('"events"');
    stream.leave();
  }
  await closed;
});

test("[BND-2] a TLS connection too many is told so", async (t) => {
  const { holdfast, url } = await startSecure(t, { limits: { connectionsMax: 1 } });
  await once(open2(t, url), "connect");
  await connections(holdfast, 1);
  const surplus = await new Stream2(open2(t, url), { ":path": "/channels/a" }).ends();
  assert.deepEqual([surplus.headers[":status"], surplus.json.code], [503, "overloaded"]);
});

test("[WSP-1] [SES-1] WebSockets stay on HTTP/1.1 on the same port", async (t) => {
  const { holdfast, url } = await startSecure(t);
  for (const path of ["/channels/a", "/connect"]) {
    const socket = new WebSocket(`${url.replace("https", "wss")}${path}`, { ca: cert });
    t.after(() => socket.terminate());
    await once(socket, "open");
    if (path === "/connect") socket.send('{"type":"hello"}');
    const [data] = (await once(socket, "message")) as [Buffer];
    assert.match(data.toString(), /"subscribed"|"welcome"/);
    socket.close();
    await once(socket, "close");
  }
  const outgoing = request(`${url}/channels/a`, { ca: cert, agent: false }).end();
  const [response] = await once(outgoing, "response");
  response.resume();
  assert.deepEqual([response.httpVersion, response.statusCode], ["1.1", 200]);
  await forgotten(holdfast);
});

test("[ERR-2] a TLS handshake that is not finished is given up", async (t) => {
  const { holdfast, port } = await startSecure(t, { limits: { headersTimeoutMs: 200 } });
  const socket = connectTls({ port, host: "localhost", ca: cert, ALPNProtocols: ["nonsense"] });
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  const silent = (await import("node:net")).connect({ port, host: "localhost" });
  t.after(() => silent.destroy());
  await connections(holdfast, 1);
  await connections(holdfast, 0);
});

test("[CALM] [SSE-6] a node that goes away tells its HTTP/2 clients, and lets them go", async (t) => {
  const { holdfast, url } = await startSecure(t);
  const session = open2(t, url);
  const stream = new Stream2(session, { ":path": "/channels/a", accept: "text/event-stream" });
  const poll = new Stream2(session, { ":path": "/channels/a?wait=60" });
  await until(() => holdfast.stats().sessions === 1 && holdfast.stats().waiters === 1);
  await holdfast.close({ spreadMs: 0 });
  assert.match((await stream.ends()).text, /event: reconnect\ndata: \{"delayMs":0,"reason":"drain"\}/);
  assert.equal((await poll.ends()).headers[":status"], 200);
});

test("a certificate without its key is a mistake of configuration", async () => {
  const holdfast = createHoldfast();
  await assert.rejects(holdfast.listen({ port: 0, cert }), {
    name: "ConfigurationError",
    message: /belong together/,
  });
  await holdfast.close();
});

for (const version of ["HTTP/2", "HTTP/1.1"] as const) {
  test(`[REV-4] over TLS too nothing is sent to who was revoked that waits behind a stream nobody reads: ${version}`, async (t) => {
    const { holdfast, url, port } = await startSecure(t, {
      logger: () => {},
      authenticate: (token) => (token === "ada" ? { user: "ada" } : null),
      authorize: () => true,
      limits: { connectionBufferBytesMax: 100_000_000, pageBytesMax: 50_000_000 },
    });
    const headers = { accept: "text/event-stream", authorization: "Bearer ada" };
    let resume: () => Promise<string>;
    if (version === "HTTP/2") {
      const stream = new Stream2(open2(t, url), { ":path": "/channels/a", ...headers });
      await stream.receives("id:");
      stream.pause();
      resume = async () => {
        stream.resume();
        return (await stream.ends()).text;
      };
    } else {
      const outgoing = request(url, { path: "/channels/a", port, ca: cert, headers, agent: false }).end();
      const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
      let text = "";
      let isOver = false;
      answer.setEncoding("utf8").on("data", (more: string) => {
        text += more;
      });
      answer.on("error", () => {});
      answer.on("close", () => {
        isOver = true;
      });
      await until(() => text.includes("id:"));
      answer.pause();
      resume = async () => {
        answer.resume();
        await until(() => isOver);
        return text;
      };
    }
    for (let n = 1; n <= 80; n++) await holdfast.publish("a", `event ${n}! ${"x".repeat(250_000)}`);
    await until(() => holdfast.stats().unsentBytes > 1_000_000);
    await holdfast.revoke({ user: "ada" });
    await until(() => holdfast.stats().sessions === 0);
    const received = await resume();
    assert.ok(!received.includes("event 80!"));
  });
}
