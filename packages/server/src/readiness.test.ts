import assert from "node:assert/strict";
import { test } from "node:test";
import type { Broker } from "@holdfast/core/broker";
import { Node } from "./node.ts";
import { readOptions } from "./options.ts";
import { Readiness } from "./readiness.ts";
import { call, faultyBroker, startNode, until } from "./rig.test.ts";

test("[HTTP-3] alive while the process runs, ready when an event published here would be delivered", async (t) => {
  const { holdfast, url } = await startNode(t);
  const live = await call(`${url}/health/live`);
  assert.deepEqual([live.status, live.json], [200, { status: "live" }]);
  const ready = await call(`${url}/health/ready`);
  assert.deepEqual([ready.status, ready.json], [200, { status: "ready" }]);
  await until(() => holdfast.stats().readers === 0);
});

for (const [what, call_, fault] of [
  ["is down", "probe", "fail"],
  ["does not answer", "probe", "hang"],
  ["takes no events", "append", "fail"],
  ["swallows events", "append", "hang"],
  ["cannot be read", "read", "fail"],
  ["cannot be followed", "follow", "hang"],
] as const satisfies readonly (readonly [string, keyof Broker, unknown])[]) {
  test(`[HTTP-3] a node whose log ${what} is alive, not ready, and ready again when that is over`, async (t) => {
    const { broker, faults } = faultyBroker();
    const { url } = await startNode(t, { broker, brokerDeadlineMs: 100 });
    faults.set(call_, fault);
    const red = await call(`${url}/health/ready`);
    assert.deepEqual([red.status, red.json.code], [503, "broker_unavailable"]);
    assert.ok(red.json.detail.length > 0);
    assert.equal((await call(`${url}/health/live`)).status, 200);
    faults.clear();
    let status = 0;
    while (status !== 200) ({ status } = await call(`${url}/health/ready`));
  });
}

test("[HTTP-3] a node that has gone deaf, while everything else looks well, is not ready", async (t) => {
  const { broker } = faultyBroker();
  const deaf = new Proxy<Broker>(broker, {
    get(target, name) {
      if (name !== "follow") return Reflect.get(target, name) as unknown;
      // Follows, and says nothing.
      return async (channel: string) => ({ range: await target.range(channel), stop: () => {} });
    },
  });
  const { url } = await startNode(t, { broker: deaf, brokerDeadlineMs: 100 });
  const { status, json } = await call(`${url}/health/ready`);
  assert.deepEqual([status, json.code], [503, "broker_unavailable"]);
  assert.match(json.detail, /was not delivered within 100 ms/);
});

test("[HTTP-3] a flood of questions asks the log once, and later ones ask it again", async (t) => {
  const { broker, faults } = faultyBroker();
  let probes = 0;
  const counted = new Proxy<Broker>(broker, {
    get(target, name) {
      if (name === "probe") probes++;
      return Reflect.get(target, name) as unknown;
    },
  });
  let now = 0;
  const real = new Node(readOptions({ broker: counted }));
  t.after(() => real.stop());
  const readiness = new Readiness(Object.create(real, { clock: { value: { now: () => now } } }) as Node);
  probes = 0;
  const gate = Promise.withResolvers<void>();
  faults.set("probe", gate.promise);
  const first = readiness.check();
  now = 10_000;
  const meanwhile = readiness.check();
  gate.resolve();
  await Promise.all([first, meanwhile]);
  now = 10_999;
  await readiness.check();
  assert.equal(probes, 1);
  now = 11_000;
  faults.set("probe", "fail");
  await assert.rejects(readiness.check(), { code: "broker_unavailable" });
  await assert.rejects(readiness.check(), { code: "broker_unavailable" });
  assert.equal(probes, 2);
});
