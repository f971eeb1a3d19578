import assert from "node:assert/strict";
import { test } from "node:test";
import type { Principal } from "@holdfast/core/server";
import { createApiKey } from "../index.ts";
import { call, post, SocketClient, startNode } from "../rig.test.ts";
import {
  ada,
  as,
  believing,
  changePermissions,
  hello,
  newBroker,
  revoke,
  root,
  startNodes,
} from "./people.test.ts";
import { mint, secret } from "./rig.test.ts";

const targets: readonly [revoked: Record<string, string>, others: readonly Principal[]][] = [
  [
    { user: "ada" },
    [
      { user: "ada", issuedAt: 4e12 },
      { user: "bob", issuedAt: 1000 },
    ],
  ],
  [{ token: "t1" }, [{ ...ada, tokenId: "t2" }, { user: "ada" }]],
  [
    { session: "s1" },
    [
      { ...ada, session: "s2" },
      { ...ada, issuedAt: 4e12 },
    ],
  ],
];
for (const [target, others] of targets) {
  test(`[REV-2] [REV-3] ${JSON.stringify(target)} is refused everywhere, also by nodes that start later`, async (t) => {
    const broker = newBroker();
    const [first, second = first] = await startNodes(t, 2, believing, broker);
    const renewed = await SocketClient.open(t, `${second.url}/connect`);
    renewed.say(hello({ user: ada.user as string, issuedAt: 4e12 }, "a"));
    await renewed.message(1);
    await revoke(first, target);
    const later = await startNode(t, { ...believing, broker });
    for (const { url } of [first, second, later]) {
      for (const [path, init] of [
        ["/channels/a", {}],
        ["/channels/a?wait=5", {}],
        ["/channels/a", { headers: { Accept: "text/event-stream" } }],
        ["/events?channel=a", { headers: { Accept: "text/event-stream" } }],
        ["/channels/a", { method: "POST", body: "1", headers: { "Content-Type": "application/json" } }],
        ["/channels/a/state", {}],
        ["/channels/a/presence", {}],
        ["/tickets", { method: "POST" }],
      ] as const) {
        const headers = { ...("headers" in init ? init.headers : {}), ...as(ada) };
        const { status, json } = await call(`${url}${path}`, { ...init, headers });
        assert.deepEqual([status, json.code, json.retry], [401, "token_revoked", "reauthenticate"], path);
      }
      for (const accept of ["application/json", "text/event-stream"]) {
        const { json } = await post(`${url}/connect`, JSON.stringify(hello(ada, "a")), { Accept: accept });
        assert.equal(json.code, "token_revoked");
      }
      for (const path of ["/connect", "/channels/a"]) {
        const refusal = await SocketClient.refused(`${url}${path}`, { headers: as(ada) });
        assert.deepEqual(refusal, { status: 401, code: "token_revoked" });
      }
      const socket = await SocketClient.open(t, `${url}/connect`);
      socket.say(hello(ada, "a"));
      assert.deepEqual(await socket.closes(), { code: 4401, reason: "token_revoked" });
      for (const other of others) {
        assert.equal((await call(`${url}/channels/a`, { headers: as(other) })).status, 200);
      }
    }
    if ("user" in target) {
      renewed.say({ type: "auth", token: JSON.stringify(ada) });
      const answer = await renewed.message(2);
      assert.deepEqual([answer.type, answer.code], ["error", "token_revoked"]);
    }
    const { json } = await call(`${first.url}/channels/a`, { headers: root });
    assert.deepEqual(json.events, []);
  });
}

test("[REV-9] [REV-8] the token of a connection that is closed by its id is refused for no longer than the connection", async (t) => {
  const rig = await startNode(t, believing);
  const client = await SocketClient.open(t, `${rig.url}/connect`);
  client.say(hello(ada, "a"));
  const { session } = await client.message(0);
  const last = Date.now() + 3_600_000;
  await revoke(rig, { session, until: last });
  await client.closes();
  const known = async () => (await call(`${rig.url}/revocations`, { headers: root })).json.revocations;
  while ((await known()).length < 2);
  const [closed, token] = await known();
  assert.deepEqual([closed.until, token.token, token.until], [last, "t1", last]);
});

test("[REV-9] a connection is closed by its id, and its token does not come back; one without an id does", async (t) => {
  const [first, second = first] = await startNodes(t, 2);
  const named = await SocketClient.open(t, `${second.url}/connect`);
  named.say(hello(ada, "a"));
  const twin = await SocketClient.open(t, `${second.url}/connect`);
  twin.say(hello({ ...ada, tokenId: "t2" }, "a"));
  const unnamed = await SocketClient.open(t, `${second.url}/connect`);
  unnamed.say(hello({ user: "bob" }, "a"));
  await twin.message(1);
  for (const client of [named, unnamed]) {
    const { session } = await client.message(0);
    assert.equal((await revoke(first, { session })).status, 201);
    assert.deepEqual(await client.closes(), { code: 4401, reason: "token_revoked" });
  }
  const statusOf = async (principal: Principal) =>
    (await call(`${first.url}/channels/a`, { headers: as(principal) })).status;
  let status = 200;
  while (status === 200) status = await statusOf(ada);
  assert.deepEqual([status, await statusOf({ user: "bob" })], [401, 200]);
  assert.equal(twin.closed, undefined);
});

test("[REV-2] [REV-8] [AUTH-16] JWTs are revoked by their claims, and an API key may do that and nothing else", async (t) => {
  const { key, entry } = createApiKey({ id: "admin", grants: ["admin holdfast.control:revocations"] });
  const rig = await startNode(t, {
    auth: { tokens: { keys: [{ secret }], audience: [] }, keys: [entry] },
  });
  const grants = { holdfast: { grants: ["read,admin *", "admin *:*"] } };
  const iat = Math.floor(Date.now() / 1000);
  const tokens = {
    ada: await mint({ sub: "ada", ...grants }),
    "ada later": await mint({ sub: "ada", ...grants, iat: iat + 2 }),
    jti: await mint({ sub: "bob", jti: "j1", ...grants }),
    "other jti": await mint({ sub: "bob", jti: "j2", ...grants }),
    sid: await mint({ sub: "eve", sid: "s1", ...grants }),
    "other sid": await mint({ sub: "eve", sid: "s2", ...grants }),
  };
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
  for (const token of Object.values(tokens)) {
    assert.equal((await revoke(rig, { user: "ada" }, bearer(token))).status, 403);
  }
  for (const target of [{ user: "ada" }, { token: "j1" }, { session: "s1" }]) {
    assert.equal((await revoke(rig, target, bearer(key))).status, 201);
  }
  assert.equal((await post(`${rig.url}/permissions/changed`, '{"user":"ada"}', bearer(key))).status, 403);
  const codes = await Promise.all(
    Object.entries(tokens).map(async ([name, token]) => {
      const { status, json } = await call(`${rig.url}/channels/a`, { headers: bearer(token) });
      return [name, status === 200 ? "in" : json.code];
    }),
  );
  assert.deepEqual(codes, [
    ["ada", "token_revoked"],
    ["ada later", "in"],
    ["jti", "token_revoked"],
    ["other jti", "in"],
    ["sid", "token_revoked"],
    ["other sid", "in"],
  ]);
});

test("[REV-8] administrators revoke, and see what is revoked a page at a time; each act is on record", async (t) => {
  const [first, second = first] = await startNodes(t, 2);
  for (const headers of [as({ user: "bob" }), {}]) {
    const status = "Authorization" in headers ? 403 : 401;
    assert.equal((await post(`${first.url}/revocations`, '{"user":"ada"}', headers)).status, status);
    assert.equal((await call(`${first.url}/revocations`, { headers })).status, status);
    assert.equal((await post(`${first.url}/permissions/changed`, '{"user":"ada"}', headers)).status, status);
  }
  const until_ = Date.now() + 60_000;
  const { json } = await revoke(first, { token: "t1", until: until_ });
  assert.deepEqual([json.token, json.until, typeof json.at], ["t1", until_, "number"]);
  await revoke(first, { user: "ada" });
  await revoke(second, { session: "s1" });
  await changePermissions(first, "ada");
  const page = await call(`${second.url}/revocations?limit=2`, { headers: root });
  assert.deepEqual(
    [page.json.revocations[0], page.json.revocations[1].user, page.json.more],
    [json, "ada", true],
  );
  const next = await call(`${first.url}/revocations?after=${page.json.cursor}`, { headers: root });
  assert.deepEqual(
    [next.json.revocations.length, next.json.revocations[0].session, next.json.more],
    [1, "s1", false],
  );
  const acts = first.log.filter(({ audit }) => audit === true);
  assert.deepEqual(
    acts.map(({ act, by, outcome, token, user }) => [act, by, outcome, token, user]),
    [
      ["revoke", "bob", "forbidden", undefined, undefined],
      ["permissions.changed", "bob", "forbidden", undefined, undefined],
      ["revoke", "root", "done", "t1", undefined],
      ["revoke", "root", "done", undefined, "ada"],
      ["permissions.changed", "root", "done", undefined, "ada"],
    ],
  );
});

test("[REV-8] what an administrator sends takes nobody else's place on the record", async (t) => {
  const rig = await startNode(t, believing);
  await revoke(rig, { user: "ada", by: "eve", act: "nothing" });
  await revoke(rig, { by: "eve" });
  await post(`${rig.url}/permissions/changed`, '{"user":{"by":"eve"}}', root);
  const acts = rig.log.filter(({ audit }) => audit === true);
  assert.deepEqual(
    acts.map(({ act, by, outcome, user }) => [act, by, outcome, user]),
    [
      ["revoke", "root", "bad_message", undefined],
      ["revoke", "root", "bad_message", undefined],
      ["permissions.changed", "root", "bad_message", undefined],
    ],
  );
});

test("[REV-8] [BND-2] what cannot be revoked is refused with a sentence, and so is more than is remembered", async (t) => {
  const rig = await startNode(t, { ...believing, limits: { revocationsMax: 2 } });
  for (const body of [
    {},
    { user: "" },
    { user: 1 },
    { user: "ada", token: "t1" },
    { user: "x".repeat(257) },
    { name: "ada" },
    [],
  ]) {
    const { status, json } = await revoke(rig, body);
    assert.deepEqual([status, json.code], [400, "bad_message"], JSON.stringify(body));
  }
  for (const until of [0, "tomorrow", Date.now() + 1e9]) {
    assert.equal((await revoke(rig, { user: "ada", until })).json.code, "bad_parameter");
  }
  await revoke(rig, { user: "ada" });
  await revoke(rig, { user: "ada" });
  const { status, json } = await revoke(rig, { user: "bob" });
  assert.deepEqual([status, json.code], [503, "overloaded"]);
  assert.match(json.detail, /revocationsMax/);
  const open = await startNode(t, { open: true });
  for (const path of ["/revocations", "/permissions/changed", "/tickets"]) {
    assert.equal((await post(`${open.url}${path}`, '{"user":"ada"}')).json.code, "unsupported");
  }
  await assert.rejects(open.holdfast.revoke({ user: "ada" }), { code: "unsupported" });
});
