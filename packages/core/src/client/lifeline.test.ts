import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError } from "@holdfast/protocol";
import type { ConnectionOptions } from "./options.ts";
import { events, limits, Rig, received, welcomeMessage } from "./rig.test.ts";

const heartbeatMs = 15_000;
const minute = 60_000;

function live(options: Partial<ConnectionOptions> = {}): Rig {
  const rig = new Rig(options);
  rig.subscribe("a");
  rig.welcome();
  rig.news("state");
  return rig;
}

const duplex = { need: "duplex" } as const;
const opened = (rig: Rig) => rig.all("open").map(({ transport }) => transport);

test("[CLI-5] a link on which nothing came for two heartbeats is dead", () => {
  const rig = live();
  const first = rig.link;
  rig.advance(2 * heartbeatMs - 1);
  assert.ok(rig.open.has(first));
  rig.advance(1);
  assert.ok(!rig.open.has(first));
});

test("[CLI-5] whatever comes keeps it alive", () => {
  const rig = live();
  const first = rig.link;
  for (let i = 0; i < 5; i++) {
    rig.advance(2 * heartbeatMs - 1);
    rig.say(first, { type: "heartbeat", heads: {} });
  }
  assert.ok(rig.open.has(first));
});

test("[BEAT-4] a WebSocket lets no heartbeat pass without a word", () => {
  const rig = live(duplex);
  const spoke: number[] = [rig.now];
  for (let i = 0; i < 100; i++) {
    rig.advance(3_000);
    rig.say(rig.link, { type: "heartbeat", heads: {} });
  }
  spoke.push(...rig.all("send").map(({ now }) => now), rig.now);
  const silences = spoke.map((now, index) => now - (spoke[index - 1] ?? now));
  assert.ok(Math.max(...silences) < heartbeatMs, `silent for ${Math.max(...silences)} ms`);
});

test("[BEAT-4] where timers are throttled, the server's heartbeats make it speak in time", () => {
  const rig = live(duplex);
  for (let i = 0; i < 10; i++) {
    rig.now += heartbeatMs;
    rig.say(rig.link, { type: "heartbeat", heads: {} });
  }
  assert.equal(rig.all("send").length, 10);
});

test("[BEAT-4] a stream cannot speak and does not try", () => {
  const rig = live();
  rig.advance(heartbeatMs);
  rig.say(rig.link, { type: "heartbeat", heads: {} });
  assert.deepEqual(rig.all("send"), []);
});

test("[CLI-6] accepted and then silent, a transport is given up when plain HTTP works", () => {
  const rig = new Rig(duplex);
  rig.subscribe("a");
  rig.accept();
  rig.advance(5_000);
  assert.equal(rig.open.size, 0);
  rig.probed(true);
  assert.equal(rig.transport, "sse");
  assert.equal(rig.now, 5_000);
});

test("[LIM-2] [LIM-4] [CLI-8] who is refused comes back when the server said, and by the same transport", () => {
  const rig = new Rig(duplex);
  rig.subscribe("a");
  const error = new HoldfastError("overloaded", undefined, { retryAfterMs: 7000 });
  const refuse = () => {
    const { link } = rig;
    rig.open.delete(link);
    rig.turn((connection, now) => connection.linkLost(link, { type: "refused", error }, now));
  };
  for (let time = 0; time < 2; time++) {
    refuse();
    rig.advance(6999);
    assert.equal(rig.open.size, 0);
    rig.advance(1);
    assert.equal(rig.transport, "websocket");
    rig.welcome();
  }
  rig.say(rig.link, { type: "reconnect", delayMs: 99_999_999_999, reason: "drain" });
  rig.lose();
  const { length } = rig.all("open");
  rig.advance(300_000);
  assert.ok(rig.all("open").length > length, "whatever it asks for, a server strands nobody");
});

test("[CLI-6] [LIM-2] a server that has no room explains a WebSocket that fails: nobody is pushed down, and all wait as told", () => {
  const rig = new Rig(duplex);
  rig.subscribe("a");
  for (let time = 0; time < 5; time++) {
    rig.lose();
    rig.probed(false, 4000);
    rig.advance(3999);
    assert.equal(rig.open.size, 0);
    rig.advance(1);
    assert.equal(rig.transport, "websocket");
  }
});

test("[CLI-6] bytes that are no message do not make a stream good", () => {
  const rig = new Rig();
  rig.subscribe("a");
  const link = rig.accept();
  for (let i = 0; i < 10; i++) {
    rig.advance(500);
    rig.turn((connection, now) => connection.linkHeard(link, now));
  }
  rig.probed(true);
  assert.equal(rig.transport, "websocket");
});

test("[CLI-6] an outage never downgrades: the same transport is tried until it is over", () => {
  const rig = new Rig(duplex);
  rig.subscribe("a");
  for (let i = 0; i < 20; i++) {
    rig.lose();
    rig.probed(false);
    rig.reopen();
  }
  assert.deepEqual(new Set(opened(rig)), new Set(["websocket"]));
  rig.welcome();
  assert.deepEqual(rig.connection.state, { type: "live", transport: "websocket" });
});

test("[CLI-6] silence in an outage is no evidence either", () => {
  const rig = new Rig(duplex);
  rig.subscribe("a");
  rig.accept();
  rig.advance(5_000);
  rig.probed(false);
  rig.reopen();
  assert.equal(rig.transport, "websocket");
});

test("[CLI-6] a probe that is not answered has failed", () => {
  const rig = new Rig(duplex);
  rig.subscribe("a");
  for (let i = 0; i < 3; i++) {
    rig.lose();
    rig.advance(4_999);
    assert.equal(rig.open.size, 0);
    rig.reopen();
    rig.probed(true);
  }
  assert.equal(rig.transport, "websocket", "an answer that comes too late counts for nothing");
});

test("[CLI-6] a server that restarts pushes nobody down", () => {
  const rig = live(duplex);
  rig.lose();
  // Refused while it is down, then once by its front, which answers plain HTTP already.
  for (const works of [false, false, true]) {
    rig.reopen();
    rig.lose();
    rig.probed(works);
  }
  rig.reopen();
  rig.welcome();
  assert.deepEqual(new Set(opened(rig)), new Set(["websocket"]));
});

test("[CLI-6] short healthy connections push nobody down, and are not hammered", () => {
  const rig = live(duplex);
  for (let i = 0; i < 30; i++) {
    rig.lose();
    rig.reopen();
    rig.welcome();
  }
  assert.deepEqual(new Set(opened(rig)), new Set(["websocket"]));
  const starts = rig.all("open").map(({ now }) => now);
  assert.equal((starts.at(-1) ?? 0) - (starts.at(-2) ?? 0), 15_000, "half of the cap");
});

test("[CLI-6] refused twice in a row while plain HTTP works, a transport is given up", () => {
  const rig = new Rig(duplex);
  rig.subscribe("a");
  rig.lose();
  rig.probed(true);
  assert.equal(rig.open.size, 0, "the same again, but not at once");
  rig.advance(1_000);
  assert.equal(rig.transport, "websocket");
  rig.lose();
  rig.probed(true);
  assert.equal(rig.transport, "sse");
});

test("[CLI-6] an outage between two refusals makes the second one a first", () => {
  const rig = new Rig(duplex);
  rig.subscribe("a");
  for (const works of [true, false, true]) {
    rig.lose();
    rig.probed(works);
    rig.reopen();
  }
  assert.deepEqual(new Set(opened(rig)), new Set(["websocket"]));
});

test("[CLI-6] an outcome of this protocol is no evidence about a transport", () => {
  const rig = new Rig(duplex);
  rig.subscribe("a");
  for (let i = 0; i < 5; i++) {
    const link = rig.link;
    rig.open.delete(link);
    const error = { type: "error", code: "overloaded", message: "", retry: "retry" };
    rig.turn((connection, now) => {
      connection.linkMessage(link, error, now);
      connection.linkLost(link, { type: "failed", reason: "" }, now);
    });
    if (rig.all("probe").length > 0) rig.probed(false);
    rig.reopen();
  }
  assert.deepEqual(new Set(opened(rig)), new Set(["websocket"]));
});

test("[CLI-7] [MOVE-1] it climbs back while it reads on, and drops the worse link once the better has answered", () => {
  const rig = new Rig(duplex);
  rig.subscribe("a");
  rig.swallow();
  const stream = rig.welcome();
  rig.say(stream, events("a", 0, 2));
  for (let i = 0; i < 6; i++) {
    rig.advance(10_000);
    rig.say(stream, { type: "heartbeat", heads: {} });
  }
  assert.equal(rig.transport, "websocket");
  const socket = rig.link;
  rig.accept();
  rig.say(stream, events("a", 2, 4));
  rig.say(socket, welcomeMessage());
  assert.ok(rig.open.has(stream), "a welcome alone carries no events");
  rig.say(socket, { type: "subscribed", channel: "a", cursor: "k-2", head: "k-4" });
  assert.ok(!rig.open.has(stream));
  rig.say(socket, events("a", 2, 5));
  assert.deepEqual(received(rig, "a"), [1, 2, 3, 4, 5]);
  assert.deepEqual(rig.connection.state, { type: "live", transport: "websocket" });
});

test("[CLI-7] a climb that fails changes nothing, and is tried again later", () => {
  const rig = new Rig(duplex);
  rig.subscribe("a");
  rig.swallow();
  const stream = rig.welcome();
  const climbs: number[] = [];
  while (climbs.length < 3) {
    rig.advance(5_000);
    rig.say(stream, { type: "heartbeat", heads: {} });
    if (rig.link === stream) continue;
    climbs.push(rig.now);
    rig.lose();
  }
  assert.ok(rig.open.has(stream));
  assert.equal(rig.all("probe").length, 1, "evidence about the transport in use it is not");
  const waits = climbs.map((at, index) => Math.round((at - (climbs[index - 1] ?? 5_000)) / minute));
  assert.deepEqual(waits, [1, 2, 4]);
});

test("[MOVE-1] asked to reconnect and not cut off, it changes over without a break", () => {
  const rig = live(duplex);
  const old = rig.link;
  rig.say(old, { type: "reconnect", delayMs: 3_000, reason: "rotate" });
  rig.advance(3_000);
  assert.equal(rig.open.size, 2);
  rig.say(old, events("a", 0, 2));
  rig.welcome();
  rig.say(rig.link, events("a", 0, 3));
  assert.deepEqual(received(rig, "a"), [1, 2, 3]);
  assert.ok(!rig.open.has(old));
});

test("[MOVE-1] what a link of the past says or suffers disturbs nothing", () => {
  const rig = live();
  const old = rig.link;
  rig.lose(old);
  rig.advance(1_000);
  rig.welcome();
  rig.say(rig.link, events("a", 0, 30));
  rig.say(old, events("a", 15, 17), { type: "heartbeat", heads: { a: "k-17" } });
  rig.turn((connection, now) => connection.linkLost(old, { type: "failed", reason: "late" }, now));
  rig.say(rig.link, events("a", 30, 31));
  assert.equal(received(rig, "a").length, 31);
  assert.equal(rig.open.size, 1);
});

test("[SES-3] subscriptions that change in one turn cost one stream, and no break", () => {
  const rig = live();
  const old = rig.link;
  rig.subscribe(["b", "c"]);
  assert.equal(rig.open.size, 2);
  assert.deepEqual(
    rig.hello.subscriptions.map(({ channel }) => channel),
    ["a", "b", "c"],
  );
  rig.say(old, events("a", 0, 1));
  rig.subscribe("d");
  assert.equal(rig.open.size, 2, "the next change waits for this one");
  rig.welcome();
  assert.ok(!rig.open.has(old));
  assert.equal(rig.hello.subscriptions.length, 4);
});

test("[SES-3] a next stream that fails is tried again, while the one in use reads on", () => {
  const rig = live();
  const old = rig.link;
  rig.subscribe("b");
  rig.lose();
  assert.deepEqual([...rig.open.keys()], [old]);
  rig.advance(1_000);
  assert.equal(rig.hello.subscriptions.length, 2);
});

test("[SES-2] a server that does not begin with `welcome` is not spoken with", () => {
  const rig = new Rig();
  rig.subscribe("a");
  rig.accept();
  rig.say(rig.link, { type: "subscribed", channel: "a", cursor: "k-0", head: "k-0" });
  assert.equal(rig.open.size, 0);
  assert.deepEqual(rig.all("subscribed"), []);
});

test("garbage ends a link, not the connection: nothing is lost and nothing repeated", () => {
  const rig = live();
  rig.say(rig.link, events("a", 0, 2));
  for (const garbage of [null, "<html>", { type: 7 }, { ...events("a", 2, 3), from: "k-9" }]) {
    rig.say(rig.link, garbage);
    assert.equal(rig.open.size, 0);
    rig.reopen();
    rig.welcome();
  }
  rig.say(rig.link, events("a", 2, 3));
  assert.deepEqual(received(rig, "a"), [1, 2, 3]);
});

test("a channel that is slow to be answered does not keep two links open", () => {
  const rig = live();
  const old = rig.link;
  rig.subscribe("b");
  rig.accept();
  rig.say(rig.link, { ...welcomeMessage(), limits });
  rig.advance(4_999);
  assert.ok(rig.open.has(old));
  rig.advance(1);
  assert.equal(rig.open.size, 1);
  assert.ok(!rig.open.has(old));
});

test("a link that nobody uses is kept for a moment, then everything is released", () => {
  const rig = live();
  rig.turn((connection, now) => connection.unsubscribe("a", now));
  rig.subscribe("a");
  assert.ok(rig.open.size > 0);
  rig.welcome();
  rig.turn((connection, now) => connection.unsubscribe("a", now));
  rig.advance(1_000);
  assert.equal(rig.open.size, 0);
  assert.equal(rig.connection.deadline, Infinity);
  rig.subscribe("a");
  assert.equal(rig.open.size, 1);
});

test("what was blocked a moment ago is not tried first by the next client", () => {
  const memory = { blocked: new Map() };
  const rig = new Rig({ ...duplex, memory });
  rig.subscribe("a");
  rig.swallow();
  const next = new Rig({ ...duplex, memory });
  next.subscribe("a");
  assert.equal(next.transport, "sse");
});
