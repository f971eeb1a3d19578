import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import {
  emptyUrl,
  eventsOf,
  folder,
  run,
  selfSigned,
  serveHere,
  start,
  startServer,
  until,
} from "../rig.test.ts";

const lines = (text: string) => text.split("\n").slice(0, -1);

test("[ACK-1] publish prints the event's cursor, and the event is there as it was given", async (t) => {
  const { url, env } = await serveHere(t);
  const { code, stdout, stderr } = await run(
    t,
    [
      "publish",
      "orders",
      '{"b":12345678901234567890,"a":1.0}',
      "--type",
      "order.paid",
      "--key",
      "order-7",
      "--id",
      "01J9",
    ],
    { env },
  );
  assert.deepEqual([code, stderr], [0, ""]);
  const text = await (await fetch(`${url}/channels/orders`)).text();
  assert.ok(
    text.includes(
      '"data":{"b":12345678901234567890,"a":1.0},"type":"order.paid","key":"order-7","id":"01J9"',
    ),
    text,
  );
  assert.equal(stdout, `${(JSON.parse(text) as { cursor: string }).cursor}\n`);
});

test("[EVT-1] data is published as the kind that it is said to be", async (t) => {
  const { url, env } = await serveHere(t);
  const cwd = folder(t, { "data.json": '{"a":\n1}' });
  const cases: readonly [args: string[], input?: Uint8Array | string][] = [
    [["--text", "no {json"]],
    [["--file", "data.json"]],
    [["--file", "-", "--bytes"], Uint8Array.of(0, 255, 10)],
    [["--file", "-", "--text"], "two\nlines\n"],
    [["--", "-5"]],
  ];
  for (const [args, input = ""] of cases) {
    const { code, stderr } = await run(t, ["publish", "a", "--quiet", ...args], { env, cwd, input });
    assert.deepEqual([code, stderr], [0, ""]);
  }
  assert.deepEqual(
    (await eventsOf(url, "a")).map(({ data, encoding }) => [data, encoding]),
    [
      ["no {json", "text"],
      [{ a: 1 }, undefined],
      ["AP8K", "base64"],
      ["two\nlines\n", "text"],
      [-5, undefined],
    ],
  );
});

test("[ACK-2] publishing an id again appends nothing and prints the same cursor", async (t) => {
  const { url, env } = await serveHere(t);
  const args = ["publish", "a", "1", "--id", "once", "--json"];
  const answers = [await run(t, args, { env }), await run(t, args, { env })];
  const [first, second] = answers.map(({ stdout }) => JSON.parse(stdout) as Record<string, unknown>);
  assert.deepEqual(second, { ...first, duplicate: true });
  assert.equal((await eventsOf(url, "a")).length, 1);
});

test("[PUB-1] --if-match holds or ends with 6", async (t) => {
  const { url, env } = await serveHere(t);
  const { stdout: cursor } = await run(t, ["publish", "a", "1"], { env });
  const args = ["publish", "a", "2", "--if-match", cursor.trim()];
  assert.equal((await run(t, args, { env })).code, 0);
  const { code, stdout, stderr } = await run(t, args, { env });
  assert.deepEqual([code, stdout], [6, ""]);
  const [, second] = await eventsOf(url, "a");
  assert.ok(stderr.includes(String(second?.["cursor"])), stderr);
});

test("what is not JSON is refused before it is sent, with the way out", async (t) => {
  const { url, env } = await serveHere(t);
  const { code, stdout, stderr } = await run(t, ["publish", "a", "hello"], { env });
  assert.deepEqual([code, stdout], [2, ""]);
  assert.equal(
    stderr,
    `holdfast: "hello" is not JSON. Put a string in double quotes, as in '"hello"', or say --text.\n`,
  );
  assert.deepEqual(await eventsOf(url, "a"), []);
});

const mistaken: readonly [args: string[], ...sentences: RegExp[]][] = [
  [["a"], /There is nothing to publish: give DATA, or - for one event a line on stdin, or --file\./],
  [["a", "1", "--file", "x", "--bytes"], /DATA and --file exclude each other; give one\./],
  [["a", "--file", "x"], /The file "x" cannot be read: there is no such file\./],
  [["a", "x", "--bytes", "--text"], /--text and --bytes exclude each other/, /--bytes needs --file/],
  [["a", "1", "--events"], /--events needs - as DATA/],
  [["a", "-", "--if-match", "k-1"], /--if-match is for one event/],
  [
    ["no/name", "{", "--type", "gap", "--if-match", "x", "--timeout", "0", "--url", "localhost"],
    /A channel name is 1 to 128/,
    /The type "gap" is reserved/,
    /A cursor looks like/,
    /"\{" is not JSON/,
    /--timeout must be a whole number from 1 up, not "0"\./,
    /--url must be an http/,
  ],
];
for (const [args, ...sentences] of mistaken) {
  test(`publish ${args.join(" ")} is a mistake that ends with 2`, async (t) => {
    const { code, stdout, stderr } = await run(t, ["publish", ...args]);
    assert.deepEqual([code, stdout], [2, ""]);
    for (const sentence of sentences) assert.match(stderr, sentence);
    assert.equal(lines(stderr).length, sentences.length, stderr);
  });
}

async function serveOther(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a server that is not there ends with 3, and the sentence says what to do", async (t) => {
  const free = await emptyUrl();
  const { code, stderr } = await run(t, ["publish", "a", "1", "--url", free]);
  assert.equal(code, 3);
  assert.equal(
    stderr,
    `holdfast: No server answers at ${free}: nothing listens there. Start one with "holdfast serve", or name another with --url.\n`,
  );
});

test("what answers but is no Holdfast server ends with 3", async (t) => {
  const url = await serveOther(t, (_, response) => {
    response.setHeader("Content-Type", "text/html").end("<h1>It works!</h1>");
  });
  const { code, stderr } = await run(t, ["publish", "a", "1", "--url", url]);
  assert.equal(code, 3);
  assert.equal(
    stderr,
    `holdfast: What answers at ${url} is no Holdfast server: GET /health/live gave 200 with text/html. Name another with --url.\n`,
  );
});

test("[CLI-4] a server that never answers ends with 3, and with the id that makes a retry safe", async (t) => {
  const ids: unknown[] = [];
  const url = await serveOther(t, (request, response) => {
    if (request.url === "/health/live") {
      response.setHeader("Content-Type", "application/json").end("{}");
      return;
    }
    request
      .setEncoding("utf8")
      .on("data", (body: string) => ids.push((JSON.parse(body) as { id: string }).id));
  });
  const { code, stderr } = await run(t, ["publish", "a", "1", "--url", url, "--timeout", "1"]);
  assert.equal(code, 3);
  assert.match(stderr, /^holdfast: No answer to a publish within 1 s\./);
  assert.ok(ids.length > 0);
  assert.ok(stderr.endsWith(`repeat it with --id ${ids[0]}\n`), stderr);
});

test("[AUTH-1] who may not publish ends with 4, and the token is shown nowhere", async (t) => {
  const { url, env } = await serveHere(t, {
    authenticate: (token) => (token === "s3cret" ? { user: "ada" } : null),
    authorize: (_, action, channel) => action === "read" || channel === "open",
  });
  const publish = (channel: string, args: string[], more: Record<string, string> = {}) =>
    run(t, ["publish", channel, "1", ...args], { env: { ...env, ...more } });
  const refused = [
    await publish("open", []),
    await publish("open", [], { HOLDFAST_TOKEN: "wr0ng" }),
    await publish("closed", ["--token", "s3cret"]),
  ];
  assert.deepEqual(
    refused.map(({ code, stderr }) => [code, stderr]),
    [
      [4, "holdfast: A token is needed, as in Authorization: Bearer ….\n"],
      [4, "holdfast: The token is not valid. No other token was given.\n"],
      [4, "holdfast: You may not publish closed.\n"],
    ],
  );
  for (const { stderr, stdout } of refused) assert.doesNotMatch(stderr + stdout, /s3cret|wr0ng/);
  // The flag is the stronger one.
  assert.equal((await publish("open", ["--token", "s3cret"], { HOLDFAST_TOKEN: "wr0ng" })).code, 0);
  const [event] = await eventsOf(url, "open", "s3cret");
  assert.equal(event?.["from"], "ada");
});

test("[PUB-3] what the server refuses for good ends with 5", async (t) => {
  const { url, env } = await serveHere(t, { limits: { eventBytesMax: 10 } });
  await fetch(`${url}/channels/over/close`, { method: "POST" });
  const closed = await run(t, ["publish", "over", "1"], { env });
  assert.equal(closed.code, 5);
  assert.match(closed.stderr, /takes no more events/);
  const large = await run(t, ["publish", "a", '"12345678901"'], { env });
  assert.equal(large.code, 5);
  assert.match(large.stderr, /eventBytesMax|10 bytes/);
});

test("the server is named by the config file, which the variable and the flag override", async (t) => {
  const { url } = await serveHere(t);
  const cwd = folder(t, { "holdfast.config.mjs": `export default { url: ${JSON.stringify(url)} };` });
  assert.equal((await run(t, ["publish", "a", "1"], { cwd })).code, 0);
  const nowhere = await emptyUrl();
  assert.equal((await run(t, ["publish", "a", "1"], { cwd, env: { HOLDFAST_URL: nowhere } })).code, 3);
  assert.equal(
    (await run(t, ["publish", "a", "1", "--url", url], { cwd, env: { HOLDFAST_URL: nowhere } })).code,
    0,
  );
});

test("[ACK-4] ten thousand lines arrive in their order, with a cursor each", async (t) => {
  const { url, env } = await serveHere(t);
  const numbers = Array.from({ length: 10_000 }, (_, index) => index);
  const { code, stdout, stderr } = await run(t, ["publish", "a", "-"], {
    env,
    input: `${numbers.join("\n")}\n`,
  });
  assert.deepEqual([code, stderr], [0, ""]);
  const events = await eventsOf(url, "a");
  assert.deepEqual(
    events.map(({ data }) => data),
    numbers,
  );
  assert.deepEqual(
    lines(stdout),
    events.map(({ cursor }) => cursor),
  );
});

test("a line is published when it comes, not when the input ends", async (t) => {
  const { url, env } = await serveHere(t);
  const publisher = start(t, ["publish", "a", "-"], { env, input: null });
  for (const number of [1, 2, 3]) {
    publisher.process.stdin?.write(`${number}\n`);
    await until(() => lines(publisher.stdout).length === number);
  }
  assert.deepEqual(
    (await eventsOf(url, "a")).map(({ data }) => data),
    [1, 2, 3],
  );
  publisher.process.stdin?.end("4");
  assert.equal((await publisher.exited).code, 0);
  assert.equal(lines(publisher.stdout).length, 4);
});

test("a bad line is named; what came before it is in the log, and nothing after", async (t) => {
  const { url, env } = await serveHere(t);
  const { code, stdout, stderr } = await run(t, ["publish", "a", "-"], { env, input: "1\n\n2\nthree\n4\n" });
  assert.equal(code, 2);
  assert.equal(
    stderr,
    'holdfast: Line 4: This is not JSON: "three".\nholdfast: 2 events are in the log, up to line 3.\n',
  );
  assert.equal(lines(stdout).length, 2);
  assert.deepEqual(
    (await eventsOf(url, "a")).map(({ data }) => data),
    [1, 2],
  );
});

test("a line that the server refuses is found in its batch, and ends with 5", async (t) => {
  const { url, env } = await serveHere(t, { limits: { eventBytesMax: 10 } });
  const input = Array.from({ length: 100 }, (_, index) => (index === 42 ? '"far too long"' : index)).join(
    "\n",
  );
  const { code, stderr } = await run(t, ["publish", "a", "-", "--quiet"], { env, input });
  assert.equal(code, 5);
  assert.match(stderr, /^holdfast: Line 43: .*\nholdfast: 42 events are in the log, up to line 42\.\n$/);
  assert.deepEqual(
    (await eventsOf(url, "a")).map(({ data }) => data),
    Array.from({ length: 42 }, (_, index) => index),
  );
});

test("[BND-2] a server that takes small batches gets small batches", async (t) => {
  const { url, env } = await serveHere(t, { limits: { publishEventsMax: 7 } });
  const numbers = Array.from({ length: 500 }, (_, index) => index);
  const { code, stderr } = await run(t, ["publish", "a", "-", "--quiet"], { env, input: numbers.join("\n") });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.deepEqual(
    (await eventsOf(url, "a")).map(({ data }) => data),
    numbers,
  );
});

test("[ACK-2] lines with --id are published once, however often the command is repeated", async (t) => {
  const { url, env } = await serveHere(t);
  const args = ["publish", "a", "-", "--id", "import", "--json"];
  await run(t, args, { env, input: "1\n2\n" });
  const { stdout } = await run(t, args, { env, input: "1\n2\n3\n" });
  assert.deepEqual(
    lines(stdout).map((line) => (JSON.parse(line) as { duplicate: boolean }).duplicate),
    [true, true, false],
  );
  assert.deepEqual(
    (await eventsOf(url, "a")).map(({ id }) => id),
    ["import:1", "import:2", "import:3"],
  );
});

test("with --events a line says all of an event, and what subscribe --json writes beside events is left out", async (t) => {
  const { url, env } = await serveHere(t);
  const input = [
    '{"channel":"b","cursor":"k-1","at":5,"data":{"n":12345678901234567890},"type":"x","key":"k","id":"i","from":"eve"}',
    '{"gap":{"channel":"b","from":"k-1","to":"k-2","reason":"expired"}}',
    '{"data":"AP8=","encoding":"base64"}',
    '{"data":"plain","encoding":"text","type":"own"}',
    '{"data":{"gap":{}}}',
    '{"end":{"channel":"b","cursor":"k-9"}}',
  ].join("\n");
  const { code, stderr } = await run(t, ["publish", "a", "-", "--events", "--type", "general", "--quiet"], {
    env,
    input,
  });
  assert.deepEqual([code, stderr], [0, ""]);
  const text = await (await fetch(`${url}/channels/a`)).text();
  assert.ok(text.includes('"data":{"n":12345678901234567890},"type":"x","key":"k","id":"i"}'), text);
  const events = await eventsOf(url, "a");
  assert.deepEqual(
    events.map(({ type, encoding, from }) => [type, encoding, from]),
    [
      ["x", undefined, undefined],
      ["general", "base64", undefined],
      ["own", "text", undefined],
      ["general", undefined, undefined],
    ],
  );
});

test("with --text every line is text, the empty ones as well", async (t) => {
  const { url, env } = await serveHere(t);
  await run(t, ["publish", "a", "-", "--text", "--quiet"], { env, input: "{\n\n  x\n" });
  assert.deepEqual(
    (await eventsOf(url, "a")).map(({ data, encoding }) => [data, encoding]),
    [
      ["{", "text"],
      ["", "text"],
      ["  x", "text"],
    ],
  );
});

test("when nobody reads the cursors any more, publishing goes on", async (t) => {
  const { url, env } = await serveHere(t);
  const publisher = start(t, ["publish", "a", "-"], { env, input: null });
  publisher.process.stdin?.write("0\n");
  await publisher.says("stdout", /\n/);
  publisher.process.stdout?.destroy();
  const numbers = Array.from({ length: 5000 }, (_, index) => index + 1);
  publisher.process.stdin?.end(numbers.join("\n"));
  const { code, stderr } = await publisher.exited;
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal((await eventsOf(url, "a")).length, 5001);
});

for (const [signal, expected] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  test(`${signal} ends publishing from stdin with ${expected}, and says how far it came`, async (t) => {
    const { env } = await serveHere(t);
    const publisher = start(t, ["publish", "a", "-"], { env, input: null });
    publisher.process.stdin?.write("1\n2\n");
    await until(() => lines(publisher.stdout).length === 2);
    publisher.kill(signal);
    const { code, stderr } = await publisher.exited;
    assert.equal(code, expected);
    assert.equal(stderr, "holdfast: 2 events are in the log, up to line 2.\n");
  });
}

test("over TLS a certificate that is not known ends with 3, and the sentence says how to trust it", async (t) => {
  const { cwd } = await selfSigned(t);
  const { url } = await startServer(t, ["--tls-cert", "cert.pem", "--tls-key", "key.pem"], { cwd });
  const env = { HOLDFAST_URL: url };
  const { code, stderr } = await run(t, ["publish", "a", "1"], { cwd, env });
  assert.equal(code, 3);
  assert.match(stderr, /^holdfast: No server answers at https:.*NODE_EXTRA_CA_CERTS=its-certificate\.pem/);
  const trusting = { ...env, NODE_EXTRA_CA_CERTS: "cert.pem" };
  assert.equal((await run(t, ["publish", "a", "1"], { cwd, env: trusting })).code, 0);
  for (const via of ["websocket", "sse", "long-poll", "poll"]) {
    const read = await run(t, ["subscribe", "a", "--last", "1", "--count", "1", "--via", via], {
      cwd,
      env: trusting,
    });
    assert.deepEqual([read.code, read.stdout, read.stderr], [0, "1\n", ""]);
  }
});
