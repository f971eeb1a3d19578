import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createPrimary } from "@holdfast/server/workers";
import { lintExposition, parseExposition, sumOf } from "@holdfast/testkit";

const script = join(import.meta.dirname, "worker.ts");

async function start(t: TestContext) {
  const primary = createPrimary({ logger: () => {} }, { workers: 2, script, args: ["{}"] });
  t.after(() => primary.close({ spreadMs: 0, deadlineMs: 1000 }));
  return { primary, ...(await primary.listen({ port: 0 })) };
}

/** Asks one worker again and again: all goes over one connection. */
function asker(t: TestContext, url: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  return async (path: string): Promise<string> => {
    const [response] = (await once(get(url + path, { agent }), "response")) as [IncomingMessage];
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) text += chunk as string;
    assert.equal(response.statusCode, 200, text);
    return text;
  };
}

test("[SEE-1] [SEE-3] any worker tells what all of them hold, and the process that keeps the log", async (t) => {
  const { url } = await start(t);
  const streams = await Promise.all(
    Array.from({ length: 10 }, () =>
      fetch(`${url}/channels/a`, { headers: { Accept: "text/event-stream" } }),
    ),
  );
  const ask = asker(t, url);
  await fetch(`${url}/channels/a`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "1",
  });
  const families = parseExposition(await ask("/metrics"));
  assert.deepEqual(lintExposition(families), []);
  const of = (name: string, labels: Record<string, string> = {}) => sumOf(families, name, labels);
  assert.equal(of("holdfast_connections"), 10);
  for (const worker of ["1", "2"]) assert.ok(of("holdfast_connections", { worker }) > 0, worker);
  for (const worker of ["1", "2", "primary"]) {
    assert.equal(of("holdfast_worker_up", { worker }), 1, worker);
    assert.ok(of("process_resident_memory_bytes", { worker }) > 0, worker);
  }
  assert.equal(of("holdfast_published_events_total"), 1);
  assert.ok(of("holdfast_log_channels_followed", { worker: "primary" }) >= 1);
  assert.ok(of("holdfast_log_events", { worker: "primary" }) >= 1);
  const { answeredBy, workers } = JSON.parse(await ask("/stats"));
  assert.deepEqual(
    workers.map(({ worker }: { worker: string }) => worker),
    ["1", "2", "primary"],
  );
  assert.ok(["1", "2"].includes(answeredBy));
  const held = workers.map(({ connections }: { connections?: { total: number } }) => connections?.total ?? 0);
  assert.equal(held[0] + held[1], 10);
  for (const stream of streams) await stream.body?.cancel();
});

test("[SEE-1] [SEE-3] a worker that does not answer is shown as missing", async (t) => {
  const { primary, url } = await start(t);
  const ask = asker(t, url);
  const { answeredBy } = JSON.parse(await ask("/stats"));
  const { workers } = await primary.stats();
  const silent = workers.find(({ worker }) => `${worker}` !== answeredBy) ?? assert.fail();
  const pid = silent.pid ?? assert.fail();
  process.kill(pid, "SIGSTOP");
  const told = await Promise.all([ask("/metrics"), ask("/stats")]).finally(() =>
    process.kill(pid, "SIGCONT"),
  );
  const [families, stats] = [parseExposition(told[0]), JSON.parse(told[1])];
  const missing = `${silent.worker}`;
  assert.equal(sumOf(families, "holdfast_worker_up", { worker: missing }), 0);
  assert.equal(sumOf(families, "holdfast_worker_up"), 2);
  assert.equal(sumOf(families, "process_resident_memory_bytes", { worker: missing }), 0);
  assert.deepEqual(
    stats.workers.find(({ worker }: { worker: string }) => worker === missing),
    { worker: missing, isMissing: true },
  );
});
