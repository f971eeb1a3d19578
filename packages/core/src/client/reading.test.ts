import assert from "node:assert/strict";
import { test } from "node:test";
import { events, Rig, received } from "./rig.test.ts";

const error = (code: string, retry: string, about: object = {}) => ({
  type: "error",
  code,
  message: code,
  retry,
  ...about,
});

function live(need: "receive" | "duplex" = "receive", heads: Record<string, string> = { a: "k-5" }): Rig {
  const rig = new Rig({ need });
  rig.subscribe(Object.keys(heads));
  rig.welcome(heads);
  rig.news("state");
  return rig;
}

test("[READ-1] the application is told its position once, before any event", () => {
  const rig = live();
  rig.say(rig.link, events("a", 5, 6));
  rig.lose();
  rig.advance(1000);
  rig.welcome();
  const told = rig.log.filter(({ type }) => type === "subscribed" || type === "events");
  assert.deepEqual(
    told.map(({ type }) => type),
    ["subscribed", "events"],
  );
});

test("[CLI-3] cut before its first event, a subscription resumes from where it began", () => {
  const rig = live("receive", { a: "k-15" });
  rig.lose();
  rig.advance(1000);
  assert.deepEqual(rig.hello.subscriptions, [{ channel: "a", after: "k-15" }]);
});

test("[CLI-2] a hole on a WebSocket: nothing is delivered, the channel is left and joined from the position", () => {
  const rig = live("duplex", { a: "k-5", b: "k-0" });
  rig.say(rig.link, events("a", 7, 9), events("a", 9, 10));
  assert.deepEqual(received(rig, "a"), []);
  assert.deepEqual(rig.sent(rig.link), [{ type: "unsubscribe", channels: ["a"] }]);
  rig.say(rig.link, events("a", 10, 11), events("b", 0, 1));
  rig.say(rig.link, { type: "unsubscribed", channel: "a" });
  const again = { type: "subscribe", subscriptions: [{ channel: "a", after: "k-5" }] };
  assert.deepEqual(rig.sent(rig.link).at(-1), again);
  rig.say(rig.link, { type: "subscribed", channel: "a", cursor: "k-5", head: "k-11" }, events("a", 5, 11));
  assert.deepEqual(received(rig, "a"), [6, 7, 8, 9, 10, 11]);
  assert.deepEqual(received(rig, "b"), [1], "the other channels are not disturbed");
});

test("[CLI-2] a hole on a stream: the next stream is opened from the position before the old one is dropped", () => {
  const rig = live();
  const old = rig.link;
  rig.say(old, events("a", 7, 9));
  assert.equal(rig.open.size, 2);
  assert.deepEqual(rig.hello.subscriptions, [{ channel: "a", after: "k-5" }]);
  rig.welcome();
  rig.say(rig.link, events("a", 5, 9));
  assert.deepEqual(received(rig, "a"), [6, 7, 8, 9]);
  assert.ok(!rig.open.has(old));
});

test("[SES-3] a stream does not go on carrying what left a hole and is wanted no more", () => {
  const rig = live("receive", { a: "k-5", b: "k-0" });
  rig.say(rig.link, events("a", 7, 9));
  rig.welcome();
  rig.say(rig.link, events("a", 7, 9));
  const opened = rig.all("open").length;
  rig.turn((connection, now) => connection.unsubscribe("a", now));
  assert.equal(rig.all("open").length, opened + 1);
  assert.deepEqual(
    rig.hello.subscriptions.map(({ channel }) => channel),
    ["b"],
  );
});

test("[CLI-8] a server that leaves a hole again and again is not hammered", () => {
  const rig = live();
  for (let i = 0; i < 40; i++) {
    if (rig.open.size > 1) rig.welcome();
    rig.say(rig.link, events("a", 7, 9));
    rig.advance(1000);
  }
  const opened = rig.all("open").length;
  assert.ok(opened > 3 && opened < 12, `${opened} streams in 40 s`);
});

test("[BEAT-2] a head beyond the position shows that something was missed", () => {
  const rig = live("duplex", { a: "k-5", b: "k-7" });
  rig.say(rig.link, { type: "heartbeat", heads: { a: "k-6", b: "k-7", unknown: "k-1" } });
  assert.deepEqual(rig.sent(rig.link), [{ type: "unsubscribe", channels: ["a"] }]);
});

test("[BEAT-2] so does a head in another epoch", () => {
  const rig = live();
  rig.say(rig.link, { type: "heartbeat", heads: { a: "m-1" } });
  assert.deepEqual(rig.hello.subscriptions, [{ channel: "a", after: "k-5" }]);
  assert.equal(rig.open.size, 2);
});

test("[BEAT-2] a head behind the position is another link's past, and no hole", () => {
  const rig = live();
  rig.say(rig.link, events("a", 5, 9), { type: "heartbeat", heads: { a: "k-7" } });
  assert.equal(rig.open.size, 1);
});

test("[GAP] a gap is told in its place, and reading goes on after it", () => {
  const rig = live();
  rig.say(
    rig.link,
    events("a", 5, 6),
    { type: "gap", channel: "a", from: "k-6", to: "k-40", reason: "expired" },
    events("a", 40, 41),
  );
  assert.deepEqual(received(rig, "a"), [6, "gap k-6 k-40", 41]);
});

test("[GAP] a log that was recreated is a gap into its epoch, and nothing of the old log counts after it", () => {
  const rig = live("receive", { a: "k-900" });
  rig.say(
    rig.link,
    { type: "gap", channel: "a", from: "k-900", to: "m-0", reason: "epoch" },
    events("a", 0, 2, "m"),
  );
  assert.deepEqual(received(rig, "a"), ["gap k-900 m-0", 1, 2]);
});

test("[END-1] the end is told once all was read, and never where it would hide a hole", () => {
  const rig = live("duplex", { a: "k-5", b: "k-5" });
  rig.say(rig.link, { type: "end", channel: "a", cursor: "k-9" });
  assert.deepEqual(rig.all("end"), []);
  assert.deepEqual(rig.sent(rig.link), [{ type: "unsubscribe", channels: ["a"] }]);
  rig.say(rig.link, { type: "end", channel: "b", cursor: "k-5" });
  assert.deepEqual(rig.news("end"), [{ type: "end", channel: "b", cursor: "k-5" }]);
});

test("[END-1] with its last channel ended nobody wants the link", () => {
  const rig = live();
  rig.say(rig.link, { type: "end", channel: "a", cursor: "k-5" });
  rig.advance(1000);
  assert.equal(rig.open.size, 0);
  assert.equal(rig.connection.state.type, "idle");
  assert.equal(rig.connection.deadline, Infinity);
});

test("[SUB-4] a channel that is refused disturbs no other, and is not asked for again", () => {
  const rig = new Rig();
  rig.subscribe(["a", "b"]);
  rig.accept();
  const welcome = { type: "welcome", protocol: 1, session: "s", heartbeatMs: 15_000 };
  rig.say(
    rig.link,
    { ...welcome, limits: { messageBytesMax: 1000, subscriptionsMax: 10, publishEventsMax: 10 } },
    error("forbidden", "never", { channel: "a" }),
    { type: "subscribed", channel: "b", cursor: "k-0", head: "k-0" },
    events("b", 0, 1),
  );
  const [refused] = rig.news("refused");
  assert.deepEqual([refused?.channel, refused?.error.code], ["a", "forbidden"]);
  assert.deepEqual(received(rig, "b"), [1]);
  rig.lose();
  rig.advance(1000);
  assert.deepEqual(
    rig.hello.subscriptions.map(({ channel }) => channel),
    ["b"],
  );
});

test("[CLI-9] a channel that is refused for a moment is asked for again, after a backoff", () => {
  const rig = live("duplex", { keep: "k-0" });
  rig.subscribe("a");
  const first = rig.sent(rig.link).length;
  rig.say(rig.link, error("broker_unavailable", "retry", { channel: "a" }));
  assert.equal(rig.sent(rig.link).length, first);
  rig.advance(1000);
  const again = { type: "subscribe", subscriptions: [{ channel: "a", after: "latest" }] };
  assert.deepEqual(rig.sent(rig.link).at(-1), again);
});

test("[SUB-5] when the right to read ends the application is told, and the rest goes on", () => {
  const rig = live("duplex", { a: "k-5", b: "k-0" });
  rig.say(rig.link, { type: "unsubscribed", channel: "a", code: "forbidden", reason: "no more" });
  assert.equal(rig.news("refused")[0]?.error.message, "no more");
  rig.say(rig.link, events("a", 5, 6), events("b", 0, 1));
  assert.deepEqual(received(rig, "a"), []);
  assert.deepEqual(received(rig, "b"), [1]);
});

test("[SES-7] an error about a channel that is read is a warning, and ends nothing", () => {
  const rig = live("duplex");
  rig.say(rig.link, error("forbidden", "never", { channel: "a" }), events("a", 5, 6));
  assert.equal(rig.news("warning")[0]?.error.code, "forbidden");
  assert.deepEqual(received(rig, "a"), [6]);
});

test("[SUB-5] unsubscribed and subscribed again, only what follows the new answer counts", () => {
  const rig = live("duplex", { a: "k-5", b: "k-0" });
  rig.turn((connection, now) => {
    connection.unsubscribe("a", now);
    connection.subscribe("a", { start: { last: 1 }, signals: false, presence: false }, now);
  });
  assert.deepEqual(rig.sent(rig.link), [{ type: "unsubscribe", channels: ["a"] }]);
  rig.say(rig.link, events("a", 5, 7), { type: "unsubscribed", channel: "a" });
  assert.deepEqual(rig.sent(rig.link)[1], { type: "subscribe", subscriptions: [{ channel: "a", last: 1 }] });
  rig.say(rig.link, { type: "subscribed", channel: "a", cursor: "k-6", head: "k-7" }, events("a", 6, 7));
  assert.deepEqual(received(rig, "a"), [7]);
});

test("a server's own unsubscribe may cross the client's", () => {
  const rig = live("duplex", { a: "k-5", b: "k-0" });
  rig.turn((connection, now) => connection.unsubscribe("a", now));
  rig.say(rig.link, { type: "unsubscribed", channel: "a", code: "forbidden" });
  rig.subscribe("a");
  rig.say(rig.link, error("not_subscribed", "never", { channel: "a" }));
  rig.say(rig.link, { type: "subscribed", channel: "a", cursor: "k-9", head: "k-9" });
  assert.deepEqual(rig.all("refused"), []);
  assert.deepEqual(rig.news("subscribed").at(-1)?.cursor, "k-9");
});

test("leaving a channel that the server does not know leaves it all the same", () => {
  const rig = live("duplex", { a: "k-5", b: "k-0" });
  rig.turn((connection, now) => connection.unsubscribe("a", now));
  rig.subscribe("a");
  rig.say(rig.link, error("not_subscribed", "never", { channel: "a" }));
  assert.deepEqual(rig.sent(rig.link).at(-1), {
    type: "subscribe",
    subscriptions: [{ channel: "a", after: "latest" }],
  });
});

test("[PRS-1] one joins and leaves without leaving the channel", () => {
  const rig = live("duplex");
  const join = (data: unknown) => rig.turn((connection, now) => connection.join("a", data, now));
  join({ name: "ada" });
  join(undefined);
  assert.deepEqual(rig.sent(rig.link), [
    { type: "presence", channel: "a", data: { name: "ada" } },
    { type: "presence", channel: "a", data: null },
  ]);
  join({ name: "ada" });
  rig.lose();
  rig.advance(1000);
  assert.deepEqual(rig.hello.subscriptions, [{ channel: "a", after: "k-5", join: { name: "ada" } }]);
});

test("[PRS-1] on a stream the next one says who joins", () => {
  const rig = live();
  rig.turn((connection, now) => connection.join("a", 1, now));
  assert.deepEqual(rig.hello.subscriptions, [{ channel: "a", after: "k-5", join: 1 }]);
});

test("other wants on a WebSocket mean leaving and joining again, from the same position", () => {
  const rig = live("duplex");
  rig.turn((connection, now) => connection.change("a", { signals: true }, now));
  rig.say(rig.link, { type: "unsubscribed", channel: "a" });
  assert.deepEqual(rig.sent(rig.link), [
    { type: "unsubscribe", channels: ["a"] },
    { type: "subscribe", subscriptions: [{ channel: "a", after: "k-5", signals: true }] },
  ]);
});

test("a thousand channels are asked for in one message, and one event touches one of them", () => {
  const rig = live("duplex");
  rig.turn((connection, now) => {
    const wants = { start: { after: "latest" as const }, signals: false, presence: false };
    for (let i = 0; i < 1000; i++) connection.subscribe(`c-${i}`, wants, now);
  });
  const sent = rig.sent(rig.link);
  assert.equal(sent.length, 1);
  assert.equal([sent[0]?.subscriptions].flat().length, 1000);
});

test("[SIG-1] [PRS-2] signals and presence reach the application of their channel", () => {
  const rig = live();
  const signal = { type: "signal", channel: "a", key: "typing", data: true, from: "ada" };
  const presence = { type: "presence", channel: "a", full: true, members: [], left: [] };
  rig.say(rig.link, signal, presence, { ...signal, channel: "other" });
  assert.deepEqual(rig.news("signal", "presence"), [signal, presence]);
});
