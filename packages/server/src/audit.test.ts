import assert from "node:assert/strict";
import { test } from "node:test";
import { createApiKey, type LogEntry } from "./index.ts";
import { post, startNode } from "./rig.test.ts";

const access = {
  authenticate: (token: string | undefined) => (token === undefined ? null : { user: token }),
  authorize: ({ user }: { user?: string }, action: string) => user === "root" || action === "publish",
};
const as = (token: string) => ({ Authorization: `Bearer ${token}`, "X-Request-Id": `by-${token}` });

function records(log: readonly LogEntry[]): LogEntry[] {
  return log.filter(({ audit }) => audit === true);
}

test("[SEE] who closes a channel is put on record, and so is who is known and may not", async (t) => {
  const { url, log, holdfast } = await startNode(t, { ...access, logLevel: "error" });
  const close = `${url}/channels/a/close`;
  assert.equal((await post(close, "")).status, 401);
  assert.equal((await post(close, "", as("ada"))).status, 403);
  assert.equal((await post(`${close}?now=1`, "", as("root"))).status, 400);
  assert.equal((await post(close, "", as("root"))).status, 200);
  await holdfast.closeChannel("b");
  const line = { level: "info", message: "An act of administration.", audit: true, act: "channel.close" };
  const of = (by: string) => ({ by, from: "127.0.0.1", request: `by-${by}`, channel: "a" });
  assert.deepEqual(records(log), [
    { ...line, ...of("ada"), outcome: "forbidden" },
    { ...line, ...of("root"), outcome: "bad_parameter" },
    { ...line, ...of("root"), outcome: "done" },
    { ...line, channel: "b", outcome: "done" },
  ]);
});

test("[SEE] a server without a user is put on record by its key", async (t) => {
  const { key, entry } = createApiKey({ id: "ops", grants: ["admin a"] });
  const { url, log } = await startNode(t, { auth: { keys: [entry] } });
  assert.equal((await post(`${url}/channels/a/close`, "", { Authorization: `Bearer ${key}` })).status, 200);
  const [line] = records(log);
  assert.deepEqual([line?.["by"], line?.["byToken"], line?.["channel"]], [undefined, "key:ops", "a"]);
  assert.ok(!JSON.stringify(log).includes(key));
});

test("[SEE] the record can be kept apart from the log", async (t) => {
  const record: LogEntry[] = [];
  const { holdfast, log } = await startNode(t, { audit: (entry) => record.push(entry) });
  await holdfast.closeChannel("a");
  assert.deepEqual([record.length, records(log).length], [1, 0]);
});
