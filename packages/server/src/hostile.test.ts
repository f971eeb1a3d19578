import assert from "node:assert/strict";
import { test } from "node:test";
import { call, connections, post, RawClient, StreamClient, startNode, until } from "./rig.test.ts";

const publishLines = (...headers: string[]) => [
  "POST /channels/a HTTP/1.1",
  "Host: localhost",
  "Content-Type: text/plain",
  ...headers,
  "",
];

async function assertNothingPublished(url: string): Promise<void> {
  assert.deepEqual((await call(`${url}/channels/a`)).json.events, []);
}

test("[POST-3] [ERR-2] a body that is shorter than it says publishes nothing", async (t) => {
  const { holdfast, url, port } = await startNode(t);
  const client = new RawClient(t, port).send(...publishLines("Content-Length: 100"), "short");
  await until(() => holdfast.stats().connections > 0);
  client.socket.end();
  await client.closes();
  await assertNothingPublished(url);
});

test("[POST-3] [ERR-2] a body that is longer than it says publishes nothing", async (t) => {
  const { url, port } = await startNode(t);
  const client = new RawClient(t, port).send(...publishLines("Content-Length: 5"), "hello, and more of it");
  assert.equal(await client.code(), "bad_request");
  await client.closes();
  assert.equal(client.received.match(/HTTP\/1\.1/g)?.length, 1);
  await assertNothingPublished(url);
});

test("[POST-3] [BND-2] [ERR-2] a body that is too long is refused before it is sent", async (t) => {
  const { url, port } = await startNode(t, { limits: { messageBytesMax: 1000, eventBytesMax: 1000 } });
  const declared = new RawClient(t, port).send(...publishLines("Content-Length: 1001"), "");
  assert.equal(await declared.code(), "too_large");
  const expecting = new RawClient(t, port).send(
    ...publishLines("Content-Length: 1001", "Expect: 100-continue"),
    "",
  );
  assert.equal(await expecting.code(), "too_large");
  assert.doesNotMatch(expecting.received, /100 Continue/);
  await expecting.closes();
  await assertNothingPublished(url);
});

test("[POST-3] [BND-2] [ERR-2] a chunked body is refused as soon as it is too long", async (t) => {
  const { url, port } = await startNode(t, { limits: { messageBytesMax: 1000, eventBytesMax: 1000 } });
  const client = new RawClient(t, port).send(...publishLines("Transfer-Encoding: chunked"), "");
  for (let n = 0; n < 11; n++) client.send("64", "x".repeat(100), "");
  assert.equal(await client.code(), "too_large");
  await client.closes();
  await assertNothingPublished(url);
});

test("[POST-3] a client may finish the body that was refused, and is not reset for it", async (t) => {
  const { port } = await startNode(t);
  const size = 2 * 1024 * 1024;
  const client = new RawClient(t, port, { allowHalfOpen: true });
  client.send(...publishLines(`Content-Length: ${size}`), "");
  assert.equal(await client.code(), "too_large");
  const piece = Buffer.alloc(size / 64, 120);
  for (let n = 0; n < 64; n++) await new Promise((sent) => client.socket.write(piece, sent));
  client.socket.end();
  await client.closes();
  assert.equal(client.failure, undefined);
});

test("[POST-3] a client that waits to be asked for its body is asked", async (t) => {
  const { url, port } = await startNode(t);
  const client = new RawClient(t, port).send(
    ...publishLines("Content-Length: 2", "Expect: 100-continue"),
    "",
  );
  await client.receives("HTTP/1.1 100 Continue\r\n\r\n");
  client.socket.write("hi");
  await client.receives("HTTP/1.1 201 Created");
  assert.equal((await call(`${url}/channels/a`)).json.events[0].data, "hi");
});

test("[POST-3] [BND-2] [ERR-2] a body that trickles in is given up at the deadline", async (t) => {
  const { url, port } = await startNode(t, { limits: { bodyTimeoutMs: 150 } });
  const client = new RawClient(t, port).send(...publishLines("Content-Length: 100000"), "");
  const trickle = setInterval(() => client.socket.write("x"), 10);
  t.after(() => clearInterval(trickle));
  assert.equal(await client.code(), "timed_out");
  assert.match(client.received, /^HTTP\/1\.1 408 /);
  await client.closes();
  await assertNothingPublished(url);
});

test("[BND-2] [ERR-2] headers that trickle in are given up at the deadline", async (t) => {
  const { holdfast, port } = await startNode(t, { limits: { headersTimeoutMs: 150 } });
  const silent = new RawClient(t, port);
  const client = new RawClient(t, port).send("GET /channels/a HTTP/1.1", "Host: localhost", "X: ");
  const trickle = setInterval(() => client.socket.write("x"), 10);
  t.after(() => clearInterval(trickle));
  assert.equal(await client.code(), "timed_out");
  await silent.closes();
  await client.closes();
  await connections(holdfast, 0);
});

test("[BND-2] [ERR-2] headers that are too large are refused", async (t) => {
  const { port } = await startNode(t, { limits: { headersBytesMax: 2048 } });
  const client = new RawClient(t, port).send(
    "GET /channels/a HTTP/1.1",
    "Host: localhost",
    `X: ${"x".repeat(4096)}`,
    "",
    "",
  );
  assert.equal(await client.code(), "headers_too_large");
  assert.match(client.received, /^HTTP\/1\.1 431 /);
  await client.closes();
});

for (const [what, lines] of [
  ["two lengths", publishLines("Content-Length: 2", "Content-Length: 3")],
  ["a length and chunks", publishLines("Content-Length: 2", "Transfer-Encoding: chunked")],
  ["a coding that is none", publishLines("Transfer-Encoding: xchunked")],
  ["a space before the colon", publishLines("Content-Length : 2")],
  ["a negative length", publishLines("Content-Length: -1")],
  ["a length that is no number", publishLines("Content-Length: 0x10")],
  ["a folded header", publishLines("X: a\r\n b", "Content-Length: 2")],
  ["a null in a header", publishLines("X: a\0b", "Content-Length: 2")],
] as const) {
  test(`[ERR-2] [HTTP-1] a request with ${what}, as used to smuggle another, is refused`, async (t) => {
    const { url, port } = await startNode(t);
    const client = new RawClient(t, port).send(...lines, "5\r\nhello\r\n0\r\n\r\n");
    assert.equal(await client.code(), "bad_request");
    assert.match(
      client.received,
      /^HTTP\/1\.1 400 Bad Request\r\n(?:.+\r\n)*Content-Type: application\/problem\+json\r\n/,
    );
    await client.closes();
    await assertNothingPublished(url);
  });
}

for (const [what, bytes] of [
  ["no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
  ["a method that is none", "FROB /channels/a HTTP/1.1\r\nHost: localhost\r\n\r\n"],
  ["HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
] as const) {
  test(`[ERR-2] ${what} does no harm`, async (t) => {
    const { holdfast, url, port } = await startNode(t);
    const client = new RawClient(t, port).send(bytes);
    await client.closes();
    await connections(holdfast, 0);
    assert.equal((await call(`${url}/health/ready`)).status, 200);
  });
}

test("[ERR-2] garbage behind a stream that is being read ends that stream alone", async (t) => {
  const { holdfast, url, port } = await startNode(t);
  const other = await StreamClient.open(t, `${url}/channels/a`);
  const client = new RawClient(t, port).send(
    "GET /channels/a HTTP/1.1",
    "Host: localhost",
    "Accept: text/event-stream",
    "",
    "",
  );
  await client.receives("id: ");
  client.socket.write("garbage\r\n\r\n");
  await client.closes();
  assert.doesNotMatch(client.received, /400/);
  await until(() => holdfast.stats().sessions === 1);
  await holdfast.publish("a", "unharmed");
  await other.receives("unharmed");
});

test("[HTTP-5] [ERR-2] requests that are sent ahead are answered in their order", async (t) => {
  const { port } = await startNode(t);
  const client = new RawClient(t, port).send(
    ...publishLines("Content-Length: 2"),
    "hiGET /channels/a HTTP/1.1",
    "Host: localhost",
    "",
    "GET /nowhere HTTP/1.1",
    "Host: localhost",
    "Connection: close",
    "",
    "",
  );
  await client.closes();
  assert.deepEqual(client.received.match(/HTTP\/1\.1 \d+/g), [
    "HTTP/1.1 201",
    "HTTP/1.1 200",
    "HTTP/1.1 404",
  ]);
  assert.match(client.received, /"data":"hi"/);
});

test("[ERR-2] JSON that nests without end is refused or taken, and nothing falls over", async (t) => {
  const { url } = await startNode(t);
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  const { status } = await post(`${url}/channels/a`, deep);
  assert.ok(status === 201 || status === 400, String(status));
  const batch = await post(`${url}/channels/a`, `{"data":${deep}}`, {
    "Content-Type": "application/x-ndjson",
  });
  assert.ok(batch.status === 201 || batch.status === 400, String(batch.status));
  assert.equal((await call(`${url}/health/ready`)).status, 200);
});
