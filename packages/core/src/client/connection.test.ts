import assert from "node:assert/strict";
import { test } from "node:test";
import { events, Rig, received } from "./rig.test.ts";

test("a subscription connects, is told its position, and gets its events", () => {
  const rig = new Rig();
  assert.equal(rig.connection.state.type, "idle");
  rig.subscribe("a");
  assert.equal(rig.transport, "sse");
  assert.equal(rig.connection.state.type, "connecting");
  rig.welcome({ a: "k-5" });
  assert.deepEqual(rig.connection.state, { type: "live", transport: "sse" });
  assert.deepEqual(rig.news("subscribed"), [
    { type: "subscribed", channel: "a", cursor: "k-5", head: "k-5" },
  ]);
  rig.say(rig.link, events("a", 5, 7));
  assert.deepEqual(received(rig, "a"), [6, 7]);
});

test("a link that is lost is opened again, from the position reached", () => {
  const rig = new Rig();
  rig.subscribe("a");
  rig.welcome({ a: "k-5" });
  rig.say(rig.link, events("a", 5, 7));
  rig.lose();
  rig.advance(1000);
  assert.deepEqual(rig.hello.subscriptions, [{ channel: "a", after: "k-7" }]);
  rig.welcome();
  rig.say(rig.link, events("a", 7, 8));
  assert.deepEqual(received(rig, "a"), [6, 7, 8]);
  assert.deepEqual(
    rig.all("state").map(({ state }) => state.type),
    ["connecting", "live"],
  );
});
