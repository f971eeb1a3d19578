import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "@holdfast/client";
import { createPrimary, type Primary } from "@holdfast/server/workers";
import { AuditedLog } from "./audited-log.ts";
import { Engine, engineBroker } from "./engine.ts";
import { read, timing } from "./transports-under-test.ts";

const script = join(import.meta.dirname, "worker.ts");

/** Resolves when a condition holds; the test's own timeout is the only bound. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}

async function start(t: TestContext, log: AuditedLog, workers = 2, limits = {}) {
  const primary = createPrimary(
    { logger: () => {}, broker: () => log, limits },
    { workers, script, args: [JSON.stringify(limits)] },
  );
  t.after(() => primary.close({ spreadMs: 0, deadlineMs: 1000 }));
  const { url } = await primary.listen({ port: 0 });
  return { primary, url };
}

/** The processes of the workers that serve. */
async function serving(primary: Primary): Promise<number[]> {
  const { workers } = await primary.stats();
  return workers.flatMap(({ pid, stats }) => (stats === undefined || pid === undefined ? [] : pid));
}

const readers = ["websocket", "websocket", "sse", "sse", "long-poll", "long-poll"] as const;
const channels = ["one", "two"];

test("[GAP] [DUP] [ORD] [ACK] [MOVE-1] workers are killed again and again, and nobody misses or doubles anything", async (t) => {
  const log = new AuditedLog();
  const { primary, url } = await start(t, log);
  const { checker } = log;
  for (const channel of channels)
    await log.append(channel, [{ payload: { encoding: "json", text: "null" } }]);
  const audits = readers.flatMap((transport, index) => {
    const client = connect(url, { transports: [transport], toleranceMs: 25, timing });
    t.after(() => client.close());
    return channels.map((channel) => {
      const audit = checker.reader(`${transport} ${index}`, channel, { after: "latest" });
      read(client, channel, "latest", {
        subscribed: (cursor) => audit.subscribed(cursor),
        events: (events, cursor) => audit.events(events, cursor),
        gap: (from, to, reason) => audit.gap(from, to, reason),
        end: (cursor) => audit.end(cursor),
        refused: (code) => checker.fail("LIVE", `${transport} ${index} was refused with ${code}`),
      });
      return audit;
    });
  });
  await until(() => audits.every(({ position }) => position !== undefined));

  let isOver = false;
  const published = channels.map(async (channel, index) => {
    const client = connect(url, { transports: ["websocket"], timing });
    t.after(() => client.close());
    const audit = checker.publisher(`publisher ${index}`);
    for (let ref = 0; !isOver; ref++) {
      const id = `${channel}-${ref}`;
      const draft = { payload: { encoding: "json", text: `${ref}` }, id } as const;
      audit.publish(ref, channel, [draft]);
      try {
        audit.published(ref, [await client.publish(channel, ref, { id })]);
      } catch (error) {
        audit.unpublished(ref, error as Error);
      }
      await sleep(1);
    }
    return audit;
  });

  const killed = new Set<number>();
  for (let kills = 0; kills < 5; kills++) {
    const before = checker.publishers.map(({ acknowledged }) => acknowledged);
    // Under load: each publisher has got through since the last one was killed.
    await until(() =>
      checker.publishers.every(({ acknowledged }, index) => acknowledged > (before[index] ?? 0) + 20),
    );
    await until(async () => (await serving(primary)).length === 2);
    const victims = (await serving(primary)).filter((pid) => !killed.has(pid));
    const victim = victims[kills % victims.length] ?? assert.fail("a killed worker serves on");
    killed.add(victim);
    process.kill(victim, "SIGKILL");
  }
  await until(async () => (await serving(primary)).length === 2);
  isOver = true;
  await Promise.all(published);

  const isAtHead = () =>
    audits.every(({ channel, position }) => position?.offset === checker.log(channel)?.head) ||
    checker.violations.length > 0;
  await until(isAtHead);
  checker.checkFinal();
  assert.deepEqual(checker.violations, []);
  assert.ok(audits.every(({ seen, gaps }) => seen >= 100 && gaps === 0));
  const { workers } = await primary.stats();
  assert.equal(
    workers.reduce((sum, { replaced }) => sum + replaced, 0),
    5,
  );
});

test("[CALM-7] [ACK] all workers are let go under load, and what was acknowledged is in the log", async (t) => {
  const log = new AuditedLog();
  const { primary, url } = await start(t, log);
  const { checker } = log;
  let isOver = false;
  const clients = channels.map(() => connect(url, { transports: ["websocket"], timing }));
  const published = channels.map(async (channel, index) => {
    const audit = checker.publisher(channel);
    for (let ref = 0; !isOver; ref++) {
      const id = `${channel}-${ref}`;
      audit.publish(ref, channel, [{ payload: { encoding: "json", text: `${ref}` }, id }]);
      try {
        const result = await clients[index]?.publish(channel, ref, { id });
        audit.published(ref, result === undefined ? [] : [result]);
      } catch (error) {
        audit.unpublished(ref, error as Error);
      }
    }
  });
  await until(() => checker.publishers.every(({ acknowledged }) => acknowledged > 50));
  const { workers } = await primary.stats();
  await primary.close({ spreadMs: 200 });
  isOver = true;
  for (const client of clients) client.close();
  await Promise.all(published);
  for (const { pid } of workers) assert.throws(() => process.kill(pid ?? 0, 0), { code: "ESRCH" });
  for (const publisher of checker.publishers) publisher.checkFinal();
  assert.deepEqual(checker.violations, []);
});

test("[SEE] connections are dealt out in turn, and each worker says what it holds", async (t) => {
  const { primary, url } = await start(t, new AuditedLog());
  const streams = await Promise.all(
    Array.from({ length: 20 }, () =>
      fetch(`${url}/channels/a`, { headers: { Accept: "text/event-stream" } }),
    ),
  );
  const { workers, followed, memory } = await primary.stats();
  const readersOf = workers.map(({ stats }) => stats?.readers ?? 0);
  assert.equal(
    readersOf.reduce((sum, held) => sum + held, 0),
    20,
  );
  assert.ok(Math.min(...readersOf) >= 1, `they hold ${readersOf.join(" and ")}`);
  assert.deepEqual(
    workers.map(({ worker, replaced }) => [worker, replaced]),
    [
      [1, 0],
      [2, 0],
    ],
  );
  // Followed by both, and once in the log.
  assert.deepEqual([followed, memory?.followers], [1, 1]);
  for (const stream of streams) await stream.body?.cancel();
});

test("[ACK] [GAP] without its primary no worker serves on: there are never two logs", async (t) => {
  const child = spawn(process.execPath, [join(import.meta.dirname, "primary.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const { url, pids } = await announced(child);
  assert.equal((await fetch(`${url}/health/ready`)).status, 200);
  child.kill("SIGKILL");
  await until(() => pids.every((pid) => !isAlive(pid)));
  await assert.rejects(fetch(`${url}/health/live`), { name: "TypeError" });
});

test("[SEE] a worker that is stopped holds up nobody but its own", async (t) => {
  const { primary, url } = await start(t, new AuditedLog());
  const [stalled] = await serving(primary);
  assert.ok(stalled !== undefined);
  process.kill(stalled, "SIGSTOP");
  try {
    // One connection may already have been dealt to the stalled one; with the others nothing is wrong.
    const answers = Array.from({ length: 8 }, () =>
      fetch(`${url}/channels/a`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: "1",
      }),
    );
    let acknowledged = 0;
    for (const answer of answers) void answer.then(() => acknowledged++).catch(() => {});
    await until(() => acknowledged >= 7);
  } finally {
    process.kill(stalled, "SIGCONT");
  }
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** What the primary in a process of its own says when it listens. */
async function announced(child: ChildProcess): Promise<{ url: string; pids: number[] }> {
  let said = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  while (!said.includes("\n")) await once(child.stdout ?? child, "data");
  return JSON.parse(said);
}

test("[PRS-1] [PRS-2] [SIG-1] members and signals of all workers are company, also when one of them dies", async (t) => {
  const { primary, url } = await start(t, new AuditedLog(), 2, { presenceGraceMs: 400 });
  const people = Array.from({ length: 8 }, (_, index) => {
    const client = connect(url, { transports: ["websocket"], timing });
    t.after(() => client.close());
    const here = new Map<string, unknown>();
    const signals = new Set<unknown>();
    const subscription = client.subscribe("room", {
      join: index,
      onEvent: () => {},
      onPresence: ({ full, members, left }) => {
        if (full) here.clear();
        for (const { instance, data } of members) here.set(instance, data);
        for (const instance of left) here.delete(instance);
      },
      onSignal: ({ data }) => signals.add(data),
    });
    return { client, here, signals, subscription };
  });
  const everybody = people.map((_, index) => index);
  const ascending = (a: unknown, b: unknown) => Number(a) - Number(b);
  const sees = (here: Map<string, unknown>, who: readonly number[]) =>
    JSON.stringify([...here.values()].toSorted(ascending)) === JSON.stringify(who);
  await until(() => people.every(({ here }) => sees(here, everybody)));
  const { workers } = await primary.stats();
  assert.ok(workers.every(({ stats }) => (stats?.readers ?? 0) >= 1));

  // Whichever worker is asked, also about a channel that it has not opened.
  for (let count = 0; count < 4; count++) {
    const answer = await fetch(`${url}/channels/room/presence`, { headers: { Connection: "close" } });
    const { members } = (await answer.json()) as { members: { data: unknown }[] };
    assert.deepEqual(members.map(({ data }) => data).toSorted(ascending), everybody);
  }
  for (const [index, { client }] of people.entries()) client.signal("room", index, { key: `${index}` });
  await until(() => people.every(({ signals }) => signals.size === 8));

  const [victim] = await serving(primary);
  assert.ok(victim !== undefined);
  process.kill(victim, "SIGKILL");
  await until(
    async () => !(await serving(primary)).includes(victim) && (await serving(primary)).length === 2,
  );
  await until(() =>
    people.every(({ client, here }) => client.state.type === "live" && sees(here, everybody)),
  );
  const [gone, ...left] = people;
  gone?.client.close();
  await until(() => left.every(({ here }) => sees(here, everybody.slice(1))));
});

test("[ORD] [ACK] a broker that is shared each worker makes for itself, and the primary keeps no log", async (t) => {
  const engine = new Engine();
  const port = await engine.start();
  t.after(() => engine.stop());
  const primary = createPrimary(
    { logger: () => {}, broker: () => engineBroker(port) },
    { workers: 2, script: join(import.meta.dirname, "engine-worker.ts"), args: [`${port}`] },
  );
  t.after(() => primary.close({ spreadMs: 0, deadlineMs: 1000 }));
  const { url } = await primary.listen({ port: 0 });
  await until(() => engine.clients === 2);
  const streams = await Promise.all(
    Array.from({ length: 4 }, () => fetch(`${url}/channels/a`, { headers: { Accept: "text/event-stream" } })),
  );
  const { followed, memory, workers } = await primary.stats();
  assert.deepEqual([followed, memory], [0, undefined]);
  assert.ok(workers.every(({ stats }) => (stats?.readers ?? 0) >= 1));
  assert.equal(engine.log.stats().followers, 1);
  for (let n = 0; n < 4; n++) {
    const headers = { "Content-Type": "application/json", Connection: "close" };
    await fetch(`${url}/channels/a`, { method: "POST", headers, body: `${n}` });
  }
  for (const stream of streams) {
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of stream.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.includes("data: 3\n\n")) break;
    }
    assert.deepEqual(text.match(/^data: \d$/gm), ["data: 0", "data: 1", "data: 2", "data: 3"]);
  }
});
