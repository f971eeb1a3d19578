import assert from "node:assert/strict";
import { test } from "node:test";
import { events, Rig, received, welcomeMessage } from "./rig.test.ts";

test("[BND-1] a channel whose application lags is left on the wire, and resumed where it stopped", () => {
  const rig = new Rig({ need: "duplex", bufferedEventsMax: 100 });
  rig.subscribe(["a", "b"]);
  const link = rig.welcome();
  rig.say(link, events("a", 0, 60), events("a", 60, 120), events("a", 120, 200), events("b", 0, 1));
  assert.equal(received(rig, "a").length, 120, "what was on its way is left, not queued");
  assert.deepEqual(received(rig, "b"), [1]);
  assert.deepEqual(rig.sent(link), [{ type: "unsubscribe", channels: ["a"] }]);
  rig.say(link, { type: "unsubscribed", channel: "a" });
  rig.turn((connection, now) => connection.consumed("a", 69, now));
  assert.equal(rig.sent(link).length, 1);
  rig.turn((connection, now) => connection.consumed("a", 1, now));
  const again = { type: "subscribe", subscriptions: [{ channel: "a", after: "k-120" }] };
  assert.deepEqual(rig.sent(link).at(-1), again);
  rig.say(link, { type: "subscribed", channel: "a", cursor: "k-120", head: "k-200" }, events("a", 120, 200));
  assert.equal(received(rig, "a").length, 200);
});

test("[BND-1] on a stream the next one carries what is not parked", () => {
  const rig = new Rig({ bufferedEventsMax: 100 });
  rig.subscribe(["a", "b"]);
  rig.welcome();
  rig.say(rig.link, events("a", 0, 120));
  const channels = () => rig.hello.subscriptions.map(({ channel }) => channel);
  assert.deepEqual(channels(), ["b"]);
  rig.welcome();
  rig.turn((connection, now) => connection.consumed("a", 120, now));
  assert.deepEqual(channels(), ["a", "b"]);
});

test("[BND-1] a stream that brings more than its application takes is replaced, however much came at once", () => {
  const rig = new Rig({ bufferedEventsMax: 2 });
  rig.subscribe(["a", "b"]);
  rig.welcome();
  rig.say(rig.link, events("a", 0, 2), events("a", 2, 4));
  assert.deepEqual(
    rig.hello.subscriptions.map(({ channel }) => channel),
    ["b"],
  );
});

/** A link about to replace another has brought so much of "a" that its application must first catch up. */
function parkedOnTheNext(): { rig: Rig; next: number } {
  const rig = new Rig({ bufferedEventsMax: 2 });
  rig.subscribe("a");
  rig.welcome();
  rig.subscribe("b");
  const next = rig.accept();
  rig.say(next, welcomeMessage(), { type: "subscribed", channel: "a", cursor: "k-0", head: "k-2" });
  rig.say(next, events("a", 0, 2));
  return { rig, next };
}

/** The application has caught up, and the link comes into use. */
function unparkedAndInUse({ rig, next }: { rig: Rig; next: number }): void {
  rig.turn((connection, now) => connection.consumed("a", 2, now));
  rig.say(next, { type: "subscribed", channel: "b", cursor: "k-0", head: "k-0" });
}

const unheard: Readonly<Record<string, object>> = {
  "[END-1] an end": { type: "end", channel: "a", cursor: "k-2" },
  "[GAP-1] a gap": { type: "gap", channel: "a", from: "k-2", to: "k-5", reason: "expired" },
  "[ORD-1] a batch": events("a", 2, 3),
  "[PRS-2] a change of presence": { type: "presence", channel: "a", full: false, members: [], left: ["b"] },
};

for (const [what, message] of Object.entries(unheard)) {
  test(`${what} that came while the application lagged, on a link not yet in use, is asked for again`, () => {
    const { rig, next } = parkedOnTheNext();
    rig.say(next, message);
    unparkedAndInUse({ rig, next });
    const asked = rig.hello.subscriptions.find(({ channel }) => channel === "a");
    assert.deepEqual(asked, { channel: "a", after: "k-2" });
    rig.news();
    rig.welcome();
    rig.say(rig.link, message);
    assert.equal(rig.news("end", "gap", "events", "presence").length, 1);
  });
}

test("[MOVE-1] where nothing came while the application lagged, the next link goes on as it is", () => {
  const { rig, next } = parkedOnTheNext();
  unparkedAndInUse({ rig, next });
  rig.say(next, events("a", 2, 3));
  assert.deepEqual(received(rig, "a"), [1, 2, 3]);
  assert.equal(rig.all("open").length, 2);
});
