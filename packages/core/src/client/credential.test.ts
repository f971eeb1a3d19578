import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError } from "@holdfast/protocol";
import type { ConnectionOptions } from "./options.ts";
import { Rig, welcomeMessage } from "./rig.test.ts";

const refusal = { type: "refused", error: new HoldfastError("unauthenticated", "expired") } as const;

function asked(rig: Rig): number {
  return rig.all("token").length;
}

function give(rig: Rig, token: string): void {
  rig.turn((connection, now) => connection.tokenGiven(token, now));
}

function refuse(rig: Rig): void {
  const { link } = rig;
  rig.open.delete(link);
  rig.turn((connection, now) => connection.linkLost(link, refusal, now));
}

function live(options: Partial<ConnectionOptions> = {}): Rig {
  const rig = new Rig({ anonymous: false, ...options });
  rig.subscribe("a");
  give(rig, "one");
  rig.welcome();
  return rig;
}

test("nothing is said before there is a token, and then it is said with it", () => {
  const rig = new Rig({ anonymous: false });
  rig.subscribe(["a", "b"]);
  rig.publish(1, "a", 1);
  assert.equal(asked(rig), 1);
  assert.equal(rig.open.size, 0);
  give(rig, "one");
  assert.equal(rig.hello.token, "one");
  assert.equal(rig.news("post")[0]?.token, "one");
});

test("without a token to give nobody is asked", () => {
  const rig = new Rig();
  rig.subscribe("a");
  assert.equal(asked(rig), 0);
  assert.ok(!("token" in rig.hello));
});

test("[CLI-9] a token that was refused is renewed, once for all, and never sent again", () => {
  const rig = live();
  rig.advance(10_000);
  rig.publish(1, "x", 1);
  rig.publish(2, "y", 2);
  refuse(rig);
  for (const { post } of rig.all("post"))
    rig.turn((connection, now) => connection.posted(post, refusal, now));
  assert.equal(asked(rig), 2);
  assert.equal(rig.open.size, 0);
  rig.news("post");
  give(rig, "two");
  assert.equal(rig.hello.token, "two");
  assert.deepEqual(
    rig.news("post").map(({ token, path }) => [token, path]),
    [
      ["two", "/channels/x"],
      ["two", "/channels/y"],
    ],
  );
  assert.deepEqual(rig.all("unpublished"), []);
});

test("[CLI-9] a POST that is refused for its token is sent again with the next one", () => {
  const rig = new Rig({ anonymous: false });
  rig.publish(1, "a", 1);
  give(rig, "one");
  rig.turn((connection, now) => connection.posted(rig.all("post")[0]?.post ?? 0, refusal, now));
  assert.equal(asked(rig), 2);
  give(rig, "two");
  assert.deepEqual(
    rig.all("post").map(({ token }) => token),
    ["one", "two"],
  );
});

test("[CLI-9] a fresh token that is refused too ends the connection, which says why", () => {
  const rig = live();
  refuse(rig);
  give(rig, "two");
  rig.reopen();
  refuse(rig);
  const { state } = rig.connection;
  assert.ok(state.type === "closed" && state.reason.type === "reauthenticate");
  assert.equal(state.reason.error.message, "expired");
  assert.equal(rig.news("refused")[0]?.error.code, "unauthenticated");
  assert.equal(rig.connection.deadline, Infinity);
  assert.throws(() => rig.subscribe("b"), { code: "unauthenticated" });
});

test("[CLI-9] the same token again after a refusal ends it too, unsent", () => {
  const rig = live();
  refuse(rig);
  give(rig, "one");
  assert.equal(rig.connection.state.type, "closed");
  assert.equal(rig.open.size, 0);
});

test("[CLI-9] a welcome between two refusals makes the second one a first", () => {
  const rig = live();
  for (let i = 0; i < 5; i++) {
    rig.advance(20_000);
    refuse(rig);
    give(rig, `token-${i}`);
    rig.welcome();
  }
  assert.equal(rig.connection.state.type, "live");
});

test("[CLI-9] a token that is taken and refused in turns is no endless loop", () => {
  const rig = live();
  for (let i = 0; i < 8; i++) {
    refuse(rig);
    give(rig, `token-${i}`);
    rig.reopen();
    rig.welcome();
  }
  const starts = rig.all("open").map(({ now }) => now);
  assert.equal((starts.at(-1) ?? 0) - (starts.at(-2) ?? 0), 15_000, "half of the cap");
});

test("[CLI-9] without a token, being unauthenticated is final", () => {
  const rig = new Rig();
  rig.subscribe("a");
  refuse(rig);
  assert.equal(rig.connection.state.type, "closed");
});

test("[CLI-9] what is refused for good is not repeated", () => {
  const rig = live();
  const { link } = rig;
  rig.open.delete(link);
  const error = new HoldfastError("forbidden", "not you");
  rig.turn((connection, now) => connection.linkLost(link, { type: "refused", error }, now));
  assert.deepEqual(rig.connection.state, { type: "closed", reason: { type: "never", error } });
  rig.advance(600_000);
  assert.equal(rig.open.size, 0);
});

test("a token that cannot be had is asked for again later, and nothing is given up", () => {
  const rig = new Rig({ anonymous: false });
  rig.subscribe("a");
  for (let i = 0; i < 4; i++) {
    assert.equal(asked(rig), i + 1);
    rig.turn((connection, now) => connection.tokenFailed(now));
    rig.advance(30_000);
  }
  give(rig, "late");
  assert.equal(rig.hello.token, "late");
});

test("one who is asked for a token and does not answer is asked again", () => {
  const rig = new Rig({ anonymous: false });
  rig.subscribe("a");
  rig.advance(29_999);
  assert.equal(asked(rig), 1);
  rig.advance(31_000);
  assert.ok(asked(rig) > 1);
});

test("a token that ends soon is renewed in place on a WebSocket", () => {
  const rig = live({ need: "duplex" });
  rig.say(rig.link, { type: "expiring", inMs: 30_000 }, { type: "expiring", inMs: 29_000 });
  assert.equal(asked(rig), 2);
  give(rig, "two");
  assert.deepEqual(rig.sent(rig.link), [{ type: "auth", token: "two" }]);
  assert.equal(rig.all("open").length, 1);
  rig.lose();
  rig.advance(1_000);
  assert.equal(rig.hello.token, "two");
});

test("[SES-3] on a stream the next one carries the renewed token, and the old one reads on until it has answered", () => {
  const rig = live();
  const old = rig.link;
  rig.say(old, { type: "expiring", inMs: 30_000 });
  assert.equal(rig.open.size, 1);
  give(rig, "two");
  assert.equal(rig.open.size, 2);
  assert.equal(rig.hello.token, "two");
  rig.welcome();
  assert.ok(!rig.open.has(old));
});

test("[CLI-9] a renewed token that is refused in place is renewed once more", () => {
  const rig = live({ need: "duplex" });
  const unauthenticated = { type: "error", code: "unauthenticated", message: "", retry: "reauthenticate" };
  rig.say(rig.link, { type: "expiring", inMs: 30_000 });
  give(rig, "two");
  rig.say(rig.link, unauthenticated);
  assert.equal(asked(rig), 3);
  give(rig, "three");
  assert.deepEqual(rig.sent(rig.link).at(-1), { type: "auth", token: "three" });
  rig.say(rig.link, unauthenticated);
  assert.equal(rig.connection.state.type, "closed");
});

test("a link that was opened with the older token is told of the newer one when it comes into use", () => {
  const rig = live({ need: "duplex" });
  rig.turn((connection, now) => connection.wake(true, now));
  rig.say(rig.link - 1, { type: "expiring", inMs: 1_000 });
  give(rig, "two");
  assert.equal(rig.hello.token, "one");
  rig.welcome();
  assert.deepEqual(rig.sent(rig.link), [{ type: "auth", token: "two" }]);
});

test("a link that was opened with an older token does not spoil a newer one", () => {
  const rig = live();
  const old = rig.link;
  rig.say(old, { type: "expiring", inMs: 1_000 });
  give(rig, "two");
  const next = rig.link;
  rig.open.delete(old);
  rig.turn((connection, now) => connection.linkLost(old, refusal, now));
  assert.equal(asked(rig), 2);
  rig.accept(next);
  rig.say(next, welcomeMessage());
  assert.equal(rig.connection.state.type, "live");
});
