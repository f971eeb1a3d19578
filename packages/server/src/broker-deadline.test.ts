import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Broker } from "@holdfast/core/broker";
import { withDeadline } from "./broker-deadline.ts";
import { Deadlines } from "./deadlines.ts";
import { faultyBroker, until } from "./rig.test.ts";

function bound(t: TestContext, broker: Broker, { now = Date.now, deadlineMs = 30 } = {}) {
  const deadlines = new Deadlines({ everyMs: 1, now });
  t.after(() => deadlines.stop());
  return { bounded: withDeadline(broker, deadlineMs, deadlines), deadlines };
}

const observer = { appended: () => {}, closed: () => {}, disturbed: () => {} };
const limits = { eventsMax: 1, bytesMax: 1 };

const calls: { [name in keyof Broker]?: (broker: Broker) => Promise<unknown> } = {
  append: (broker) => broker.append("a", [{ payload: { encoding: "text", text: "" } }]),
  read: (broker) => broker.read("a", "oldest", limits),
  before: (broker) => broker.before("a", 1),
  range: (broker) => broker.range("a"),
  state: (broker) => broker.state("a"),
  close: (broker) => broker.close("a"),
  follow: (broker) => broker.follow("a", observer),
  probe: (broker) => broker.probe(),
};

for (const [name, run] of Object.entries(calls)) {
  test(`[BND-2] ${name} is answered, refused or given up within the deadline`, async (t) => {
    const { broker, faults } = faultyBroker();
    const { bounded, deadlines } = bound(t, broker);
    await run(bounded);
    faults.set(name as keyof Broker, new Error("its own"));
    await assert.rejects(run(bounded), /its own/);
    faults.set(name as keyof Broker, "hang");
    await assert.rejects(run(bounded), {
      code: "broker_unavailable",
      retry: "retry",
      message: `The broker memory did not answer "${name}" within 30 ms.`,
    });
    assert.equal(deadlines.size, 1, "all calls are looked at in one place");
  });
}

test("[BND-1] a following that begins after it was given up is stopped", async (t) => {
  const { broker } = faultyBroker();
  let begin = () => {};
  let stopped = 0;
  const late = new Proxy<Broker>(broker, {
    get(target, name) {
      if (name !== "follow") return Reflect.get(target, name) as unknown;
      return async (channel: string) => {
        await new Promise<void>((resolve) => (begin = resolve));
        return { range: await target.range(channel), stop: () => stopped++ };
      };
    },
  });
  const { bounded } = bound(t, late);
  await assert.rejects(bounded.follow("a", observer), { code: "broker_unavailable" });
  begin();
  await until(() => stopped === 1);
});

test("[BND-2] a clock that was set back keeps no call waiting, neither those that were out nor later ones", async (t) => {
  const { broker, faults } = faultyBroker();
  faults.set("range", "hang");
  let offset = 0;
  const { bounded } = bound(t, broker, { now: () => Date.now() + offset });
  const refused = () => assert.rejects(bounded.range("a"), { code: "broker_unavailable" });
  const before = refused();
  offset = -3_600_000;
  await Promise.all([before, refused()]);
});

test("[BND-2] a clock that was set forward gives up no call that has time left", async (t) => {
  const { broker, faults } = faultyBroker();
  let letGo = () => {};
  faults.set("range", new Promise((resolve) => (letGo = resolve)));
  let offset = 0;
  const { bounded, deadlines } = bound(t, broker, { now: () => Date.now() + offset, deadlineMs: 60_000 });
  const range = bounded.range("a");
  offset = 3_600_000;
  // Meanwhile everybody is looked at.
  await new Promise<void>((looked) => deadlines.after(1200, looked));
  letGo();
  await range;
});
