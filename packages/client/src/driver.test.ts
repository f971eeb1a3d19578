import assert from "node:assert/strict";
import { test } from "node:test";
import type { Posted } from "@holdfast/core/client";
import { jsonCodec } from "@holdfast/protocol";
import { Driver } from "./driver.ts";
import { until } from "./fake-server.test.ts";
import type { LinkHandlers } from "./transports/link.ts";
import type { Probed, Wire } from "./wire.ts";

const wants = { start: { after: "latest" as const }, signals: false, presence: false };
const limits = { messageBytesMax: 1000, subscriptionsMax: 10, publishEventsMax: 10 };

/** A wire that does what the test says. */
class ScriptedWire implements Wire {
  readonly open_ = new Set<LinkHandlers>();
  readonly opened: LinkHandlers[] = [];
  posts = 0;

  open(_transport: unknown, _request: unknown, handlers: LinkHandlers) {
    this.opened.push(handlers);
    this.open_.add(handlers);
    return { close: () => this.open_.delete(handlers) };
  }

  async post(_post: unknown, _token: unknown, signal: AbortSignal): Promise<Posted> {
    this.posts++;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    this.posts--;
    return { type: "failed", reason: "aborted" };
  }

  probe(): Promise<Probed> {
    return Promise.resolve({ works: true });
  }
}

function rig(deliver: (driver: Driver, type: string) => void = () => {}) {
  const wire = new ScriptedWire();
  const options = { instance: "instance-1", need: "receive" as const, toleranceMs: 1_000, random: () => 0.5 };
  const driver: Driver = new Driver(options, {
    wire,
    token: undefined,
    deliver: ({ type }) => deliver(driver, type),
  });
  return { wire, driver };
}

test("what is asked in one turn of the event loop is one turn of the connection", async () => {
  const { wire, driver } = rig();
  for (const channel of ["a", "b", "c"])
    driver.tell((connection, now) => connection.subscribe(channel, wants, now));
  assert.equal(wire.opened.length, 0);
  await until(() => wire.opened.length > 0);
  assert.equal(wire.opened.length, 1);
  driver.close();
});

test("closed in the middle of a turn, it leaves no link open that the rest of the turn would open", async () => {
  const { wire, driver } = rig((one, type) => type === "events" && one.close());
  driver.tell((connection, now) => connection.subscribe("a", wants, now));
  await until(() => wire.opened.length > 0);
  const [link] = wire.opened;
  link?.opened(jsonCodec);
  link?.message({ type: "welcome", protocol: 1, session: "s", heartbeatMs: 15_000, limits });
  link?.message({ type: "subscribed", channel: "a", cursor: "k-0", head: "k-0" });
  await until(() => wire.opened.length > 0);
  // The event comes first, and with it the next stream is asked for.
  driver.tell((connection, now) => connection.subscribe("b", wants, now));
  link?.message({
    type: "events",
    channel: "a",
    from: "k-0",
    to: "k-1",
    events: [{ cursor: "k-1", at: 0, data: 1 }],
  });
  await until(() => wire.open_.size === 0);
  assert.equal(wire.open_.size, 0);
});

function publishOne(driver: Driver): void {
  const drafts = [{ payload: { encoding: "json", text: "1" }, id: "i" }] as const;
  driver.tell((connection, now) => connection.publish(1, "a", drafts, undefined, now));
}

test("closing aborts what is on its way", async () => {
  const { wire, driver } = rig();
  publishOne(driver);
  await until(() => wire.posts === 1);
  driver.close();
  await until(() => wire.posts === 0);
});

/** Waits until something is so, by no timer. */
async function settled(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

test("a request that is not answered in its time is aborted", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { wire, driver } = rig();
  publishOne(driver);
  await settled(() => wire.posts === 1);
  t.mock.timers.tick(29_999);
  assert.equal(wire.posts, 1);
  t.mock.timers.tick(1);
  await settled(() => wire.posts === 0);
  driver.close();
});

test("a request that was answered leaves no timer behind", async (t) => {
  const set = t.mock.method(globalThis, "setTimeout");
  const cleared = t.mock.method(globalThis, "clearTimeout");
  let isPublished = false;
  const { wire, driver } = rig((_, type) => {
    isPublished ||= type === "published";
  });
  const results = [{ cursor: "k-1", at: 0, duplicate: false }];
  wire.post = async () => ({ type: "answered", json: { results } });
  publishOne(driver);
  await settled(() => isPublished);
  driver.close();
  const ended = new Set(cleared.mock.calls.map(({ arguments: [timer] }) => timer));
  const left = set.mock.calls.filter(({ result }) => !ended.has(result));
  assert.deepEqual(left, []);
});

test("what the connection refuses is thrown to who asked", () => {
  const { driver } = rig();
  const subscribe = (channel: string) =>
    driver.tell((connection, now) => connection.subscribe(channel, wants, now));
  assert.throws(() => subscribe("no channel"), { code: "bad_channel" });
  driver.close();
  assert.throws(() => subscribe("a"), { name: "ClosedError" });
});
