import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultMemoryLimits, MemoryBroker } from "@holdfast/core/broker";
import { defaultNamespace } from "@holdfast/core/server";
import { defaultLimits, type Limits } from "@holdfast/protocol";
import { ConfigurationError, createHoldfast, type HoldfastOptions } from "./index.ts";
import { defaultCompression, readOptions } from "./options.ts";

function mistakesIn(options: unknown): readonly string[] {
  try {
    readOptions(options as HoldfastOptions);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.mistakes;
    throw error;
  }
  return [];
}

test("[BND-2] without options every limit has its default", () => {
  const settings = readOptions({});
  assert.deepEqual(settings.limits, defaultLimits);
  assert.deepEqual(settings.namespace("anything"), defaultNamespace);
  assert.deepEqual([settings.access, settings.brokerDeadlineMs, settings.origins], ["loopback", 5000, []]);
});

test("[BND-2] every limit can be set, and a value that is none is refused by name", () => {
  for (const name of Object.keys(defaultLimits) as (keyof Limits)[]) {
    const larger =
      name === "pageEventsDefault" ||
      name === "eventBytesMax" ||
      name === "streamChannelsMax" ||
      name === "ticketMs";
    const value = larger ? 2 : 1_000_000_000;
    assert.equal(readOptions({ limits: { [name]: value } }).limits[name], value);
    for (const bad of [-1, 1.5, "7", null, Number.NaN, Number.POSITIVE_INFINITY]) {
      const [mistake = ""] = mistakesIn({ limits: { [name]: bad } });
      assert.match(
        mistake,
        new RegExp(`^The option "limits\\.${name}" must be a whole number from [01] up\\.$`),
      );
    }
  }
  assert.equal(readOptions({ limits: { stalledMsMax: 0 } }).limits.stalledMsMax, 0);
  assert.equal(mistakesIn({ limits: { heartbeatMs: 0 } }).length, 1);
});

test("[TICK-3] [REV-6] what would keep a ticket longer, or forget what was revoked, cannot be configured", () => {
  assert.deepEqual(mistakesIn({ limits: { ticketMs: 30_001 } }), [
    '"limits.ticketMs" (30001) must not exceed 30000.',
  ]);
  assert.deepEqual(mistakesIn({ namespaces: { "holdfast.control": { maxLag: 1 } } }), [
    'The namespace "holdfast.control" is the nodes\' own and cannot be configured.',
  ]);
  const { namespace } = readOptions({
    limits: { revocationMs: 1000 },
    namespaces: { "": { mode: "latest", retention: { ageMsMax: 1, eventsMax: 1 } } },
  });
  const { mode, retention } = namespace("holdfast.control");
  assert.equal(mode, "every");
  assert.ok(retention.ageMsMax > 1000 && retention.eventsMax > defaultLimits.revocationsMax);
});

test("[BND-2] the log in this process has its bounds, and another log has its own", () => {
  assert.deepEqual(readOptions({}).memory, defaultMemoryLimits);
  assert.equal(readOptions({ memory: { channelsMax: 5 } }).memory.channelsMax, 5);
  assert.deepEqual(mistakesIn({ memory: { bytesMax: 0 } }), [
    'The option "memory.bytesMax" must be a whole number from 1 up.',
  ]);
  const broker = new MemoryBroker({ clock: { now: () => 0 }, epochSeed: "aaaaaa" });
  assert.deepEqual(mistakesIn({ broker, memory: {} }), [
    '"memory" bounds the log in this process; with a "broker" there is none.',
  ]);
});

test("[ZIP-7] compression is off unless it is given, and its settings are checked by name", () => {
  assert.equal(readOptions({}).compression, undefined);
  assert.equal(readOptions({ compression: false }).compression, undefined);
  assert.deepEqual(readOptions({ compression: true }).compression, defaultCompression);
  assert.deepEqual(readOptions({ compression: {} }).compression, defaultCompression);
  const changed = { ...defaultCompression, level: 9 };
  assert.deepEqual(readOptions({ compression: { level: 9 } }).compression, changed);
  assert.equal(readOptions({ compression: { thresholdBytes: 0 } }).compression?.thresholdBytes, 0);
  for (const [given, mistake] of [
    ["gzip", 'The option "compression" must be true or false, or an object of settings.'],
    [null, 'The option "compression" must be true or false, or an object of settings.'],
    [{ level: 0 }, 'The option "compression.level" must be a whole number from 1 to 9.'],
    [{ level: 10 }, 'The option "compression.level" must be a whole number from 1 to 9.'],
    [{ level: "6" }, 'The option "compression.level" must be a whole number from 1 to 9.'],
    [{ thresholdBytes: -1 }, 'The option "compression.thresholdBytes" must be a whole number from 0 up.'],
    [{ brotli: true }, 'There is no option "compression.brotli".'],
  ] as const) {
    assert.deepEqual(mistakesIn({ compression: given }), [mistake]);
  }
});

test("all mistakes are named at once, each in a sentence", () => {
  const mistakes = mistakesIn({
    limts: {},
    limits: { heartbeatMs: "soon", pageSize: 3 },
    namespaces: { "a b": {}, chat: { mode: "newest", retention: { eventsMax: -1, forever: true } } },
    origins: ["https://example.com/path", "example.com"],
    logger: "console",
    broker: {},
    open: "yes",
    authenticate: true,
  });
  assert.deepEqual([...mistakes].sort(), [
    'The option "authenticate" must be a function.',
    'The option "broker" must be a broker, or a function that makes one.',
    'The option "limits.heartbeatMs" must be a whole number from 1 up.',
    'The option "logger" must be a function.',
    'The option "namespaces.a b" is no namespace: that is up to 127 of A-Z a-z 0-9 _ . @ -.',
    'The option "namespaces.chat.mode" must be "every" or "latest".',
    'The option "namespaces.chat.retention.eventsMax" must be a whole number from 0 up.',
    'The option "open" must be true or false.',
    'The option "origins.0" must be an origin such as "https://example.com", without a path.',
    'The option "origins.1" must be an origin such as "https://example.com", without a path.',
    'There is no option "limits.pageSize".',
    'There is no option "limts".',
    'There is no option "namespaces.chat.retention.forever".',
  ]);
  for (const wrong of [null, 7, "options"]) assert.equal(mistakesIn(wrong).length, 1, String(wrong));
});

test("options that contradict each other are refused", () => {
  const authenticate = () => ({});
  const authorize = () => true;
  assert.match(mistakesIn({ authenticate })[0] ?? "", /"authorize" is needed/);
  assert.match(mistakesIn({ authorize })[0] ?? "", /needs "authenticate"/);
  assert.match(mistakesIn({ authenticate, authorize, open: true })[0] ?? "", /contradict/);
  assert.deepEqual(mistakesIn({ authenticate, authorize, open: false }), []);
  assert.match(
    mistakesIn({ limits: { pageEventsMax: 10 } })[0] ?? "",
    /pageEventsDefault.*must not exceed.*pageEventsMax/,
  );
  assert.match(mistakesIn({ limits: { messageBytesMax: 10 } })[0] ?? "", /eventBytesMax/);
});

test("[NAME-2] a namespace starts from the default one, and changes what it names", () => {
  const { namespace } = readOptions({
    namespaces: {
      "": { maxLag: 7, retention: { eventsMax: 10 } },
      chat: { mode: "latest", retention: { ageMsMax: 5 } },
    },
  });
  assert.deepEqual([namespace("other").maxLag, namespace("other").mode], [7, "every"]);
  const chat = namespace("chat");
  assert.deepEqual([chat.mode, chat.maxLag], ["latest", 7]);
  assert.deepEqual([chat.retention.eventsMax, chat.retention.ageMsMax], [10, 5]);
  assert.equal(namespace("constructor").maxLag, 7);
});

test("what a broker cannot do is refused at the start", () => {
  const memory = new MemoryBroker({ clock: { now: () => 0 }, epochSeed: "abcdef" });
  const broker = new Proxy(memory, {
    get: (target, name) =>
      name === "capabilities"
        ? { ...target.capabilities, state: false }
        : (Reflect.get(target, name) as unknown),
  });
  assert.throws(() => createHoldfast({ broker, namespaces: { prices: { mode: "latest" } } }), {
    name: "ConfigurationError",
    message: /"prices" has the mode "latest".*memory cannot serve/,
  });
});

test("a broker that was made here is stopped here, and one that was given is not", async () => {
  const clock = { now: () => 0 };
  const given = new MemoryBroker({ clock, epochSeed: "abcdef" });
  const node = createHoldfast({ broker: given });
  await node.close();
  await given.probe();
  let made: MemoryBroker | undefined;
  const maker = createHoldfast({
    namespaces: { chat: { retention: { eventsMax: 3 } } },
    broker: (setting) => {
      assert.equal(setting.retention("chat:1").eventsMax, 3);
      assert.equal(setting.retention("chat").eventsMax, defaultNamespace.retention.eventsMax);
      made = new MemoryBroker({ ...setting, epochSeed: "abcdef" });
      return made;
    },
  });
  await maker.close();
  await assert.rejects(made?.probe() ?? Promise.resolve());
});
