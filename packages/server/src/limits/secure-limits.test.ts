import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { connect as connectTcp } from "node:net";
import { before, type TestContext, test } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { generate } from "selfsigned";
import { createHoldfast, type HoldfastOptions } from "../index.ts";
import { connections, until } from "../rig.test.ts";

let cert = "";
let key = "";

before(async () => {
  ({ cert, private: key } = await generate([{ name: "commonName", value: "localhost" }], { keySize: 2048 }));
});

async function start(t: TestContext, options: HoldfastOptions) {
  const holdfast = createHoldfast({ logger: () => {}, ...options });
  const { url } = await holdfast.listen({ port: 0, cert, key });
  t.after(() => holdfast.close({ noticeMs: 0, spreadMs: 0, deadlineMs: 1000 }));
  return { holdfast, url, port: Number(new URL(url).port) };
}

/** A connection of TLS on which a test says what it likes. */
async function openTls(t: TestContext, port: number, protocol: "h2" | "http/1.1"): Promise<TLSSocket> {
  const socket = connectTls({
    port,
    host: "127.0.0.1",
    ALPNProtocols: [protocol],
    rejectUnauthorized: false,
  });
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  await once(socket, "secureConnect");
  return socket;
}

function open2(t: TestContext, url: string): ClientHttp2Session {
  const session = connect(url, { rejectUnauthorized: false });
  session.on("error", () => {});
  t.after(() => session.destroy());
  return session;
}

test("[BND-2] a handshake of TLS that is not finished is cut", async (t) => {
  const { holdfast, port } = await start(t, { limits: { headersTimeoutMs: 300 } });
  const socket = connectTcp({ port, host: "127.0.0.1" });
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  // The beginning of a record that announces more.
  socket.write(Buffer.of(0x16, 0x03, 0x01, 0x02, 0x00));
  await connections(holdfast, 1);
  await connections(holdfast, 0);
});

test("[BND-2] [ERR-2] headers that trickle in over TLS end as they do without", async (t) => {
  const { holdfast, port } = await start(t, { limits: { headersTimeoutMs: 300 } });
  const socket = await openTls(t, port, "http/1.1");
  let received = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
  });
  socket.write("GET /channels/a HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
  await connections(holdfast, 0);
  assert.match(received, /^HTTP\/1\.1 408 /);
  assert.match(received, /"limit":"headersTimeoutMs"/);
});

test("[BND-2] a connection of HTTP/2 on which nothing is asked is closed, and one that trickles as well", async (t) => {
  const limits = { keepAliveTimeoutMs: 100, heartbeatMs: 60, headersTimeoutMs: 300 };
  const { holdfast, url, port } = await start(t, { limits });
  const idle = open2(t, url);
  await once(idle, "connect");
  // A client that speaks no HTTP/2 after it agreed to.
  await openTls(t, port, "h2");
  await connections(holdfast, 2);
  await connections(holdfast, 0);
});

test("[BND-2] streams of one HTTP/2 connection are bounded, and those that are there go on", async (t) => {
  const { url } = await start(t, { limits: { http2StreamsMax: 2 } });
  const session = open2(t, url);
  await once(session, "remoteSettings");
  assert.equal(session.remoteSettings.maxConcurrentStreams, 2);
  const ask = () => session.request({ ":path": "/channels/a", accept: "text/event-stream" });
  const streams = [ask(), ask()];
  await Promise.all(streams.map((stream) => once(stream, "response")));
  // One that knows the protocol does not even ask.
  const third = ask();
  third.on("error", () => {});
  let isAnswered = false;
  third.once("response", () => {
    isAnswered = true;
  });
  const answered = Promise.withResolvers<void>();
  session.ping(() => answered.resolve());
  await answered.promise;
  assert.deepEqual([isAnswered, ...streams.map(({ closed }) => closed)], [false, false, false]);
});

test("[ERR-2] [BND-2] streams that are reset as soon as they are opened end the connection, and nothing stays", async (t) => {
  const { holdfast, url } = await start(t, {});
  const session = open2(t, url);
  await once(session, "connect");
  let isClosed = false;
  session.once("close", () => {
    isClosed = true;
  });
  for (let round = 0; round < 400 && !isClosed; round++) {
    for (let n = 0; n < 50 && !session.destroyed; n++) {
      const stream = session.request({ ":path": "/channels/a", accept: "text/event-stream" });
      stream.on("error", () => {});
      stream.close(constants.NGHTTP2_CANCEL);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => isClosed);
  await connections(holdfast, 0);
  await until(() => holdfast.stats().sessions === 0 && holdfast.stats().readers === 0);
});

test("[LIM-2] over HTTP/2 a refusal says when to come back as well", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_790_000_000_000 });
  const { url } = await start(t, { limits: { handshakesPerSecond: 1, rateBurstMs: 1000 } });
  const session = open2(t, url);
  const ask = async () => {
    const stream = session.request({ ":path": "/connect", ":method": "GET" });
    const [headers] = (await once(stream, "response")) as [Record<string, string>];
    let text = "";
    for await (const chunk of stream.setEncoding("utf8")) text += chunk as string;
    return { status: headers[":status"], after: headers["retry-after"], json: JSON.parse(text) };
  };
  assert.equal((await ask()).json.code, "method_not_allowed");
  const { status, after, json } = await ask();
  assert.equal(Number(status), 429);
  assert.equal(Number(after), Math.ceil(json.retryAfterMs / 1000));
});
