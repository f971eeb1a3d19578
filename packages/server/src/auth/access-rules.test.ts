import assert from "node:assert/strict";
import { test } from "node:test";
import { type Action, actions, everyChannel } from "@holdfast/core/server";
import { call, post, startNode } from "../rig.test.ts";
import { type AccessOptions, readAccess, ruleAllows } from "./access-rules.ts";
import { mint, secret } from "./rig.test.ts";

function allowed(access: AccessOptions, namespace: string, user: string | undefined, channel: string) {
  const rules = readAccess(namespace, access, (path, message) => assert.fail(`${path} ${message}`));
  const principal = user === undefined ? {} : { user };
  return actions.filter((action) => ruleAllows(new Map([[namespace, rules]]), principal, action, channel));
}

for (const [access, user, channel, wanted] of [
  ["public", undefined, "chat:a", ["read"]],
  ["public", undefined, "chats:a", []],
  ["public", undefined, "chat", []],
  ["authenticated", undefined, "chat:a", []],
  ["authenticated", "ada", "chat:a", ["read"]],
  [{ owner: "chat:{id}" }, "ada", "chat:ada", ["read"]],
  [{ owner: "chat:{id}" }, "ada", "chat:bob", []],
  [{ owner: "chat:{id}" }, undefined, "chat:undefined", []],
  [{ owner: "chat:{id}:**" }, "ada", "chat:ada:drafts", ["read"]],
  [{ owner: "chat:{id}" }, "*", "chat:ada", []],
  [{ read: "public", publish: "authenticated" }, undefined, "chat:a", ["read"]],
  [{ read: "public", publish: "authenticated" }, "ada", "chat:a", ["read", "publish"]],
  [{ publish: { owner: "chat:{id}" }, signal: "public" }, "ada", "chat:ada", ["publish", "signal"]],
  [{}, "ada", "chat:a", []],
] as const) {
  test(`[AUTH-10] by ${JSON.stringify(access)} ${user ?? "nobody"} may ${wanted.join(", ") || "nothing"} on ${channel}`, () => {
    assert.deepEqual(allowed(access, "chat", user, channel), wanted);
  });
}

test("[AUTH-16] no rule is about the whole server", () => {
  for (const access of [{ admin: "public" }, { admin: "authenticated" }] as const) {
    assert.deepEqual(allowed(access, "", "ada", "root"), ["admin"]);
    assert.deepEqual(allowed(access, "", "ada", everyChannel), []);
  }
});

test("[AUTH-10] a rule that is none is refused with a sentence", () => {
  const rule = 'must be "public", "authenticated" or {"owner":"user:{id}"}';
  for (const [value, mistake] of [
    ["open", ` ${rule}`],
    [null, ` ${rule}`],
    [{ read: "all" }, `.read ${rule}`],
    [
      { write: "public" },
      ` ${rule}, or an object of these by action: read, publish, presence, signal, admin`,
    ],
    [{ owner: "chat:a" }, ".owner must be a pattern of this namespace's channels with {id} in it, once"],
    [{ owner: "user:{id}" }, ".owner must be a pattern of this namespace's channels with {id} in it, once"],
    [
      { owner: "chat:{id}:{id}" },
      ".owner must be a pattern of this namespace's channels with {id} in it, once",
    ],
    [{ owner: "chat:{id}", by: 1 }, ` ${rule}`],
  ] as const) {
    const mistakes: string[] = [];
    readAccess("chat", value, (path, message) => mistakes.push(`${path} ${message}`));
    assert.deepEqual(mistakes, [mistake]);
  }
});

test("[AUTH-10] [AUTH-13] rules, grants and the application add up, and one namespace says nothing of another", async (t) => {
  const asked: [Action, string][] = [];
  const { url } = await startNode(t, {
    auth: { tokens: { keys: [{ secret }], audience: [] }, anonymous: ["read lobby"] },
    authorize: (_, action, channel) => {
      asked.push([action, channel]);
      return channel === "asked";
    },
    namespaces: {
      "": { access: { signal: "authenticated" } },
      news: { access: "public" },
      user: { access: { read: { owner: "user:{id}" }, publish: { owner: "user:{id}" } } },
    },
  });
  const ada = { Authorization: `Bearer ${await mint({ holdfast: { grants: ["read granted"] } })}` };
  const status = async (channel: string, headers: Record<string, string> = {}) =>
    (await call(`${url}/channels/${channel}`, { headers })).status;
  for (const channel of ["news:1", "lobby"]) {
    assert.deepEqual([await status(channel), await status(channel, ada)], [200, 200], channel);
  }
  for (const channel of ["user:ada", "granted"]) {
    assert.deepEqual([await status(channel), await status(channel, ada)], [403, 200], channel);
  }
  assert.deepEqual([await status("user:bob", ada), await status("other", ada)], [403, 403]);
  assert.equal((await post(`${url}/channels/user:ada`, "1", ada)).status, 201);
  assert.equal((await post(`${url}/channels/news:1`, "1", ada)).status, 403);
  assert.equal((await post(`${url}/channels/root/signals`, '{"data":1}', ada)).status, 202);
  assert.equal((await post(`${url}/channels/chat:1/signals`, '{"data":1}', ada)).status, 403);
  assert.equal(await status("asked"), 200);
  assert.ok(!asked.some(([, channel]) => ["news:1", "lobby"].includes(channel) && channel === "lobby"));
});
