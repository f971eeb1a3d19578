import assert from "node:assert/strict";
import { test } from "node:test";
import { events, Rig, received, welcomeMessage } from "./rig.test.ts";

/** Says each in a turn of its own. */
function sayEach(rig: Rig, link: number, ...messages: readonly object[]): void {
  for (const message of messages) rig.say(link, message);
}

function consume(rig: Rig, channel: string, count: number): void {
  rig.turn((connection, now) => connection.consumed(channel, count, now));
}

function channelsOf(rig: Rig): string[] {
  return rig.hello.subscriptions.map(({ channel }) => channel);
}

test("[BND-1] a channel whose application lags is left on the wire, and resumed behind all that was still on its way", () => {
  const rig = new Rig({ need: "duplex", bufferedEventsMax: 100 });
  rig.subscribe(["a", "b"]);
  const link = rig.welcome();
  sayEach(rig, link, events("a", 0, 60), events("a", 60, 120));
  assert.deepEqual(rig.sent(link), []);
  sayEach(rig, link, events("a", 120, 121), events("a", 121, 200), events("b", 0, 1));
  assert.equal(received(rig, "a").length, 200, "what was on its way is not asked for twice");
  assert.deepEqual(received(rig, "b"), [1]);
  assert.deepEqual(rig.sent(link), [{ type: "unsubscribe", channels: ["a"] }]);
  consume(rig, "a", 149);
  rig.say(link, { type: "unsubscribed", channel: "a" });
  assert.equal(rig.sent(link).length, 1);
  consume(rig, "a", 1);
  const again = { type: "subscribe", subscriptions: [{ channel: "a", after: "k-200" }] };
  assert.deepEqual(rig.sent(link).at(-1), again);
  rig.say(link, { type: "subscribed", channel: "a", cursor: "k-200", head: "k-201" }, events("a", 200, 201));
  assert.equal(received(rig, "a").length, 201);
});

for (const transport of ["websocket", "sse"] as const) {
  test(`[BND-1] over ${transport} pages that are taken as fast as they come park nobody, whatever their size`, () => {
    const rig = new Rig({ transports: [transport], bufferedEventsMax: 10 });
    rig.subscribe("a");
    const link = rig.welcome();
    for (let at = 0; at < 600; at += 30) {
      rig.say(link, events("a", at, at + 20), events("a", at + 20, at + 30));
      consume(rig, "a", 30);
    }
    assert.equal(received(rig, "a").length, 600);
    assert.deepEqual([rig.sent(link), rig.all("pause"), rig.all("open").length], [[], [], 1]);
  });
}

/** Over a WebSocket, a channel that was left because its application lags; the server has not heard of it yet. */
function draining(bufferedEventsMax = 10): { rig: Rig; link: number } {
  const rig = new Rig({ transports: ["websocket"], bufferedEventsMax });
  rig.subscribe("a");
  const link = rig.welcome();
  sayEach(
    rig,
    link,
    events("a", 0, bufferedEventsMax),
    events("a", bufferedEventsMax, bufferedEventsMax + 1),
  );
  assert.deepEqual(rig.sent(link), [{ type: "unsubscribe", channels: ["a"] }]);
  return { rig, link };
}

/** What is asked for once the server has let go of the channel, and the application has taken everything. */
function askedAgain({ rig, link }: { rig: Rig; link: number }): readonly { type: string }[] {
  rig.say(link, { type: "unsubscribed", channel: "a" });
  consume(rig, "a", 1_000_000);
  return rig.sent(link).slice(1);
}

const subscribeAfter = (after: string) => [{ type: "subscribe", subscriptions: [{ channel: "a", after }] }];

test("[BND-1] what comes beyond sixteen times the bound is dropped, and read again", () => {
  const { rig, link } = draining();
  sayEach(rig, link, events("a", 11, 160), events("a", 160, 161));
  assert.equal(received(rig, "a").length, 160);
  consume(rig, "a", 100);
  rig.say(link, events("a", 161, 162));
  assert.equal(received(rig, "a").length, 160, "with a hole behind it, nothing continues");
  assert.deepEqual(askedAgain({ rig, link }), subscribeAfter("k-160"));
});

test("[BND-1] what comes beyond 8 MiB is dropped, and read again, once for each time it was parked", () => {
  const { rig, link } = draining();
  const say = (message: object, size: number) =>
    rig.turn((connection, now) => connection.linkMessage(link, message, now, size));
  say(events("a", 11, 12), 5_000_000);
  say(events("a", 12, 13), 5_000_000);
  say(events("a", 13, 14), 1);
  assert.equal(received(rig, "a").length, 13);
  assert.deepEqual(askedAgain({ rig, link }), subscribeAfter("k-13"));
  rig.say(link, { type: "subscribed", channel: "a", cursor: "k-13", head: "k-14" });
  say(events("a", 13, 14), 9_000_000);
  say(events("a", 14, 15), 1);
  assert.equal(received(rig, "a").length, 15);
});

test("[CLI-2] a hole in what was still on its way is read again from before it", () => {
  const { rig, link } = draining();
  sayEach(rig, link, events("a", 12, 13), events("a", 11, 12));
  assert.equal(received(rig, "a").length, 11);
  rig.advance(10_000);
  assert.equal(rig.sent(link).filter(({ type }) => type !== "ping").length, 1);
  assert.deepEqual(
    askedAgain({ rig, link }).filter(({ type }) => type !== "ping"),
    subscribeAfter("k-11"),
  );
});

test("[END-1] [GAP-1] a gap and an end that were still on their way are told", () => {
  const { rig, link } = draining();
  rig.news();
  sayEach(
    rig,
    link,
    { type: "gap", channel: "a", from: "k-11", to: "k-15", reason: "expired" },
    { type: "end", channel: "a", cursor: "k-15" },
    { type: "error", code: "not_subscribed", message: "It has ended.", channel: "a", retry: "never" },
  );
  assert.deepEqual(
    rig.news("gap", "end", "refused", "warning", "send").map(({ type }) => type),
    ["gap", "end"],
  );
});

test("[BEAT-2] a heartbeat that speaks of what was not yet taken, or was dropped, makes nobody ask twice", () => {
  const { rig, link } = draining();
  rig.say(link, { type: "heartbeat", heads: { a: "k-90" } });
  rig.say(link, events("a", 11, 12));
  assert.equal(received(rig, "a").length, 12);
  assert.deepEqual(askedAgain({ rig, link }), subscribeAfter("k-12"));
});

test("[SUB-5] a server that had ended the reading itself is asked again", () => {
  const { rig, link } = draining();
  rig.say(link, { type: "error", code: "not_subscribed", message: "No.", channel: "a", retry: "never" });
  consume(rig, "a", 11);
  assert.deepEqual(rig.sent(link).slice(1), subscribeAfter("k-11"));
});

test("[BND-1] a stream nobody takes anything of is not read, and read on where it stopped", () => {
  const rig = new Rig({ transports: ["sse"], bufferedEventsMax: 10 });
  rig.subscribe(["a", "b"]);
  const link = rig.welcome();
  rig.say(link, events("a", 0, 10), events("b", 0, 10));
  rig.say(link, events("a", 10, 11), events("b", 10, 11));
  const isPaused = () => rig.all("pause").map((effect) => effect.isPaused);
  assert.deepEqual(isPaused(), [true]);
  rig.say(link, events("a", 11, 12));
  rig.advance(3_600_000);
  assert.equal(rig.all("open").length, 1, "what is not read is not dead");
  consume(rig, "b", 5);
  assert.deepEqual(isPaused(), [true]);
  consume(rig, "b", 1);
  assert.deepEqual(isPaused(), [true, false]);
  consume(rig, "a", 12);
  rig.say(link, events("a", 12, 13), events("b", 11, 12));
  assert.deepEqual([received(rig, "a").length, received(rig, "b").length], [13, 12]);
  assert.equal(rig.all("open").length, 1);
  assert.deepEqual(isPaused(), [true, false]);
});

test("[CLI-5] a stream that is read again has two heartbeats from then on", () => {
  const rig = new Rig({ transports: ["sse"], bufferedEventsMax: 10 });
  rig.subscribe("a");
  const link = rig.welcome();
  sayEach(rig, link, events("a", 0, 10), events("a", 10, 11));
  rig.advance(3_600_000);
  consume(rig, "a", 11);
  rig.advance(29_999);
  assert.ok(rig.open.has(link));
  rig.advance(1);
  assert.ok(!rig.open.has(link));
});

test("[BND-1] a stream of which another channel is wanted is replaced by one for that, and drained meanwhile", () => {
  const rig = new Rig({ transports: ["sse"], bufferedEventsMax: 100 });
  rig.subscribe(["a", "b"]);
  const old = rig.welcome();
  sayEach(rig, old, events("a", 0, 120), events("a", 120, 121));
  assert.deepEqual(channelsOf(rig), ["b"]);
  rig.say(old, events("a", 121, 150));
  assert.equal(received(rig, "a").length, 150);
  rig.welcome();
  assert.deepEqual(rig.all("pause"), []);
  consume(rig, "a", 150);
  assert.deepEqual(rig.hello.subscriptions, [
    { channel: "a", after: "k-150" },
    { channel: "b", after: "k-0" },
  ]);
});

test("[BND-1] a paused stream makes way for a channel that is wanted now", () => {
  const rig = new Rig({ transports: ["sse"], bufferedEventsMax: 10 });
  rig.subscribe("a");
  sayEach(rig, rig.welcome(), events("a", 0, 10), events("a", 10, 11));
  rig.subscribe("b");
  assert.deepEqual(channelsOf(rig), ["b"]);
  rig.welcome();
  assert.equal(rig.open.size, 1);
  consume(rig, "a", 11);
  assert.deepEqual(channelsOf(rig), ["a", "b"]);
});

test("[BND-1] a stream that brings more than its application can hold is replaced, however much came at once", () => {
  const rig = new Rig({ transports: ["sse"], bufferedEventsMax: 2 });
  rig.subscribe(["a", "b"]);
  rig.welcome();
  rig.say(rig.link, events("a", 0, 32), events("a", 32, 34));
  assert.equal(received(rig, "a").length, 32);
  assert.deepEqual(channelsOf(rig), ["b"]);
});

/** A link about to replace another has brought as much of "a" as its application can hold. */
function parkedOnTheNext(): { rig: Rig; next: number } {
  const rig = new Rig({ bufferedEventsMax: 2 });
  rig.subscribe("a");
  rig.welcome();
  rig.subscribe("b");
  const next = rig.accept();
  rig.say(next, welcomeMessage(), { type: "subscribed", channel: "a", cursor: "k-0", head: "k-32" });
  rig.say(next, events("a", 0, 32));
  return { rig, next };
}

/** The application has caught up, and the link comes into use. */
function unparkedAndInUse({ rig, next }: { rig: Rig; next: number }): void {
  rig.turn((connection, now) => connection.consumed("a", 32, now));
  rig.say(next, { type: "subscribed", channel: "b", cursor: "k-0", head: "k-0" });
}

const unheard: Readonly<Record<string, object>> = {
  "[END-1] an end": { type: "end", channel: "a", cursor: "k-32" },
  "[GAP-1] a gap": { type: "gap", channel: "a", from: "k-32", to: "k-35", reason: "expired" },
  "[ORD-1] a batch": events("a", 32, 33),
  "[PRS-2] a change of presence": { type: "presence", channel: "a", full: false, members: [], left: ["b"] },
};

for (const [what, message] of Object.entries(unheard)) {
  test(`${what} that came while the application lagged, on a link not yet in use, is asked for again`, () => {
    const { rig, next } = parkedOnTheNext();
    rig.say(next, message);
    unparkedAndInUse({ rig, next });
    const asked = rig.hello.subscriptions.find(({ channel }) => channel === "a");
    assert.deepEqual(asked, { channel: "a", after: "k-32" });
    rig.news();
    rig.welcome();
    rig.say(rig.link, message);
    assert.equal(rig.news("end", "gap", "events", "presence").length, 1);
  });
}

test("[MOVE-1] where nothing came while the application lagged, the next link goes on as it is", () => {
  const { rig, next } = parkedOnTheNext();
  unparkedAndInUse({ rig, next });
  rig.say(next, events("a", 32, 33));
  assert.equal(received(rig, "a").length, 33);
  assert.equal(rig.all("open").length, 2);
});
