import assert from "node:assert/strict";
import { after, afterEach, test } from "node:test";
import { type Client, connect, type Presence } from "@holdfast/client";
import type { Holdfast } from "@holdfast/server";
import { createLogs, createOwnNode, createPageNode } from "../nodes.ts";
import { Visitors } from "../visitors/visitors.ts";
import { Address } from "./address.ts";
import { Neighbourhood } from "./neighbourhood.ts";
import { Pool, type PoolReport } from "./pool.ts";

const broker = createLogs();
const visitors = new Visitors(0, 60);
const { access } = visitors;
const own = createOwnNode(broker, access);
const neighbourhood = new Neighbourhood();
const clients: Client[] = [];
let pool: Pool | undefined;

const create = () => createPageNode(broker, access, neighbourhood);

async function open(reports: PoolReport[] = [], make: () => Holdfast = create): Promise<Pool> {
  pool = await Pool.open({ size: 2, create: make, changed: (report) => reports.push(report) });
  return pool;
}

function client(url: string): Client {
  const token = async () => (await visitors.pass({ user: "heron-000001", id: "one" })).token;
  const one = connect(url, { transports: ["websocket"], token });
  clients.push(one);
  return one;
}

afterEach(async () => {
  for (const one of clients.splice(0)) one.close();
  await pool?.close();
  pool = undefined;
});

after(async () => {
  await own.close();
  await broker.stop();
});

test("[CALM] a deploy replaces node by node: the next one is ready first, and who leaves turns red", async () => {
  const reports: PoolReport[] = [];
  const { report, pick, deploy } = await open(reports);
  assert.deepEqual(
    report.nodes.map(({ number, version }) => [number, version]),
    [
      [1, 1],
      [2, 1],
    ],
  );
  const before = new Set([pick(), pick()]);
  assert.equal(before.size, 2, "both take their part");
  const first = deploy.call(pool);
  assert.equal(deploy.call(pool), first, "asked meanwhile, it is the same deploy");
  await first;
  for (const { nodes } of reports.filter(({ deploying }) => deploying)) {
    const ready = nodes.filter(({ health, leaving }) => health === "ready" && !leaving);
    assert.ok(nodes.length <= 3 && ready.length >= 2, JSON.stringify(nodes));
  }
  const told = reports.flatMap(({ nodes }) => nodes);
  assert.ok(told.some(({ number, leaving, health }) => number === 1 && leaving && health === "red"));
  assert.deepEqual(
    pool?.report.nodes.map(({ number, version, leaving }) => [number, version, leaving]),
    [
      [3, 2, false],
      [4, 2, false],
    ],
  );
  for (const url of [pick(), pick()]) assert.ok(!before.has(url));
});

test("[CALM] a version that does not become ready goes no further, and those who serve stay", async () => {
  let isBroken = false;
  const opened = await open([], () => {
    const node = create();
    return isBroken ? { ...node, listen: () => Promise.reject(new Error("It does not start.")) } : node;
  });
  isBroken = true;
  await assert.rejects(opened.deploy(), /does not start/);
  assert.deepEqual(
    opened.report.nodes.map(({ number, health, leaving }) => [number, health, leaving]),
    [
      [1, "ready", false],
      [2, "ready", false],
    ],
  );
  const { version, deploying } = opened.report;
  assert.deepEqual({ version, deploying }, { version: 1, deploying: false });
});

test("[MOVE] [PRS-1] over a deploy nothing is lost or repeated, and members on different nodes stay company", async (t) => {
  const { pick, deploy } = await open();
  const address = await Address.open(0);
  t.after(() => address.close());
  address.serve(() => false, pick);
  const url = `http://127.0.0.1:${address.port}`;
  const seen: number[][] = [];
  const company: Presence[][] = [];
  const readers = Array.from({ length: 6 }, (_, index) => {
    const numbers: number[] = [];
    const changes: Presence[] = [];
    seen.push(numbers);
    company.push(changes);
    return client(url).subscribe<number>("chat:lobby", {
      onEvent: ({ data }) => numbers.push(data),
      onPresence: (change) => changes.push(change),
      join: { name: `Reader ${index}` },
    });
  });
  await Promise.all(readers.map(({ ready }) => ready));
  const everybody = () => company.every((changes) => membersAfter(changes) === readers.length);
  await until(everybody);

  let published = 0;
  let isOver = false;
  const deployed = deploy.call(pool).finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await own.publish("chat:lobby", ++published);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await deployed;
  await until(() => seen.every((numbers) => numbers.length >= published));
  const expected = Array.from({ length: published }, (_, index) => index + 1);
  for (const numbers of seen) assert.deepEqual(numbers, expected);
  await until(everybody);
});

function membersAfter(changes: readonly Presence[]): number {
  const here = new Set<string>();
  for (const { full, members, left } of changes) {
    if (full) here.clear();
    for (const instance of left) here.delete(instance);
    for (const { instance } of members) here.add(instance);
  }
  return here.size;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}
