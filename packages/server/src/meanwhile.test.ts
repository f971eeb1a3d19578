import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { connections, forgotten, RawClient, settled, startNode, until } from "./rig.test.ts";
import { upgradeLines } from "./transports/client-frames.test.ts";

/** A node that takes as long as it is told to, to find out who somebody is. */
async function startSlow(t: TestContext) {
  const asked: (() => void)[] = [];
  const rig = await startNode(t, {
    authenticate: () => new Promise((resolve) => asked.push(() => resolve({ user: "ada" }))),
    authorize: () => true,
  });
  const find = () => {
    for (const answer of asked.splice(0)) answer();
  };
  return { ...rig, asked, find };
}

const credential = "Authorization: Bearer x";
const hello = '{"type":"hello","subscriptions":[{"channel":"a"}]}';
const connectLines = (accept: string) => [
  "POST /connect?wait=20 HTTP/1.1",
  "Host: localhost",
  `Accept: ${accept}`,
  "Content-Type: application/json",
  `Content-Length: ${hello.length}`,
  credential,
  "",
  hello,
];
const getLines = (target: string, accept: string) => [
  `GET ${target} HTTP/1.1`,
  "Host: localhost",
  `Accept: ${accept}`,
  credential,
  "",
  "",
];
const stream = getLines("/channels/a", "text/event-stream");

for (const [what, lines] of [
  ["an event stream", stream],
  ["an event stream of several channels", getLines("/events?channel=a&channel=b", "text/event-stream")],
  ["a session's event stream", connectLines("text/event-stream").map((line) => line.replace("?wait=20", ""))],
  ["a session's held answer", connectLines("application/json")],
  ["a long poll", getLines("/channels/a?after=latest&wait=20", "application/json")],
  ["a WebSocket", upgradeLines("/connect", credential)],
  ["a channel's WebSocket", upgradeLines("/channels/a", credential)],
] as const) {
  test(`[BND-1] a client that leaves while it is found out who it is leaves nothing behind: ${what}`, async (t) => {
    const { holdfast, port, asked, find } = await startSlow(t);
    const client = new RawClient(t, port).send(...lines);
    await until(() => asked.length === 1);
    client.socket.resetAndDestroy();
    await until(() => client.isClosed);
    // An upgrade does not look at its socket before it answers.
    if (!lines.includes("Upgrade: websocket")) await connections(holdfast, 0);
    find();
    await settled(() => holdfast.stats().sessions);
    await connections(holdfast, 0);
    await forgotten(holdfast);
  });
}

test("[ERR-2] a stream behind which there is garbage before it has begun does not begin", async (t) => {
  const { holdfast, port, asked, find } = await startSlow(t);
  const client = new RawClient(t, port, { allowHalfOpen: true });
  client.send(...stream, "garbage", "", "");
  await until(() => asked.length === 1);
  assert.equal(await client.code(), "bad_request");
  find();
  await connections(holdfast, 0);
  assert.equal(client.received.match(/HTTP\/1\.1/g)?.length, 1);
  await forgotten(holdfast);
});

for (const path of ["/connect", "/channels/a"]) {
  test(`[CALM] [ERR-1] a WebSocket on ${path} is refused when the node goes away while it is found out whose it is`, async (t) => {
    const { holdfast, port, asked, find } = await startSlow(t);
    const client = new RawClient(t, port).send(...upgradeLines(path, credential));
    await until(() => asked.length === 1);
    const closed = holdfast.close({ spreadMs: 0, deadlineMs: 5000 });
    find();
    assert.equal(await client.code(), "draining");
    await closed;
  });
}
