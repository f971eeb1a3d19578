import assert from "node:assert/strict";
import { test } from "node:test";
import { nestingMax } from "@holdfast/protocol";
import { call, post, SocketClient, startNode, until } from "./rig.test.ts";

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
const deepest = nested(nestingMax);
const tooDeep = nested(nestingMax + 1);
const ndjson = { "Content-Type": "application/x-ndjson" };
const message = /nests at most 56 deep/;

test("[EVT-4] [PUB-3] what nests too deep is refused on every way in, and nothing of it is published", async (t) => {
  const { url, holdfast } = await startNode(t);
  const channel = `${url}/channels/a`;
  const whole = await post(channel, tooDeep);
  const batch = await post(channel, `{"data":1}\n{"data":${tooDeep}}`, ndjson);
  const signal = await post(`${channel}/signals`, `{"data":${tooDeep}}`);
  for (const { status, json } of [whole, batch, signal]) {
    assert.deepEqual([status, json.code], [400, "bad_event"]);
    assert.match(json.detail, message);
  }
  const publishing = holdfast.publish("a", JSON.parse(tooDeep));
  await assert.rejects(publishing, { name: "HoldfastError", code: "bad_event", message });

  const plain = await SocketClient.open(t, channel);
  await until(() => plain.messages.length === 1);
  plain.socket.send(tooDeep);
  await until(() => plain.messages.length === 2);
  assert.deepEqual([plain.messages[1].control, plain.messages[1].code], ["error", "bad_event"]);

  assert.deepEqual((await call(channel)).json.events, []);
});

test("[EVT-4] [SES-4] on a session the message is refused, and the rest goes on", async (t) => {
  const { url } = await startNode(t);
  const session = await SocketClient.open(t, `${url}/connect`);
  const say = (text: string) => session.socket.send(text);
  say(`{"type":"hello","subscriptions":[{"channel":"a"},{"channel":"b","join":${tooDeep}}]}`);
  say(`{"type":"publish","ref":1,"channel":"a","events":[{"data":${tooDeep}}]}`);
  say(`{"type":"signal","channel":"a","data":${tooDeep}}`);
  say(`{"type":"presence","channel":"a","data":${tooDeep}}`);
  say(`{"type":"publish","ref":2,"channel":"a","events":[{"data":1}]}`);
  await until(() => session.messages.some(({ type, ref }) => type === "published" && ref === 2));
  const errors = session.messages.filter(({ type }) => type === "error");
  assert.deepEqual(
    errors.map(({ code, ref, channel }) => [code, ref, channel]),
    [
      ["bad_event", undefined, "b"],
      ["bad_event", 1, undefined],
      ["bad_event", undefined, undefined],
      ["bad_event", undefined, undefined],
    ],
  );
});

test("[EVT-4] what nests as deep as it may arrives, and the messages around it stay within 64", async (t) => {
  const { url } = await startNode(t);
  const channel = `${url}/channels/a`;
  assert.equal((await post(channel, deepest)).status, 201);
  const hello = '{"type":"hello","subscriptions":[{"channel":"a","after":"oldest"}]}';
  const headers = { Accept: "application/json" };
  for (const { text } of [
    await call(`${channel}?after=oldest`),
    await post(`${url}/connect?wait=0`, hello, headers),
  ]) {
    assert.ok(text.includes(`"data":${deepest}`));
    assert.ok(depthOf(JSON.parse(text)) <= 64);
  }
});

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}
