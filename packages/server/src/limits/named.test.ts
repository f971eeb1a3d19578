import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Limits } from "@holdfast/protocol";
import { call, post, RawClient, type Rig, SocketClient, startNode, until } from "../rig.test.ts";

const ndjson = { "Content-Type": "application/x-ndjson" };
const long = JSON.stringify("x".repeat(300));

async function session(t: TestContext, url: string, ...subscriptions: object[]): Promise<SocketClient> {
  const client = await SocketClient.open(t, `${url}/connect`);
  client.say({ type: "hello", subscriptions });
  await client.message(subscriptions.length);
  return client;
}

interface Refusal {
  readonly limit: keyof Limits;
  readonly set?: Partial<Limits>;
  /** Asks for too much, and answers the text in which that is refused, where anything is said. */
  ask(t: TestContext, rig: Rig): Promise<string>;
}

const refusals: readonly Refusal[] = [
  { limit: "eventBytesMax", ask: async (_t, { url }) => (await post(`${url}/channels/a`, long)).text },
  {
    limit: "publishEventsMax",
    ask: async (_t, { url }) => (await post(`${url}/channels/a`, '{"data":1}\n'.repeat(5), ndjson)).text,
  },
  {
    limit: "messageBytesMax",
    ask: async (_t, { url }) => (await post(`${url}/channels/a`, `"${"x".repeat(2000)}"`)).text,
  },
  {
    limit: "messageBytesMax",
    ask: async (t, { url }) => {
      const client = await session(t, url);
      client.say({ type: "ping", padding: "x".repeat(2000) });
      assert.deepEqual(await client.closes(), { code: 1009, reason: "too_large" });
      return "messageBytesMax";
    },
  },
  {
    limit: "subscriptionsMax",
    ask: async (t, { url }) => {
      const client = await session(t, url, { channel: "a" }, { channel: "b" }, { channel: "c" });
      return JSON.stringify(client.messages);
    },
  },
  {
    limit: "streamChannelsMax",
    ask: async (_t, { url }) => (await call(`${url}/events?channel=a&channel=b&channel=c`)).text,
  },
  { limit: "pageEventsMax", ask: async (_t, { url }) => (await call(`${url}/channels/a?limit=1001`)).text },
  { limit: "waitMsMax", ask: async (_t, { url }) => (await call(`${url}/channels/a?wait=61`)).text },
  {
    limit: "headersBytesMax",
    ask: async (t, { port }) => {
      const client = new RawClient(t, port);
      client.send("GET / HTTP/1.1", "Host: localhost", `X: ${"x".repeat(20_000)}`, "", "");
      await client.code();
      return client.received;
    },
  },
  {
    limit: "headersTimeoutMs",
    set: { headersTimeoutMs: 50 },
    ask: async (t, { port }) => {
      const client = new RawClient(t, port).send("GET / HTTP/1.1", "Host: ");
      await client.code();
      return client.received;
    },
  },
  {
    limit: "bodyTimeoutMs",
    set: { bodyTimeoutMs: 50 },
    ask: async (t, { port }) => {
      const head = [
        "POST /channels/a HTTP/1.1",
        "Host: localhost",
        "Content-Type: text/plain",
        "Content-Length: 9",
      ];
      const client = new RawClient(t, port).send(...head, "", "x");
      await client.code();
      return client.received;
    },
  },
  {
    limit: "helloTimeoutMs",
    set: { helloTimeoutMs: 50 },
    ask: async (t, { url }) =>
      JSON.stringify(await (await SocketClient.open(t, `${url}/connect`)).message(0)),
  },
  {
    limit: "stateBytesMax",
    set: { stateBytesMax: 100 },
    ask: async (_t, { url, holdfast }) => {
      for (const key of ["a", "b", "c"]) await holdfast.publish("a", "x".repeat(60), { id: key });
      await post(`${url}/channels/a`, `"${"x".repeat(60)}"`, { "Event-Key": "d" });
      const { json } = await call(`${url}/channels/a/state`);
      assert.deepEqual([json.events.length, json.events[0].key, json.truncated], [1, "d", true]);
      return "stateBytesMax";
    },
  },
  {
    limit: "signalBytesMax",
    ask: async (_t, { url }) =>
      (await post(`${url}/channels/a/signals`, `{"data":"${"x".repeat(150)}"}`)).text,
  },
  {
    limit: "presenceMembersMax",
    ask: async (t, { url }) => {
      await session(t, url, { channel: "a", join: 1 });
      const second = await session(t, url, { channel: "a", join: 2 });
      await until(() => second.messages.some(({ type }) => type === "error"));
      return JSON.stringify(second.messages);
    },
  },
  {
    limit: "presenceBytesMax",
    set: { presenceBytesMax: 100 },
    ask: async (t, { url }) => {
      const client = await session(t, url, { channel: "a", join: "here" });
      client.say({ type: "presence", channel: "a", data: "x".repeat(95) });
      await until(() => client.messages.some(({ type }) => type === "error"));
      const { json } = await call(`${url}/channels/a/presence`);
      assert.deepEqual(
        json.members.map(({ data }: { data: unknown }) => data),
        ["here"],
      );
      return JSON.stringify(client.messages);
    },
  },
];

const small: Partial<Limits> = {
  eventBytesMax: 200,
  messageBytesMax: 1000,
  publishEventsMax: 4,
  subscriptionsMax: 2,
  streamChannelsMax: 2,
  signalBytesMax: 100,
  presenceMembersMax: 1,
};

for (const { limit, set, ask } of refusals) {
  test(`[BND-2] [LIM-3] ${limit} is named by its refusal, and counted under its name`, async (t) => {
    const rig = await startNode(t, { limits: { ...small, ...set } });
    const said = await ask(t, rig);
    assert.ok(said.includes(limit), said);
    const { text } = await call(`${rig.url}/metrics`);
    assert.match(text, new RegExp(`^holdfast_refusals_total\\{[^}]*limit="${limit}"[^}]*\\} 1$`, "m"));
  });
}
