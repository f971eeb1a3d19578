import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeUtf8, type HoldfastError } from "@holdfast/protocol";
import type { Framing } from "./batch.ts";
import { framings } from "./framings.ts";
import { openGate } from "./principal.ts";
import { type Client, numbered, numbers, World } from "./world.test-support.ts";

const k = (offset: number) => ({ after: { epoch: "k", offset } });

function refusalOf({ sink: { farewell } }: Client): HoldfastError | undefined {
  return farewell?.kind === "refused" ? farewell.error : undefined;
}

describe("a full sink", () => {
  test("[BND-1] readers take turns: one with much to read does not keep the others waiting", async () => {
    const world = new World({ limits: { pageEventsMax: 1 } });
    const client = await world.reader({ after: "latest" }, "a");
    for (const channel of ["b", "c"]) void client.subscribe(channel);
    await world.settle();
    client.sink.room = 1;
    // The first batch fills the sink; from here on each channel has something to say.
    world.log("a").append(...numbers(20));
    world.log("b").append(...numbers(2));
    world.log("c").append(...numbers(2));
    await world.settle();
    const spoken: string[] = [];
    client.sink.onWrite = (message) => {
      if (message.type === "events") spoken.push(message.channel);
    };
    for (let turn = 0; turn < 9; turn++) {
      client.drain(1);
      await world.settle();
    }
    assert.deepEqual(spoken, ["a", "b", "c", "a", "b", "c", "a", "a", "a"]);
    assert.deepEqual(client.sink.excess, []);
  });

  test("[BND-1] [BEAT-1] gets no heartbeat", async () => {
    const world = new World();
    const client = await world.reader({ after: "latest" }, "a", { hears: false });
    client.sink.room = 1;
    world.log().append(numbered(1));
    await world.settle();
    await world.pass(3 * world.limits.heartbeatMs);
    assert.deepEqual(client.sink.excess, []);
    client.drain();
    await world.pass(world.limits.heartbeatMs);
    assert.deepEqual(client.sink.of("heartbeat").at(-1)?.heads, { a: "k-1" });
  });

  test("[BND-1] is let go when it takes nothing for too long", async () => {
    const world = new World({ limits: { stalledMsMax: 60_000 } });
    const client = await world.reader();
    client.sink.room = 1;
    world.log().append(numbered(1));
    await world.pass(59_999);
    assert.equal(client.sink.farewell, undefined);
    await world.pass(1);
    assert.equal(refusalOf(client)?.code, "timed_out");
  });

  test("[BND-1] is not read from; what it asked before is answered all the same", async () => {
    const world = new World();
    const client = await world.reader();
    client.session.publish(1, "b", numbers(1));
    client.sink.room = 1;
    world.log().append(numbered(1));
    world.flush();
    assert.equal(client.sink.isPaused, true);
    await world.settle();
    assert.deepEqual(
      client.sink.excess.map(({ type }) => type),
      ["published"],
    );
    client.drain();
    assert.equal(client.sink.isPaused, false);
  });

  test("[BND-1] is neither paused nor drained twice", async () => {
    const world = new World();
    const client = await world.reader();
    client.session.drained();
    client.sink.room = 1;
    world.log().append(numbered(1));
    await world.settle();
    client.session.say({ type: "pong" });
    client.drain();
    client.drain();
    assert.deepEqual([client.sink.isPaused, client.session.full], [false, false]);
  });
});

describe("one that fails", () => {
  test("[BND] a sink that throws loses its own connection, and is reported; nobody else misses anything", async () => {
    const world = new World();
    const [first, broken, last] = [await world.reader(), await world.reader(), await world.reader()];
    broken.sink.onWrite = () => {
      throw new TypeError("a bug in a transport");
    };
    world.log().append(numbered(1));
    await world.settle();
    world.log().append(numbered(2));
    await world.settle();
    for (const client of [first, last]) {
      assert.deepEqual(client.told, ["subscribed k-0", "events k-0 k-1", "events k-1 k-2"]);
    }
    assert.equal(broken.sink.farewell?.kind === "refused" && broken.sink.farewell.error.code, "internal");
    assert.deepEqual([broken.sink.closes, world.hubs.stats().readers], [1, 2]);
    assert.match(String(world.faults), /a bug in a transport/);
  });

  test("[BND] a framing that throws does so for its own connection, with a sink that cannot be closed either", async () => {
    const world = new World();
    const framing: Framing = {
      ...framings.sessionText,
      slot: -1,
      events: () => {
        throw new RangeError("a bug in a framing");
      },
    };
    const broken = await world.reader({ after: "latest" }, "a", { framing });
    broken.sink.close = () => {
      throw new TypeError("a bug in a transport");
    };
    const other = await world.reader();
    world.log().append(numbered(1));
    await world.settle();
    assert.deepEqual(other.told, ["subscribed k-0", "events k-0 k-1"]);
    assert.deepEqual(world.faults.map(String), [
      "RangeError: a bug in a framing",
      "TypeError: a bug in a transport",
    ]);
    assert.equal(broken.session.isClosed, true);
  });

  test("[BND] a transport that cannot stop reading loses its connection, and who listens for faults may fail too", async () => {
    const world = new World({ limits: { publishesInFlightMax: 1 } });
    world.faults.push = () => {
      throw new Error("a bug in a logger");
    };
    const client = await world.reader();
    client.sink.pauseInput = () => {
      throw new TypeError("a bug in a transport");
    };
    client.session.publish(1, "b", numbers(1));
    await world.settle();
    assert.equal(refusalOf(client)?.code, "internal");
    assert.deepEqual([client.sink.closes, world.hubs.stats().readers], [1, 0]);
  });

  test("[BND] a transport that fails when it is called back reaches nobody else", async () => {
    const world = new World();
    const fail = () => {
      throw new TypeError("a bug in a transport");
    };
    const client = world.client();
    client.sink.onClose = fail;
    void client.subscribe("a");
    const other = await world.reader();
    const woken: string[] = [];
    await world.hubs.wait("a", k(0).after, fail);
    await world.hubs.wait("a", k(0).after, () => woken.push("other"));
    world.log().append(numbered(1));
    await world.settle();
    client.session.close({ kind: "ended" });
    assert.deepEqual([client.sink.farewell, woken], [{ kind: "ended" }, ["other"]]);
    assert.deepEqual(other.told, ["subscribed k-0", "events k-0 k-1"]);
    assert.equal(world.faults.length, 2);
  });

  test("[SES-7] [SEE] a foreign exception is told as internal, without its text, and reported with it", async () => {
    const world = new World();
    const authorize = () => {
      throw new Error("password=hunter2");
    };
    const gate = { ...openGate, authorize };
    const client = await world.reader({ after: "latest" }, "a", { gate });
    const [error] = client.sink.of("error");
    assert.deepEqual([error?.code, error?.channel, error?.retry], ["internal", "a", "retry"]);
    assert.doesNotMatch(JSON.stringify(client.messages), /hunter2/);
    assert.match(String(world.faults[0]), /hunter2/);
    assert.equal(client.sink.farewell, undefined);
  });
});

test("[READ-3] says when a subscription has been read up to the head, and not before", async () => {
  const world = new World();
  world.log().append(...numbers(9));
  const client = world.client();
  const read = world.broker.hold("read");
  void client.subscribe("a", k(2));
  void client.subscribe("b");
  await world.settle();
  assert.deepEqual([client.session.subscriptions, client.session.caughtUp], [2, false]);
  read.release();
  await world.settle();
  assert.equal(client.session.caughtUp, true);
});

describe("time", () => {
  test("[BEAT-1] [BEAT-2] heartbeats name the heads of what was sent, and nothing else", async () => {
    const world = new World();
    const client = await world.reader({ after: "latest" }, "a", { hears: false });
    const held = world.broker.hold("read");
    world.log("b").append(...numbers(3));
    void client.subscribe("b", k(1));
    await world.settle();
    world.log("a").append(...numbers(2));
    await world.settle();
    // Heard, and not sent yet.
    world.log("a").append(numbered(3));
    client.session.tick(client.session.deadline);
    assert.deepEqual(client.sink.of("heartbeat")[0]?.heads, { a: "k-2" });
    held.release();
    await world.settle();
    await world.pass(2 * world.limits.heartbeatMs);
    assert.deepEqual(client.sink.of("heartbeat").at(-1)?.heads, { a: "k-3", b: "k-3" });
    client.check("a");
  });

  test("[BEAT-2] [NAME-1] a channel may be named as JavaScript names what objects are made of", async () => {
    const world = new World();
    const client = await world.reader({ after: "latest" }, "__proto__", { hears: false });
    client.session.tick(client.session.deadline);
    const heads = client.sink.of("heartbeat")[0]?.heads ?? {};
    assert.deepEqual(Object.keys(heads), ["__proto__"]);
  });

  test("[BEAT-4] [WSP-3] who says nothing for two and a half heartbeats is let go, who does is not", async () => {
    const world = new World();
    const [silent, alive] = [await world.reader(), await world.reader()];
    const { heartbeatMs } = world.limits;
    for (let half = 0; half < 4; half++) {
      await world.pass(heartbeatMs / 2);
      alive.session.heard();
    }
    assert.equal(silent.sink.farewell, undefined);
    await world.pass(heartbeatMs / 2);
    assert.equal(refusalOf(silent)?.closeCode, 4408);
    assert.deepEqual([alive.sink.farewell, world.hubs.stats().readers], [undefined, 1]);
  });

  test("[BEAT-4] who waits for many answers is not read from, and so is not taken for silent", async () => {
    const world = new World({ limits: { publishesInFlightMax: 2 } });
    const client = await world.reader();
    const append = world.broker.hold("append");
    for (const ref of [1, 2]) client.session.publish(ref, "b", numbers(1));
    assert.equal(client.sink.isPaused, true);
    await world.pass(10 * world.limits.heartbeatMs);
    assert.equal(client.sink.farewell, undefined);
    append.release();
    await world.settle();
    assert.deepEqual([client.sink.isPaused, client.sink.of("published").length], [false, 2]);
  });

  test("[CALM] is told when to come back, and let go", async () => {
    const world = new World();
    const client = await world.reader();
    client.session.reconnect(1234, "drain");
    assert.deepEqual(client.messages.at(-1), { type: "reconnect", delayMs: 1234, reason: "drain" });
    assert.deepEqual(client.sink.farewell, { kind: "reconnect", delayMs: 1234, reason: "drain" });
    assert.deepEqual([client.sink.closes, client.session.deadline], [1, Number.POSITIVE_INFINITY]);
    client.session.close({ kind: "ended" });
    client.session.tick(world.clock.now() + 1e9);
    assert.equal(client.sink.closes, 1);
  });

  test("[SES-2] nothing that nobody asked for comes before the first word", async () => {
    const world = new World();
    const client = world.client({ hears: false, principal: { expiresAt: world.clock.now() + 40_000 } });
    await world.pass(39_000);
    client.session.reconnect(5, "drain");
    assert.deepEqual(client.messages, []);
    assert.equal(client.sink.farewell?.kind, "reconnect");
  });
});

test("[BND] [WSP-1] what a face does not say is not written, nor is nothing", async () => {
  const world = new World();
  const client = world.client({ framing: framings.plainWebSocket });
  const texts: string[] = [];
  client.sink.write = (bytes) => {
    assert.ok(bytes.length > 0);
    texts.push(decodeUtf8(bytes.subarray(2)));
    return true;
  };
  void client.subscribe("a");
  await world.settle();
  world.log().tell({ epoch: "k", from: 0, to: 5, events: [] });
  await world.settle();
  client.session.say({ type: "pong" });
  assert.deepEqual(texts, ['{"control":"subscribed","channel":"a","cursor":"k-0","head":"k-0"}']);
});
