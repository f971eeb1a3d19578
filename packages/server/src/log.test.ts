import assert from "node:assert/strict";
import { test } from "node:test";
import { guardLog, type LogEntry } from "./log.ts";
import { call, RawClient, SocketClient, StreamClient, startNode, until } from "./rig.test.ts";

const hello = (...subscriptions: unknown[]) => ({ type: "hello", subscriptions });

test("[SEE-4] a refusal carries the id of its request, and the log names it by that", async (t) => {
  const { url, log, port } = await startNode(t, { logLevel: "debug" });
  const refused = (request: string) => log.find((entry) => entry["request"] === request);
  const given = await call(`${url}/channels/a?after=nothing`, { headers: { "X-Request-Id": "proxy-7/a=b" } });
  assert.equal(given.headers.get("x-request-id"), "proxy-7/a=b");
  assert.deepEqual(refused("proxy-7/a=b"), {
    level: "debug",
    message: "A request was refused.",
    request: "proxy-7/a=b",
    method: "GET",
    path: "/channels/a",
    address: "127.0.0.1",
    code: "bad_cursor",
    status: 400,
    reason: refused("proxy-7/a=b")?.["reason"],
  });
  const drawn = new Set<string>();
  for (const bad of ["", "with space", "x".repeat(129), '"quoted"', undefined]) {
    const headers = bad === undefined ? {} : { "X-Request-Id": bad };
    const id = (await call(`${url}/nowhere`, { headers })).headers.get("x-request-id") ?? "";
    assert.match(id, /^[a-z0-9]{8}-r[a-z0-9]+$/);
    assert.equal(refused(id)?.["code"], "not_found");
    drawn.add(id);
  }
  assert.equal(drawn.size, 5);
  const upgrade = new RawClient(t, port).send(
    "GET /channels/a?after=nothing HTTP/1.1",
    "Host: localhost",
    "X-Request-Id: upgrade-1",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    "",
    "",
  );
  await upgrade.receives("X-Request-Id: upgrade-1");
  assert.equal(refused("upgrade-1")?.["path"], "/channels/a");
});

test("[SEE] a connection's lines carry its id, from the first to the last", async (t) => {
  const { url, log, holdfast } = await startNode(t, { logLevel: "debug" });
  const socket = await SocketClient.open(t, `${url}/connect`);
  socket.say(hello({ channel: "a" }));
  const { session } = await socket.message(0);
  const stream = await StreamClient.open(t, `${url}/channels/a`);
  await stream.receives("id: ");
  socket.socket.close();
  stream.leave();
  const ends = () => log.filter(({ message }) => message === "A connection closed.");
  await until(() => ends().length === 2);
  const of = (message: string, transport: string) =>
    log.find((entry) => entry.message === message && entry["transport"] === transport);
  const opened = of("A connection opened.", "websocket");
  assert.deepEqual(opened, {
    level: "debug",
    message: "A connection opened.",
    connection: session,
    transport: "websocket",
    address: "127.0.0.1",
  });
  for (const transport of ["websocket", "sse"]) {
    const closed = of("A connection closed.", transport);
    assert.equal(closed?.["connection"], of("A connection opened.", transport)?.["connection"]);
    assert.deepEqual([closed?.["reason"], closed?.["address"]], ["client", "127.0.0.1"]);
    assert.ok(Number(closed?.["sentBytes"]) > 100 && Number(closed?.["receivedBytes"]) > 50, transport);
    assert.ok(Number(closed?.["ageMs"]) >= 0);
  }
  assert.equal(holdfast.stats().sessions, 0);
});

test("[SEE] below the level that was chosen nothing is logged", async (t) => {
  for (const logLevel of ["info", "warn"] as const) {
    const { url, log } = await startNode(t, { logLevel });
    await call(`${url}/nowhere`);
    const socket = await SocketClient.open(t, `${url}/channels/a`);
    await socket.message(0);
    assert.deepEqual(log, []);
  }
});

const credentials: readonly string[] = [
  "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",
  "Bearer opaque-token-1",
  "/channels/a?ticket=t1cket&after=latest",
  `TICKET${"x".repeat(37)}.k3-17`,
  "hfk_SECRETkey",
  "https://example.com/?access_token=abc123#x",
  "Cookie: session=topsecret; other=1",
  '{"set-cookie":"session=topsecret"}',
];

test("[SEE] [AUTH] what looks like a credential is not passed on, wherever in an entry it stands", () => {
  const written: LogEntry[] = [];
  const log = guardLog((entry) => written.push(entry), "info");
  for (const text of credentials) {
    log({ level: "error", message: text, error: `Error: ${text}\n    at x`, nested: { list: [text] } });
  }
  const all = JSON.stringify(written);
  assert.doesNotMatch(all, /eyJhbG|opaque-token|t1cket|TICKETx|SECRETkey|abc123|topsecret/);
  assert.equal(written.length, credentials.length);
  // The rest of what was said is still there.
  assert.match(all, /after=latest/);
  const harmless = { level: "info", message: "Bearers of news.", count: 3, at: null, on: true } as const;
  log(harmless);
  assert.deepEqual(written.at(-1), harmless);
});

test("[SEE] a token is found wherever it stands, and a long text that only looks like many costs no more than its length", () => {
  const log: LogEntry[] = [];
  const write = guardLog((entry) => log.push(entry), "debug");
  const written = (path: string) => {
    write({ level: "debug", message: "x", path });
    return log.at(-1)?.["path"];
  };
  const token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln";
  for (const before of ["", "/channels/", "a-", "a.b.c.", "eyJx ", "x=", "eyJ-"]) {
    assert.equal(
      written(`${before}${token}, and more`),
      `${before.replace("eyJ-", "")}[redacted], and more`,
      before,
    );
  }
  // From each of its places to its end it would take minutes.
  const hostile = "-eyJa".repeat(400_000);
  assert.equal(written(hostile), hostile);
});
