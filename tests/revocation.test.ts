import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type Transport } from "@holdfast/client";
import { createPrimary, type Primary } from "@holdfast/server/workers";
import { timing } from "./transports-under-test.ts";

/** Resolves when a condition holds; the test's own timeout is the only bound. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}

const script = join(import.meta.dirname, "guarded-worker.ts");
const tokenOf = (user: string, more = {}) => JSON.stringify({ user, ...more });
const as = (user: string) => ({ Authorization: `Bearer ${tokenOf(user)}` });

async function start(t: TestContext): Promise<{ primary: Primary; url: string }> {
  const primary = createPrimary({ logger: () => {} }, { workers: 2, script });
  t.after(() => primary.close({ spreadMs: 0, deadlineMs: 1000 }));
  const { url } = await primary.listen({ port: 0 });
  return { primary, url };
}

async function post(url: string, body: unknown, user = "root"): Promise<Response> {
  return await fetch(url, {
    method: "POST",
    // Each request is dealt to the next worker.
    headers: { ...as(user), "Content-Type": "application/json", Connection: "close" },
    body: JSON.stringify(body),
  });
}

async function pids(primary: Primary): Promise<number[]> {
  const { workers } = await primary.stats();
  return workers.flatMap(({ pid, stats }) => (stats === undefined || pid === undefined ? [] : pid));
}

const transports: readonly Transport[] = ["websocket", "sse", "long-poll"];

test("[REV-1] [REV-3] [REV-4] what is revoked at one worker ends the clients of all, and the next worker knows it", async (t) => {
  const { primary, url } = await start(t);
  const clients = ["ada", "bob"].flatMap((user) =>
    Array.from({ length: 6 }, (_, index) => {
      const transport = transports[index % transports.length] ?? "websocket";
      const client = connect(url, { transports: [transport], token: tokenOf(user), timing });
      t.after(() => client.close());
      const seen: unknown[] = [];
      client.subscribe("news", { onEvent: ({ data }) => seen.push(data), onError: () => {} });
      return { user, client, seen };
    }),
  );
  await until(() => clients.every(({ client }) => client.state.type === "live"));
  const { workers } = await primary.stats();
  assert.ok(workers.every(({ stats }) => (stats?.readers ?? 0) >= 1));
  assert.equal((await post(`${url}/revocations`, { user: "ada" })).status, 201);
  const of = (user: string) => clients.filter((one) => one.user === user);
  await until(() => of("ada").every(({ client }) => client.state.type === "closed"));
  for (const { client } of of("ada")) {
    assert.ok(client.state.type === "closed");
    assert.equal(client.state.reason.type, "reauthenticate");
  }
  await post(`${url}/channels/news`, 1);
  await until(() => of("bob").every(({ seen }) => seen.length === 1));
  assert.ok(of("ada").every(({ seen }) => seen.length === 0));

  const [victim = 0] = await pids(primary);
  process.kill(victim, "SIGKILL");
  await until(async () => {
    const now = await pids(primary);
    return now.length === 2 && !now.includes(victim);
  });
  for (let count = 0; count < 6; count++) {
    const answer = await fetch(`${url}/channels/news`, { headers: { ...as("ada"), Connection: "close" } });
    assert.equal(answer.status, 401);
    assert.equal(((await answer.json()) as { code: string }).code, "token_revoked");
  }
});

test("[TICK-2] a ticket of one worker opens a connection at another, once", async (t) => {
  const { url } = await start(t);
  for (let round = 0; round < 5; round++) {
    const { ticket } = (await (await post(`${url}/tickets`, {}, "ada")).json()) as { ticket: string };
    const answers = await Promise.all(
      Array.from({ length: 6 }, () =>
        fetch(`${url}/channels/news?ticket=${ticket}`, { headers: { Connection: "close" } }),
      ),
    );
    const statuses = await Promise.all(
      answers.map(async (answer) => [await answer.text(), answer.status][1]),
    );
    assert.deepEqual(statuses.toSorted(), [200, 401, 401, 401, 401, 401]);
  }
});
