import assert from "node:assert/strict";
import { test } from "node:test";
import { drawWorld, type WorldOptions } from "./options.ts";
import type { Action, Step } from "./plan.ts";
import { World } from "./world.ts";

// Worlds in which something was wrong once, each reduced to what it takes.

/** A small world without anything that is drawn. */
function world(options: Partial<WorldOptions>): WorldOptions {
  return {
    ...drawWorld(1),
    nodes: 1,
    clients: [{ transports: ["websocket"], toleranceMs: 100 }],
    channels: 1,
    mode: "every",
    maxLag: 0,
    retainedEventsMax: 1000,
    retainedMsMax: 3_600_000,
    stride: 1,
    tailEventsMax: 100,
    pageEventsMax: 50,
    sinkBytesMax: 64_000,
    heartbeatMs: 1000,
    stalledMsMax: 0,
    delayMsMax: 2,
    logDelayMsMax: 2,
    untidyNotices: 0,
    lateDelivery: 0,
    messageLoss: 0,
    bufferedEventsMax: 1000,
    thinkMsMax: 0,
    tokenLifeMs: undefined,
    expiryGraceMs: 0,
    ...options,
  };
}

function steps(...actions: readonly (readonly [afterMs: number, action: Action])[]): Step[] {
  return actions.map(([afterMs, action]) => ({ afterMs, action }));
}

const subscribe: Action = { do: "subscribe", client: 0, channel: 0, start: "oldest" };
const publish: Action = {
  do: "publish",
  client: 0,
  channel: 0,
  events: 1,
  bytes: 0,
  kind: "json",
  key: undefined,
  isConditional: false,
};

/** Lets time pass, after which all faults end. */
const nothing: Action = { do: "pause", client: 0, isPaused: false };

for (const transport of ["websocket", "sse", "long-poll", "poll"] as const) {
  test(`[BEAT-3] what a deaf node missed is found within a heartbeat, though only ${transport} reads it`, async () => {
    const options = world({ clients: [{ transports: [transport], toleranceMs: 100 }] });
    const plan = steps(
      [0, subscribe],
      [300, publish],
      [300, { do: "deafen", node: 0, isTold: false, forMs: 100 }],
      [10, publish],
      [200, nothing],
    );
    const { violations, seen, healedMs } = await new World(options).run(plan);
    assert.deepEqual(violations, []);
    assert.equal(seen, 2);
    // A poll may have to come once more after that.
    assert.ok(healedMs <= options.heartbeatMs + 250, `${healedMs} ms`);
  });
}

for (const transport of ["websocket", "sse", "long-poll", "poll"] as const) {
  test(`[MOVE-1] whoever is sent away on ${transport} comes back, and has missed nothing`, async () => {
    const options = world({ clients: [{ transports: [transport], toleranceMs: 100 }], logDelayMsMax: 50 });
    const drain: Action = { do: "drain", node: 0, withinMs: 500, forMs: 100 };
    let sentAway = 0;
    // A poll hears it only while it is being answered.
    for (let afterMs = 100; afterMs < 400; afterMs += 10) {
      const plan = steps([0, subscribe], [300, publish], [afterMs, drain], [10, publish], [700, publish]);
      const { violations, seen, counts } = await new World(options).run(plan);
      assert.deepEqual(violations, [], `drained after ${afterMs} ms`);
      assert.equal(seen, 3);
      sentAway += counts.get(`"reconnect" over ${transport}`) ?? 0;
    }
    assert.ok(sentAway > 0);
  });
}

test("[SES-2] a node that goes away while a client is connecting says nothing before `welcome`", async () => {
  const options = world({ delayMsMax: 150 });
  for (let afterMs = 20; afterMs < 400; afterMs += 20) {
    const drain: Action = { do: "drain", node: 0, withinMs: 500, forMs: 100 };
    const { violations } = await new World(options).run(steps([0, subscribe], [afterMs, drain]));
    assert.deepEqual(violations, [], `drained after ${afterMs} ms`);
  }
});

test("[SES-2] [BEAT-1] a client whose `hello` is late gets no heartbeat before `welcome`", async () => {
  const stall: Action = { do: "stall", which: 0, way: "up", forMs: 2500 };
  for (let afterMs = 1; afterMs < 40; afterMs++) {
    const plan = steps([0, subscribe], [afterMs, stall], [3000, nothing]);
    const { violations } = await new World(world({ delayMsMax: 40 })).run(plan);
    assert.deepEqual(violations, [], `stalled after ${afterMs} ms`);
  }
});

test("[END-1] an end that comes on the next stream while its application still catches up is told", async () => {
  const options = world({
    clients: [{ transports: ["sse"], toleranceMs: 100 }],
    channels: 3,
    bufferedEventsMax: 2,
    thinkMsMax: 20,
    logDelayMsMax: 50,
  });
  for (let afterMs = 5; afterMs < 205; afterMs += 5) {
    const plan = steps(
      [0, { ...publish, channel: 1, events: 3 }],
      [300, { do: "close", channel: 1 }],
      [0, subscribe],
      [500, { ...subscribe, channel: 1 }],
      [afterMs, { ...subscribe, channel: 2 }],
    );
    const { violations, seen } = await new World(options).run(plan);
    assert.deepEqual(violations, [], `another channel asked for after ${afterMs} ms`);
    assert.equal(seen, 3);
  }
});

for (const transport of ["websocket", "sse", "long-poll", "poll"] as const) {
  test(`[EXP-1] [EXP-4] [CLI-11] over ${transport} tokens are renewed as they end, and nobody notices`, async () => {
    const options = world({ clients: [{ transports: [transport], toleranceMs: 100 }], tokenLifeMs: 6000 });
    const publishes = Array.from({ length: 300 }, () => [100, publish] as const);
    const { violations, seen, counts } = await new World(options).run(steps([0, subscribe], ...publishes));
    assert.deepEqual(violations, []);
    assert.equal(seen, 300);
    assert.deepEqual([counts.get("state recovering"), counts.get("state closed")], [undefined, 1]);
    // In 30 s each token is renewed in the last quarter of its life.
    if (transport === "websocket") {
      assert.equal(counts.get('"welcome" over websocket'), 1, "in place");
      assert.ok((counts.get('"renewed" over websocket') ?? 0) >= 4);
    }
    assert.ok(transport === "websocket" || (counts.get(`"welcome" over ${transport}`) ?? 0) > 4);
  });

  test(`[REV-4] [CLI-13] over ${transport} who is revoked, and given no other token, is closed until there is one`, async () => {
    const options = world({ clients: [{ transports: [transport], toleranceMs: 100 }], tokenLifeMs: 60_000 });
    const plan = steps(
      [0, subscribe],
      [2000, publish],
      [1000, { do: "starve", client: 0, how: "repeats", forMs: 15_000 }],
      [10, { do: "revoke", client: 0 }],
      [3000, nothing],
      [20_000, nothing],
    );
    const { violations, counts } = await new World(options).run(plan);
    assert.deepEqual(violations, []);
    assert.ok((counts.get("state closed") ?? 0) > 1);
    assert.ok((counts.get("signed in anew") ?? 0) > 0);
  });
}
