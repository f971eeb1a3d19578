import assert from "node:assert/strict";
import { test } from "node:test";
import { Rig } from "./rig.test.ts";

const told = (rig: Rig) => rig.news("state").map(({ state }) => state.type);

test("a recovery that nobody would notice is not reported", () => {
  const rig = new Rig();
  rig.subscribe("a");
  rig.welcome();
  assert.deepEqual(told(rig), ["connecting", "live"]);
  rig.lose();
  rig.advance(500);
  rig.welcome();
  assert.deepEqual(told(rig), []);
});

test("one that takes longer is, and so is its end", () => {
  const rig = new Rig();
  rig.subscribe("a");
  rig.welcome();
  told(rig);
  rig.lose();
  rig.advance(1_999);
  assert.deepEqual(told(rig), []);
  rig.advance(1);
  assert.deepEqual(told(rig), ["recovering"]);
  rig.welcome();
  assert.deepEqual(told(rig), ["live"]);
});

test("without a network it is offline, and connecting again before it was ever live", () => {
  const rig = new Rig();
  rig.subscribe("a");
  rig.turn((connection, now) => connection.offline(now));
  rig.turn((connection, now) => connection.online(now));
  assert.deepEqual(told(rig), ["connecting", "offline", "connecting"]);
  rig.welcome();
  rig.turn((connection, now) => connection.offline(now));
  assert.deepEqual(told(rig), ["live"], "a link that works is believed more than the device");
  rig.lose();
  rig.advance(2_000);
  assert.deepEqual(told(rig), ["offline"]);
});

test("a change of transport is reported, the failures of an outage are counted", () => {
  const rig = new Rig();
  rig.subscribe("a");
  rig.lose();
  rig.probed(false);
  rig.advance(500);
  rig.lose();
  rig.probed(false);
  assert.deepEqual(rig.connection.state, { type: "connecting", failures: 2 });
});

test("closed is final", () => {
  const rig = new Rig();
  rig.subscribe("a");
  rig.welcome();
  rig.turn((connection, now) => connection.close(now));
  assert.deepEqual(rig.connection.state, { type: "closed", reason: { type: "closed" } });
  assert.equal(rig.open.size, 0);
  assert.equal(rig.connection.deadline, Infinity);
  told(rig);
  rig.turn((connection, now) => {
    connection.online(now);
    connection.wake(true, now);
    connection.tick(now);
    connection.tokenGiven("late", now);
    connection.close(now);
  });
  assert.deepEqual(told(rig), []);
  assert.equal(rig.open.size, 0);
});
