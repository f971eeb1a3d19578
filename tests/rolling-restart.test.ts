import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, connect } from "@holdfast/client";
import { EventSource } from "eventsource";
import { AuditedLog } from "./audited-log.ts";
import { Balancer } from "./balancer.ts";
import { Engine } from "./engine.ts";
import { read, timing } from "./transports-under-test.ts";

const program = join(import.meta.dirname, "../packages/cli/src/main.ts");
const config = join(import.meta.dirname, "rolling-config.ts");
const channel = "orders";
const transports = ["websocket", "sse", "long-poll", "poll"] as const;
const readersEach = 4;
const rounds = 1;

/** Resolves when a condition holds; the test's own timeout is the only bound. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** `holdfast serve` on a port of its own, as a process that is ended and started again. */
class ServedNode {
  readonly port: number;
  readonly #enginePort: number;
  #child: ChildProcess | undefined;
  log = "";

  constructor(t: TestContext, port: number, enginePort: number) {
    this.port = port;
    this.#enginePort = enginePort;
    t.after(() => this.#child?.kill("SIGKILL"));
  }

  start(): void {
    const args = [program, "serve", "--port", `${this.port}`, "--config", config];
    const env = { ...process.env, ENGINE_PORT: `${this.#enginePort}` };
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.log += text;
    });
    this.#child = child;
  }

  /** Ends it as an operator does; resolves with its exit code. */
  async end(): Promise<number | null> {
    const child = this.#child ?? assert.fail("not running");
    child.kill("SIGTERM");
    const [code] = (await once(child, "exit")) as [number | null];
    return code;
  }
}

/** Publishes one after the other until it is told to stop, by the client or by plain requests. */
async function publishing(
  { checker }: AuditedLog,
  name: string,
  isOver: () => boolean,
  publish: (data: string, id: string) => Promise<Awaited<ReturnType<Client["publish"]>>>,
): Promise<void> {
  const audit = checker.publisher(name);
  for (let ref = 0; !isOver(); ref++) {
    const id = `${name}-${ref}`;
    audit.publish(ref, channel, [{ payload: { encoding: "json", text: JSON.stringify(id) }, id }]);
    try {
      audit.published(ref, [await publish(id, id)]);
    } catch (error) {
      audit.unpublished(ref, error as Error);
    }
    await sleep(5);
  }
}

/** A plain request, repeated with its id as anybody would, until it is answered. */
async function post(url: string, data: string, id: string) {
  for (;;) {
    try {
      const headers = { "Content-Type": "application/json", "Idempotency-Key": id };
      const answer = await fetch(url, { method: "POST", body: JSON.stringify(data), headers });
      if (answer.ok) return (await answer.json()) as { cursor: string; at: number; duplicate: boolean };
      await answer.body?.cancel();
    } catch {
      // The connection that was kept alive is gone.
    }
    await sleep(10);
  }
}

/** All that is in the log. */
async function payloadsOf(log: AuditedLog): Promise<unknown[]> {
  const payloads: unknown[] = [];
  let { epoch, floor } = await log.range(channel);
  for (;;) {
    const page = await log.read(channel, { epoch, offset: floor }, { eventsMax: 1000, bytesMax: 1e6 });
    if (page.events.length === 0) return payloads;
    for (const { payload } of page.events)
      payloads.push(JSON.parse(payload.encoding === "json" ? payload.text : ""));
    floor = page.to;
  }
}

test("[CALM-1] [CALM-2] [CALM-5] [CALM-6] [GAP] [DUP] [ORD] [ACK] [MOVE-1] two nodes are restarted in turn under load, and nobody misses or doubles anything", async (t) => {
  const log = new AuditedLog();
  const { checker } = log;
  const engine = new Engine(log);
  const enginePort = await engine.start();
  t.after(() => engine.stop());
  const nodes = [await freePort(), await freePort()].map((port) => new ServedNode(t, port, enginePort));
  const balancer = new Balancer(nodes.map(({ port }) => port));
  const url = await balancer.start();
  t.after(() => balancer.stop());
  for (const node of nodes) node.start();
  const isReady = ({ port }: ServedNode) => balancer.historyOf(port).at(-1) === "ready";
  await until(() => nodes.every(isReady));
  await log.append(channel, [{ payload: { encoding: "json", text: '"first"' } }]);

  const troubles: string[] = [];
  const audits = transports.flatMap((transport) =>
    Array.from({ length: readersEach }, (_, index) => {
      const name = `${transport} ${index}`;
      const client = connect(url, { transports: [transport], toleranceMs: 25, timing });
      t.after(() => client.close());
      client.on("state", (state) => {
        if (state.type === "closed" || state.type === "recovering") troubles.push(`${name}: ${state.type}`);
      });
      const audit = checker.reader(name, channel, { after: "latest" });
      read(client, channel, "latest", {
        subscribed: (cursor) => audit.subscribed(cursor),
        events: (events, cursor) => audit.events(events, cursor),
        gap: (from, to, reason) => audit.gap(from, to, reason),
        end: (cursor) => audit.end(cursor),
        refused: (code) => checker.fail("LIVE", `${name} was refused with ${code}`),
      });
      return audit;
    }),
  );
  const sources = Array.from({ length: readersEach }, () => {
    const source = new EventSource(`${url}/channels/${channel}?after=oldest`);
    t.after(() => source.close());
    const seen: string[] = [];
    source.onmessage = ({ data }: { data: string }) => seen.push(JSON.parse(data));
    return { source, seen };
  });
  await until(() => audits.every(({ position }) => position !== undefined));
  await until(() => sources.every(({ seen }) => seen.length > 0));

  let isOver = false;
  const speaker = connect(url, { transports: ["websocket"], timing });
  t.after(() => speaker.close());
  const published = [
    publishing(
      log,
      "websocket",
      () => isOver,
      (data, id) => speaker.publish(channel, data, { id }),
    ),
    publishing(
      log,
      "http",
      () => isOver,
      (data, id) => post(`${url}/channels/${channel}`, data, id),
    ),
  ];

  for (let restart = 0; restart < rounds * nodes.length; restart++) {
    const node = nodes[restart % nodes.length] ?? assert.fail();
    const before = checker.publishers.map(({ acknowledged }) => acknowledged);
    await until(() =>
      checker.publishers.every(({ acknowledged }, index) => acknowledged > (before[index] ?? 0) + 20),
    );
    assert.equal(await node.end(), 0);
    await until(() => balancer.historyOf(node.port).at(-1) === "gone");
    node.start();
    await until(() => isReady(node));
  }
  isOver = true;
  await Promise.all(published);

  const head = () => checker.log(channel)?.head;
  await until(
    () => audits.every(({ position }) => position?.offset === head()) || checker.violations.length > 0,
  );
  checker.checkFinal();
  assert.deepEqual(checker.violations, []);
  assert.ok(audits.every(({ seen, gaps }) => seen >= 100 && gaps === 0));
  // Whoever is written to by an ordinary EventSource has every event as well, once and in order.
  const all = await payloadsOf(log);
  await until(() => sources.every(({ seen }) => seen.length >= all.length));
  for (const { source, seen } of sources) {
    assert.deepEqual(seen, all);
    assert.notEqual(source.readyState, EventSource.CLOSED);
  }
  // Each node said that it goes before it went, and nobody was sent to one that was not there.
  for (const { port } of nodes) {
    const life = [
      "gone",
      "ready",
      ...Array.from({ length: rounds }, () => ["draining", "gone", "ready"]).flat(),
    ];
    assert.deepEqual(balancer.historyOf(port), life);
  }
  assert.deepEqual([balancer.unserved, balancer.failed], [0, 0]);
  assert.deepEqual(troubles, []);
  for (const { log: said } of nodes) assert.doesNotMatch(said, /"level":"(?:warn|error)"/);
});
