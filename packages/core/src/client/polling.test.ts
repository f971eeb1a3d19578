import assert from "node:assert/strict";
import { test } from "node:test";
import { events, Rig, received, welcomeMessage } from "./rig.test.ts";

test("a long poll is answered at once first, then held no longer than a heartbeat", () => {
  const rig = new Rig({ transports: ["long-poll"] });
  rig.subscribe("a");
  const waits = () => rig.all("open").map(({ waitMs }) => waitMs);
  const subscribed = { type: "subscribed", channel: "a", cursor: "k-5", head: "k-5" };
  assert.deepEqual(waits(), [0]);
  rig.answer(rig.link, false, welcomeMessage(), subscribed);
  assert.deepEqual(waits(), [0, 15_000]);
  assert.deepEqual(rig.hello.subscriptions, [{ channel: "a", after: "k-5" }]);
  rig.answer(rig.link, true, welcomeMessage(), subscribed, events("a", 5, 7));
  assert.deepEqual(rig.hello.subscriptions, [{ channel: "a", after: "k-7" }]);
});

test("a long poll that resumes waits for news from its second request on", () => {
  const rig = new Rig({ transports: ["long-poll"] });
  rig.subscribe("a", { start: { after: { epoch: "k", offset: 5 } } });
  rig.answer(rig.link, false, welcomeMessage(), {
    type: "subscribed",
    channel: "a",
    cursor: "k-5",
    head: "k-5",
  });
  assert.deepEqual(
    rig.all("open").map(({ now, waitMs }) => [now, waitMs]),
    [
      [0, 0],
      [0, 15_000],
    ],
  );
});

test("[CLI-5] a held poll is dead when it was not answered in its time and a heartbeat more", () => {
  const rig = new Rig({ transports: ["long-poll"] });
  rig.subscribe("a");
  rig.answer(rig.link, false, welcomeMessage(), {
    type: "subscribed",
    channel: "a",
    cursor: "k-5",
    head: "k-5",
  });
  rig.advance(29_999);
  assert.equal(rig.open.size, 1);
  rig.advance(1);
  assert.equal(rig.open.size, 0);
});

test("an answer that arrives slowly is alive as long as it arrives", () => {
  const rig = new Rig({ transports: ["long-poll"] });
  rig.subscribe("a");
  const subscribed = { type: "subscribed", channel: "a", cursor: "k-5", head: "k-5" };
  rig.answer(rig.link, false, welcomeMessage(), subscribed);
  const { link } = rig;
  for (let i = 0; i < 5; i++) {
    rig.advance(20_000);
    rig.turn((connection, now) => connection.linkHeard(link, now));
  }
  rig.answer(link, false, welcomeMessage(), subscribed, events("a", 5, 6));
  assert.deepEqual(received(rig, "a"), [6]);
});

test("[CLI-8] a long poll that is answered empty before its time is not followed at once", () => {
  const rig = new Rig({ transports: ["long-poll"], toleranceMs: 2_000 });
  rig.subscribe("a");
  const subscribed = { type: "subscribed", channel: "a", cursor: "k-5", head: "k-5" };
  while (rig.now < 20_000) {
    while (rig.open.size > 0) rig.answer(rig.link, true, welcomeMessage(), subscribed);
    rig.advance(100);
  }
  assert.ok(rig.all("open").length <= 12, `${rig.all("open").length} requests in 20 s`);
});

test("a poll asks again when its tolerance is used up, or at once while there is more", () => {
  const rig = new Rig({ toleranceMs: 10_000 });
  rig.subscribe("a");
  assert.equal(rig.transport, "poll");
  const subscribed = { type: "subscribed", channel: "a", cursor: "k-0", head: "k-9" };
  rig.answer(rig.link, true, welcomeMessage(), subscribed, events("a", 0, 5));
  assert.equal(rig.open.size, 1);
  rig.answer(rig.link, false, welcomeMessage(), subscribed, events("a", 5, 9));
  assert.equal(rig.open.size, 0);
  assert.deepEqual(rig.connection.state, { type: "live", transport: "poll" });
  rig.advance(9_999);
  assert.equal(rig.open.size, 0);
  rig.advance(1);
  assert.deepEqual(rig.hello.subscriptions, [{ channel: "a", after: "k-9" }]);
});

test("[SES-3] a change of subscriptions does not wait for the next poll", () => {
  const rig = new Rig({ toleranceMs: 10_000 });
  rig.subscribe("a");
  rig.answer(rig.link, false, welcomeMessage(), {
    type: "subscribed",
    channel: "a",
    cursor: "k-0",
    head: "k-0",
  });
  rig.subscribe("b");
  assert.equal(rig.hello.subscriptions.length, 2);
});

test("an answer without a welcome is no answer", () => {
  const rig = new Rig({ transports: ["poll"] });
  rig.subscribe("a");
  rig.answer(rig.link, true);
  assert.equal(rig.open.size, 0);
  assert.equal(rig.all("probe").length, 1);
});
