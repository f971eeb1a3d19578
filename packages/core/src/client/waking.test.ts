import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConnectionOptions } from "./options.ts";
import { events, Rig } from "./rig.test.ts";

const heartbeatMs = 15_000;
const duplex = { need: "duplex" } as const;

function live(options: Partial<ConnectionOptions> = {}): Rig {
  const rig = new Rig(options);
  rig.subscribe("a");
  rig.welcome();
  rig.news("state");
  return rig;
}

test("[CLI-8] a delay that the server gives wins over the backoff, and over a wake", () => {
  const rig = live(duplex);
  rig.say(rig.link, { type: "reconnect", delayMs: 7_777, reason: "drain" });
  rig.lose();
  rig.turn((connection, now) => connection.wake(true, now));
  rig.advance(7_776);
  assert.equal(rig.open.size, 0);
  rig.advance(1);
  assert.equal(rig.open.size, 1);
});

test("after a sleep a link that was silent for long is replaced at once, without a break", () => {
  for (const need of ["receive", "duplex"] as const) {
    const rig = live({ need });
    rig.say(rig.link, events("a", 0, 2));
    const old = rig.link;
    rig.sleep(600_000);
    assert.equal(rig.open.size, 2);
    assert.deepEqual(rig.hello.subscriptions, [{ channel: "a", after: "k-2" }]);
    rig.welcome();
    assert.ok(!rig.open.has(old));
    assert.deepEqual(rig.news("state"), []);
  }
});

test("after a short sleep a WebSocket is asked whether it lives", () => {
  const rig = live(duplex);
  const { link } = rig;
  rig.sleep(heartbeatMs + 6_000);
  assert.deepEqual(rig.sent(link), [{ type: "ping" }]);
  assert.equal(rig.open.size, 1);
  rig.advance(2_000);
  assert.ok(!rig.open.has(link));
  const other = live(duplex);
  other.sleep(heartbeatMs + 6_000);
  other.say(other.link, { type: "pong" });
  other.advance(5_000);
  assert.equal(other.all("open").length, 1);
});

test("a wake while it waits for its next attempt makes it now", () => {
  const rig = live();
  rig.lose();
  for (let i = 0; i < 6; i++) {
    rig.reopen();
    rig.lose();
    rig.probed(false);
  }
  assert.equal(rig.open.size, 0);
  rig.turn((connection, now) => connection.wake(false, now));
  assert.equal(rig.open.size, 1);
});

test("an attempt that was under way when the machine fell asleep says nothing about its transport", () => {
  const rig = new Rig(duplex);
  rig.subscribe("a");
  rig.accept();
  rig.sleep(3_600_000);
  assert.deepEqual(rig.all("probe"), []);
  assert.equal(rig.transport, "websocket");
});

test("sockets do not multiply, however often the network changes", () => {
  const rig = live(duplex);
  for (let i = 0; i < 50; i++) {
    rig.turn((connection, now) => connection.offline(now));
    rig.turn((connection, now) => connection.online(now));
    rig.advance(100);
    assert.ok(rig.open.size <= 2);
  }
  rig.welcome();
  assert.equal(rig.open.size, 1);
});

test("another network gets the best transport again", () => {
  const rig = new Rig(duplex);
  rig.subscribe("a");
  rig.swallow();
  rig.welcome();
  rig.turn((connection, now) => connection.online(now));
  rig.welcome();
  assert.equal(rig.transport, "websocket");
});
