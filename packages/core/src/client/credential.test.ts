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

/** The server says on a link that its token ends, and the moment comes at which this client does something about it. */
function expiring(rig: Rig, inMs = 30_000, link = rig.link): void {
  rig.say(link, { type: "expiring", inMs });
  beat(rig, inMs / 4, link);
}

/** The tokens that were sent on a link in use. */
function auths(rig: Rig, link = rig.link): unknown[] {
  return rig.sent(link).flatMap((message) => (message.type === "auth" ? [message["token"]] : []));
}

/** Lets time pass on a link that lives. */
function beat(rig: Rig, ms: number, link = rig.link): void {
  for (const until = rig.now + ms; rig.now < until; ) {
    rig.advance(Math.min(1000, until - rig.now));
    rig.say(link, { type: "heartbeat", heads: {} });
  }
}

/** Why it is closed, if it is. */
function closedBy(rig: Rig): string | undefined {
  const { state } = rig.connection;
  return state.type === "closed" ? state.reason.type : undefined;
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

test("[CLI-11] before a cookie ends another link tries whether there is a newer one, once, make before break", () => {
  for (const need of ["duplex", "receive"] as const) {
    const rig = new Rig({ need });
    rig.subscribe("a");
    const first = rig.welcome();
    rig.say(first, { type: "expiring", inMs: 40_000 });
    beat(rig, 9_999, first);
    assert.equal(rig.open.size, 1);
    rig.advance(1);
    assert.equal(rig.open.size, 2);
    const second = rig.welcome();
    assert.deepEqual([...rig.open.keys()], [second]);
    // It is the same cookie.
    beat(rig, 10_000, second);
    rig.say(second, { type: "expiring", inMs: 20_000 });
    beat(rig, 20_000, second);
    assert.deepEqual([...rig.open.keys()], [second]);
    assert.equal(rig.connection.state.type, "live");
  }
});

test("[CLI-9] a cookie that has ended may have been replaced, which is tried once", () => {
  const rig = new Rig();
  rig.subscribe("a");
  rig.welcome();
  const expired = { type: "refused", error: new HoldfastError("token_expired") } as const;
  const expire = () => {
    const { link } = rig;
    rig.open.delete(link);
    rig.turn((connection, now) => connection.linkLost(link, expired, now));
  };
  expire();
  assert.equal(closedBy(rig), undefined);
  rig.reopen();
  rig.welcome();
  expire();
  rig.reopen();
  expire();
  assert.equal(closedBy(rig), "reauthenticate");
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

test("[CLI-11] a token that ends soon is renewed in place on a WebSocket", () => {
  const rig = live({ need: "duplex" });
  rig.say(rig.link, { type: "expiring", inMs: 30_000 }, { type: "expiring", inMs: 29_000 });
  beat(rig, 7_500);
  assert.equal(asked(rig), 2);
  give(rig, "two");
  assert.deepEqual(auths(rig), ["two"]);
  rig.say(rig.link, { type: "expiring", inMs: 28_000 });
  assert.equal(asked(rig), 2, "the newer one is on its way");
  rig.say(rig.link, { type: "renewed" });
  assert.equal(rig.all("open").length, 1);
  rig.lose();
  rig.advance(1_000);
  assert.equal(rig.hello.token, "two");
});

test("[SES-3] on a stream the next one carries the renewed token, and the old one reads on until it has answered", () => {
  const rig = live();
  const old = rig.link;
  expiring(rig);
  assert.equal(rig.open.size, 1);
  give(rig, "two");
  assert.equal(rig.open.size, 2);
  assert.equal(rig.hello.token, "two");
  rig.welcome();
  assert.ok(!rig.open.has(old));
});

const unauthenticated = { type: "error", code: "unauthenticated", message: "no", retry: "reauthenticate" };

/** On the link in use two new tokens were refused, one after the other. */
function refusedTwice(): Rig {
  const rig = live({ need: "duplex" });
  expiring(rig, 120_000);
  for (const token of ["two", "three"]) {
    give(rig, token);
    assert.equal(auths(rig).at(-1), token);
    rig.say(rig.link, unauthenticated);
  }
  return rig;
}

test("[CLI-13] [EXP-4] renewals that are refused end nothing while the link lives by the token before", () => {
  const rig = refusedTwice();
  assert.equal(asked(rig), 3, "not at once");
  assert.deepEqual(
    rig.all("warning").map(({ error }) => error.message),
    ["no"],
  );
  beat(rig, 30_000);
  assert.equal(asked(rig), 4);
  give(rig, "three");
  assert.equal(auths(rig).length, 2, "not sent again");
  assert.equal(rig.connection.state.type, "live");
  beat(rig, 30_000);
  give(rig, "four");
  rig.say(rig.link, { type: "renewed" });
  assert.deepEqual([rig.connection.state.type, rig.all("open").length], ["live", 1]);
});

test("[CLI-13] a new sign-in is heard at once, also while the client waits to ask again", () => {
  const rig = refusedTwice();
  const before = asked(rig);
  rig.turn((connection, now) => connection.reauthenticate(now));
  assert.equal(asked(rig), before + 1);
  give(rig, "four");
  assert.equal(auths(rig).at(-1), "four");
});

test("[CLI-13] without a link in use the next token that is refused closes", () => {
  const rig = refusedTwice();
  refuse(rig);
  assert.equal(closedBy(rig), undefined);
  rig.advance(60_000);
  give(rig, "four");
  refuse(rig);
  assert.equal(closedBy(rig), "reauthenticate");
});

test("[CLI-13] [CLI-9] the same token again closes, by the outcome by which it was refused", () => {
  const rig = live();
  const { link } = rig;
  const error = new HoldfastError("token_revoked");
  rig.open.delete(link);
  rig.turn((connection, now) => connection.linkLost(link, { type: "refused", error }, now));
  give(rig, "one");
  const { state } = rig.connection;
  assert.ok(state.type === "closed" && state.reason.type === "reauthenticate");
  assert.equal(state.reason.error.code, "token_revoked");
});

test("[CLI-11] the end that the server told is renewed before, on every transport, whoever says so", () => {
  for (const transport of ["websocket", "sse", "long-poll", "poll"] as const) {
    for (const [lifeMs, noticeMs] of [
      [600_000, 30_000],
      [20_000, 5_000],
    ] as const) {
      const rig = new Rig({ anonymous: false, transports: [transport], toleranceMs: 500 });
      const endsAt = lifeMs;
      rig.subscribe("a");
      give(rig, "one");
      const answer = () => {
        rig.expiresInMs = endsAt - rig.now;
        if (transport === "poll" || transport === "long-poll") {
          const subscribed = { type: "subscribed", channel: "a", cursor: "k-0", head: "k-0" };
          rig.answer(rig.link, false, rig.welcomed, subscribed);
        } else if (rig.now === 0) rig.welcome();
        else rig.say(rig.link, { type: "heartbeat", heads: {} });
      };
      answer();
      const renewsAt = endsAt - noticeMs * 0.75;
      while (rig.now < renewsAt - 1000) {
        assert.equal(asked(rig), 1, `${transport} at ${rig.now}`);
        rig.advance(1000);
        if (rig.open.size > 0) answer();
      }
      rig.advance(1001);
      assert.equal(asked(rig), 2, transport);
      give(rig, "two");
      if (rig.open.size > 0 && transport !== "websocket" && transport !== "sse") answer();
      rig.advance(1000);
      const token = transport === "websocket" ? rig.sent(rig.link).at(-1)?.["token"] : rig.hello.token;
      assert.equal(token, "two", transport);
    }
  }
});

test("[CLI-11] an application that gives the same token again is asked a few times more, and at its end", () => {
  const rig = new Rig({ anonymous: false, need: "duplex" });
  rig.expiresInMs = 120_000;
  rig.subscribe("a");
  give(rig, "one");
  const link = rig.welcome();
  for (let second = 0; second < 120; second++) {
    const before = asked(rig);
    rig.advance(1000);
    rig.say(link, { type: "heartbeat", heads: {} });
    if (asked(rig) > before) give(rig, "one");
  }
  assert.ok(asked(rig) > 2 && asked(rig) < 10, `asked ${asked(rig)} times`);
  assert.deepEqual(auths(rig, link), []);
  rig.open.delete(link);
  rig.turn((connection, now) => connection.linkLost(link, refusal, now));
  give(rig, "fresh");
  rig.welcome();
  assert.equal(rig.hello.token, "fresh");
});

test("[CLI-12] a machine that slept past its token's end asks for another before it connects", () => {
  for (const need of ["duplex", "receive"] as const) {
    const rig = new Rig({ anonymous: false, need });
    rig.expiresInMs = 600_000;
    rig.subscribe("a");
    give(rig, "one");
    const old = rig.welcome();
    rig.sleep(3_600_000);
    assert.deepEqual([asked(rig), [...rig.open.keys()]], [2, [old]], "what is open is only looked after");
    rig.lose(old);
    rig.advance(5_000);
    assert.equal(rig.open.size, 0);
    give(rig, "two");
    assert.equal(rig.hello.token, "two");
  }
});

test("[CLI-12] a token that the application insists on although it should have ended is for the server to judge", () => {
  const rig = new Rig({ anonymous: false });
  rig.expiresInMs = 10_000;
  rig.subscribe("a");
  give(rig, "one");
  rig.welcome();
  rig.lose();
  rig.sleep(3_600_000);
  give(rig, "one");
  assert.equal(rig.hello.token, "one");
  refuse(rig);
  give(rig, "one");
  assert.equal(rig.connection.state.type, "closed");
});

test("[CLI-11] those whose tokens were given together do not ask for new ones together", () => {
  const asksAt = [0, 0.3, 0.6, 0.999].map((chance) => {
    const rig = new Rig({ anonymous: false, need: "duplex", random: () => chance });
    rig.subscribe("a");
    give(rig, "one");
    rig.expiresInMs = 100_000;
    const link = rig.welcome();
    beat(rig, 75_000, link);
    rig.say(link, { type: "expiring", inMs: 25_000 });
    beat(rig, 13_000, link);
    return Math.round((rig.all("token")[1]?.now ?? 0) / 1000);
  });
  assert.deepEqual(asksAt, [75, 79, 83, 87]);
});

test("[CLI-11] nobody is asked for a token that nobody needs", () => {
  const rig = new Rig({ anonymous: false });
  rig.expiresInMs = 60_000;
  rig.subscribe("a");
  give(rig, "one");
  rig.welcome();
  rig.turn((connection, now) => connection.unsubscribe("a", now));
  rig.advance(3_600_000);
  assert.equal(asked(rig), 1);
  rig.subscribe("a");
  assert.equal(asked(rig), 2);
  assert.equal(rig.open.size, 0);
});

test("[EXP-4] a link that cannot have another user is replaced by one that can, make before break", () => {
  const rig = live({ need: "duplex" });
  const old = rig.link;
  rig.turn((connection, now) => connection.reauthenticate(now));
  give(rig, "another");
  const forbidden = { type: "error", code: "forbidden", message: "another user's", retry: "never" };
  rig.say(old, forbidden);
  assert.equal(rig.open.size, 2);
  assert.equal(rig.hello.token, "another");
  rig.say(old, { type: "heartbeat", heads: {} });
  assert.equal(auths(rig, old).length, 1, "not asked again");
  // What replaces it fails for once.
  rig.lose();
  assert.deepEqual([...rig.open.keys()], [old]);
  rig.advance(1_000);
  rig.welcome();
  assert.ok(!rig.open.has(old));
  assert.equal(rig.connection.state.type, "live");
});

test("[EXP-6] a token that could not be looked at is sent again when the server said", () => {
  const rig = live({ need: "duplex" });
  expiring(rig, 60_000);
  give(rig, "two");
  const limited = { type: "error", code: "rate_limited", message: "", retry: "retry", retryAfterMs: 4000 };
  rig.say(rig.link, limited);
  rig.advance(3_999);
  assert.deepEqual(auths(rig), ["two"]);
  rig.advance(1);
  assert.deepEqual(auths(rig), ["two", "two"]);
  assert.equal(asked(rig), 2);
});

test("[EXP-4] one token is on its way at a time, and a newer one follows when that is answered", () => {
  const rig = live({ need: "duplex" });
  for (const token of ["two", "three"]) {
    rig.turn((connection, now) => connection.reauthenticate(now));
    give(rig, token);
  }
  assert.deepEqual(auths(rig), ["two"]);
  rig.say(rig.link, { type: "renewed" });
  assert.equal(auths(rig).at(-1), "three");
});

test("[CLI-9] who signs in anew goes on with a client that was closed for want of a token", () => {
  const rig = live();
  refuse(rig);
  give(rig, "one");
  assert.equal(closedBy(rig), "reauthenticate");
  rig.turn((connection, now) => connection.reauthenticate(now));
  assert.equal(closedBy(rig), undefined);
  const before = asked(rig);
  rig.subscribe("b", { start: { after: { epoch: "k", offset: 4 } } });
  assert.equal(asked(rig), before + 1);
  give(rig, "two");
  rig.welcome();
  assert.equal(rig.hello.subscriptions[0]?.after, "k-4");
  rig.turn((connection, now) => connection.close(now));
  assert.throws(() => rig.turn((connection, now) => connection.reauthenticate(now)), { name: "ClosedError" });
});

test("[CLI-10] an application that could give no token for want of a network is asked again as it comes back", () => {
  const rig = new Rig({ anonymous: false, random: () => 0.99 });
  rig.subscribe("a");
  for (let i = 0; i < 5; i++) {
    rig.turn((connection, now) => connection.tokenFailed(now));
    rig.advance(i < 4 ? 30_000 : 100);
  }
  const before = asked(rig);
  rig.turn((connection, now) => connection.online(now));
  rig.advance(1);
  assert.equal(asked(rig), before + 1);
  const { state } = rig.connection;
  assert.ok(state.type === "connecting" && state.failures >= 5);
});

test("a link that was opened with the older token is told of the newer one when it comes into use", () => {
  const rig = live({ need: "duplex" });
  const old = rig.link;
  rig.say(old, { type: "expiring", inMs: 1_000 });
  rig.turn((connection, now) => connection.wake(true, now));
  rig.advance(250);
  give(rig, "two");
  assert.equal(rig.hello.token, "one");
  rig.welcome();
  assert.deepEqual(auths(rig), ["two"]);
});

test("a link that was opened with an older token does not spoil a newer one", () => {
  const rig = live();
  const old = rig.link;
  expiring(rig, 1_000);
  give(rig, "two");
  const next = rig.link;
  rig.open.delete(old);
  rig.turn((connection, now) => connection.linkLost(old, refusal, now));
  assert.equal(asked(rig), 2);
  rig.accept(next);
  rig.say(next, welcomeMessage());
  assert.equal(rig.connection.state.type, "live");
});
