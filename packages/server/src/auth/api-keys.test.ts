import assert from "node:assert/strict";
import { test } from "node:test";
import { call, post, startNode } from "../rig.test.ts";
import { ApiKeys, createApiKey, readApiKeys } from "./api-keys.ts";

function keysOf(...keys: Parameters<typeof readApiKeys>[0]): { keys: ApiKeys; mistakes: string[] } {
  const mistakes: string[] = [];
  const known = readApiKeys(keys, (path, message) => mistakes.push(`${path} ${message}`));
  return { keys: new ApiKeys(known), mistakes };
}

test("[AUTH-9] a key is known by its hash, and stands for its grants", () => {
  const { key, hash } = createApiKey("orders");
  assert.match(key, /^hfk_orders_[\w-]{43}$/);
  assert.ok(!hash.includes(key.slice(-43)));
  const { keys, mistakes } = keysOf({ id: "orders", hash, user: "shop", grants: ["publish orders:*"] });
  assert.deepEqual(mistakes, []);
  assert.deepEqual(keys.principalOf(key), {
    user: "shop",
    tokenId: "key:orders",
    grants: [{ actions: ["publish"], channels: ["orders:*"] }],
  });
});

test("[AUTH-9] a key that is not known, or not quite, is refused", () => {
  const { key, hash } = createApiKey("a");
  const { keys } = keysOf({ id: "a", hash, grants: [] });
  const last = key.at(-2) === "A" ? "B" : "A";
  for (const wrong of [
    createApiKey("a").key,
    createApiKey("b").key,
    key.replace("hfk_a_", "hfk_b_"),
    `${key.slice(0, -2)}${last}${key.at(-1)}`,
    key.slice(0, -1),
    "hfk_",
    hash,
  ]) {
    assert.throws(() => keys.principalOf(wrong), { code: "unauthenticated" }, wrong);
  }
});

test("[AUTH-9] what is no key is refused when it is configured", () => {
  const { key, hash } = createApiKey("a");
  const { mistakes } = keysOf(
    { id: "a", hash: key, grants: ["read a"] },
    { id: "a", hash, grants: ["read"] },
    { id: "a b", hash, user: "", grants: [] },
  );
  assert.deepEqual(mistakes, [
    '0.hash must be the line that "holdfast key" prints: sha256: and 64 digits, not the key',
    "1.id is the id of another key as well",
    '1.grants.0 must be a grant such as "read,publish chat:*" or {"actions":["read"],"channels":["chat:*"]}',
    "2.id must be 1 to 40 of A-Z a-z 0-9 . -",
    "2.user must be 1 to 256 characters without control characters",
  ]);
  assert.throws(() => createApiKey("a_b"), { code: "bad_request" });
});

test("[AUTH-9] a server publishes with its key, in its own name, and nothing else", async (t) => {
  const { key, hash } = createApiKey("shop");
  const { url } = await startNode(t, {
    auth: { keys: [{ id: "shop", hash, user: "shop", grants: ["publish,read orders:*"] }] },
  });
  const headers = { Authorization: `Bearer ${key}` };
  assert.equal((await post(`${url}/channels/orders:1`, "1", headers)).status, 201);
  assert.equal((await post(`${url}/channels/users:1`, "1", headers)).status, 403);
  assert.equal((await call(`${url}/channels/orders:1`, { headers })).json.events[0].from, "shop");
});
