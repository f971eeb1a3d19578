import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import type { LogEntry } from "../log.ts";
import { call, forgotten, SocketClient, startNode, until } from "../rig.test.ts";
import { Answers } from "./answers.ts";
import { Breaker } from "./breaker.ts";
import { serve } from "./rig.test.ts";
import { Slots } from "./slots.ts";
import { Webhook } from "./webhook.ts";

/** What the application says to a question; undefined leaves it unanswered. */
type Say = (question: unknown, path: string) => { status?: number; body?: unknown } | undefined;

async function world(t: TestContext, say: Say, settings = {}) {
  const asked: unknown[] = [];
  const log: LogEntry[] = [];
  const state = { now: 0, say };
  const url = await serve(t, (request: IncomingMessage, response: ServerResponse) => {
    void json(request).then((question) => {
      asked.push(question);
      const answer = state.say(question, request.url ?? "");
      if (answer !== undefined)
        response.writeHead(answer.status ?? 200).end(JSON.stringify(answer.body ?? {}));
    });
  });
  const webhook = new Webhook(
    {
      authenticate: `${url}/authenticate`,
      authorize: `${url}/authorize`,
      headers: { "X-Secret": "s" },
      deadlineMs: 5000,
      cacheMs: 1000,
      cacheEntriesMax: 3,
      failuresMax: 2,
      pauseMs: 500,
      callsMax: 4,
      ...settings,
    },
    () => state.now,
    (entry) => log.push(entry),
  );
  return { webhook, asked, log, state, url };
}

test("[AUTH-11] the application is asked once for those who ask together, and remembers for a while", async (t) => {
  const { webhook, asked, state } = await world(t, () => ({ body: { user: "ada", grants: ["read a"] } }));
  const wanted = { user: "ada", grants: [{ actions: ["read"], channels: ["a"] }] };
  const all = await Promise.all([webhook.principalOf("t"), webhook.principalOf("t")]);
  assert.deepEqual(all, [wanted, wanted]);
  state.now = 999;
  await webhook.principalOf("t");
  assert.deepEqual(asked, [{ token: "t" }]);
  state.now = 1000;
  await webhook.principalOf("t");
  assert.equal(asked.length, 2);
});

test("[AUTH-11] a refusal is remembered as well, and is not a failure", async (t) => {
  const { webhook, asked } = await world(t, () => ({ status: 401 }));
  for (let twice = 0; twice < 2; twice++) assert.equal(await webhook.principalOf("t"), null);
  for (const token of ["u", "v", "w"]) assert.equal(await webhook.principalOf(token), null);
  assert.equal(asked.length, 4);
});

test("[AUTH-11] permissions are asked for by principal, action and channel", async (t) => {
  const { webhook, asked, state } = await world(t, (question) => ({
    body: { allowed: (question as { channel: string }).channel === "a" },
  }));
  const ada = { user: "ada", tokenId: "1", session: "s", expiresAt: 7, grants: [] };
  assert.equal(await webhook.allows(ada, "read", "a"), true);
  assert.equal(await webhook.allows(ada, "read", "b"), false);
  assert.equal(await webhook.allows(ada, "read", "a"), true);
  assert.deepEqual(asked, [
    { principal: { user: "ada", tokenId: "1", session: "s" }, action: "read", channel: "a" },
    { principal: { user: "ada", tokenId: "1", session: "s" }, action: "read", channel: "b" },
  ]);
  // What has changed for a user is asked anew at once.
  state.say = () => ({ body: { allowed: false } });
  webhook.forget("bob");
  assert.equal(await webhook.allows(ada, "read", "a"), true);
  webhook.forget("ada");
  assert.equal(await webhook.allows(ada, "read", "a"), false);
});

test("[AUTH-11] [AUTH-14] an application that fails is left alone for a while, then tried with one question", async (t) => {
  const { webhook, asked, log, state } = await world(t, () => ({ status: 500 }));
  const refused = { code: "auth_unavailable", retry: "retry", status: 503 };
  await assert.rejects(webhook.principalOf("a"), refused);
  assert.equal(log.length, 0);
  await assert.rejects(webhook.principalOf("b"), refused);
  await assert.rejects(webhook.principalOf("c"), { ...refused, retryAfterMs: 500 });
  assert.equal(asked.length, 2);
  assert.deepEqual(
    log.map(({ message, webhook: name }) => [message, name]),
    [["The webhook fails; it is left alone for a while.", "authenticate"]],
  );
  // The other question is another matter.
  await assert.rejects(webhook.allows({}, "read", "a"), refused);
  assert.equal(asked.length, 3);
  state.now = 500;
  await assert.rejects(webhook.principalOf("a"), refused);
  await assert.rejects(webhook.principalOf("a"), refused);
  assert.equal(asked.length, 4, "one that fails again is enough");
  state.now = 1000;
  state.say = () => ({ body: { user: "ada" } });
  assert.equal((await webhook.principalOf("a"))?.user, "ada");
  assert.equal((await webhook.principalOf("b"))?.user, "ada");
  assert.equal(log.at(-1)?.message, "The webhook answers again.");
});

for (const [what, answer] of [
  ["nothing in time", undefined],
  ["no JSON", { body: undefined, status: 204 }],
  ["a user that is none", { body: { user: "" } }],
  ["a member that is unknown", { body: { usr: "ada" } }],
  ["grants that are none", { body: { grants: ["read"] } }],
  ["too much", { body: { user: "x".repeat(70_000) } }],
] as const) {
  test(`[AUTH-14] an application that answers with ${what} lets nobody in`, async (t) => {
    const { webhook } = await world(t, () => answer, { deadlineMs: 100 });
    await assert.rejects(webhook.principalOf("t"), { code: "auth_unavailable" });
  });
}

test("[AUTH-11] answers that cannot be read shut nobody else out", async (t) => {
  const { webhook, log } = await world(t, (question) => {
    const { token } = question as { token: string };
    return token === "good" ? { body: { user: "ada" } } : { status: 400 };
  });
  for (const token of ["a", "b", "c", "d"]) {
    await assert.rejects(webhook.principalOf(token), { code: "auth_unavailable" });
  }
  assert.equal((await webhook.principalOf("good"))?.user, "ada");
  assert.deepEqual(
    log.map(({ message }) => message),
    ["The webhook's answer cannot be read."],
  );
});

test("[AUTH-11] as many answers are kept as are configured, and none that was asked for before it changed", async () => {
  let now = 0;
  const answers = new Answers<number>({ cacheMs: 10, cacheEntriesMax: 2 }, () => now);
  const give = (value: number) => async () => ({ value, user: "ada" });
  for (const key of ["a", "b", "c"]) await answers.of(key, give(1));
  assert.equal(answers.size, 2);
  assert.equal(await answers.of("a", give(2)), 2, "the oldest has gone");
  now = 10;
  await answers.of("d", give(1));
  assert.equal(answers.size, 1, "what is too old goes as well");
  let answer = (_: { value: number; user: string }) => {};
  const slow = answers.of("e", () => new Promise((resolve) => (answer = resolve)));
  answers.forget("ada");
  answer({ value: 1, user: "ada" });
  assert.equal(await slow, 1);
  assert.equal(await answers.of("e", give(3)), 3);
});

test("[AUTH-11] a circuit opens after failures in a row alone", () => {
  const breaker = new Breaker({ failuresMax: 2, pauseMs: 10 }, () => 0);
  assert.deepEqual([breaker.failed(), breaker.succeeded(), breaker.failed()], [false, false, false]);
  assert.equal(breaker.admit(), 0);
  assert.equal(breaker.failed(), true);
  assert.equal(breaker.admit(), 10);
});

test("[AUTH-11] so many calls are made at once, and the others wait for their turn", async () => {
  const slots = new Slots(1);
  const leave = await slots.enter(1000);
  const order: string[] = [];
  const second = slots.enter(60_000).then((next) => {
    order.push("second");
    return next;
  });
  assert.equal(await slots.enter(1), undefined);
  leave?.();
  (await second)?.();
  assert.deepEqual(order, ["second"]);
  (await slots.enter(1))?.();
});

test("[AUTH-11] [AUTH-14] a node asks the application, and tells an outage from a refusal", async (t) => {
  const { state, url: hook } = await world(t, (question, path) => {
    if (path === "/authorize")
      return { body: { allowed: (question as { channel: string }).channel === "a" } };
    return (question as { token: string }).token === "good" ? { body: { user: "ada" } } : { status: 401 };
  });
  const { url } = await startNode(t, {
    auth: {
      webhook: { authenticate: `${hook}/authenticate`, authorize: `${hook}/authorize`, cacheMs: 0 },
    },
  });
  const get = async (channel: string, token?: string) =>
    await call(`${url}/channels/${channel}`, {
      headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
    });
  assert.equal((await get("a", "good")).status, 200);
  assert.equal((await get("b", "good")).json.code, "forbidden");
  assert.equal((await get("a", "bad")).json.code, "unauthenticated");
  assert.equal((await get("a")).json.code, "unauthenticated");
  state.say = () => ({ status: 503 });
  const { status, json: problem, headers } = await get("a", "good");
  assert.deepEqual([status, problem.code, problem.retry], [503, "auth_unavailable", "retry"]);
  assert.ok(Number(headers.get("retry-after")) >= 1);
});

for (const name of ["authenticate", "authorize"] as const) {
  test(`[AUTH-14] an application whose ${name} does not answer holds nobody for ever, on any way in`, async (t) => {
    const hang = () => new Promise<never>(() => {});
    const { holdfast, url, log } = await startNode(t, {
      authenticate: () => ({ user: "ada" }),
      authorize: () => true,
      [name]: hang,
      limits: { authTimeoutMs: 30 },
    });
    const late = async (path: string, init: RequestInit = {}) => {
      const { status, json: problem } = await call(`${url}${path}`, init);
      assert.deepEqual(
        [status, problem.code, problem.limit],
        [503, "auth_unavailable", "authTimeoutMs"],
        path,
      );
    };
    // An EventSource gives up at a status: it is told to come back.
    const lateStream = async (path: string) => {
      const { status, text } = await call(`${url}${path}`, { headers: { Accept: "text/event-stream" } });
      assert.equal(status, 200);
      assert.match(text, /^event: reconnect\ndata: .*"auth_unavailable"/m);
    };
    const publish = { method: "POST", body: "x", headers: { "Content-Type": "text/plain" } };
    await Promise.all([
      late("/channels/a"),
      lateStream("/channels/a"),
      lateStream("/events?channel=a"),
      late("/channels/a", publish),
      late("/channels/a/close", { method: "POST" }),
    ]);
    const refused = { status: 503, code: "auth_unavailable" };
    assert.deepEqual(await SocketClient.refused(`${url}/channels/a`), refused);
    const hello = { type: "hello", token: "t", subscriptions: [{ channel: "a" }] };
    const session = await SocketClient.open(t, `${url}/connect`);
    session.say(hello);
    if (name === "authenticate") {
      const { code, reason } = await session.closes();
      assert.equal(code, 1013);
      assert.match(reason, /^auth_unavailable/);
      const headers = { Authorization: "Bearer t" };
      assert.deepEqual(await SocketClient.refused(`${url}/connect`, { headers }), refused);
      await late("/connect", {
        method: "POST",
        body: JSON.stringify(hello),
        headers: { "Content-Type": "application/json" },
      });
    } else {
      // One channel that cannot be decided on disturbs nothing else.
      const answer = await session.message(1);
      assert.deepEqual([answer.code, answer.channel], ["auth_unavailable", "a"]);
      session.socket.terminate();
    }
    await until(() => log.some(({ message }) => message === `"${name}" did not answer in time.`));
    await forgotten(holdfast);
  });
}
