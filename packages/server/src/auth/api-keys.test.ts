import assert from "node:assert/strict";
import { test } from "node:test";
import { call, post, startNode } from "../rig.test.ts";
import { ApiKeys, createApiKey, readApiKeys } from "./api-keys.ts";

function keysOf(...keys: Parameters<typeof readApiKeys>[0]): { keys: ApiKeys; mistakes: string[] } {
  const mistakes: string[] = [];
  const known = readApiKeys(keys, (path, message) => mistakes.push(`${path} ${message}`));
  return { keys: new ApiKeys(known), mistakes };
}

const newKey = (id: string) => createApiKey({ id, grants: [] });

test("[AUTH-9] a key is known by its hash, and stands for its grants", () => {
  const { key, entry } = createApiKey({ id: "orders", user: "shop", grants: ["publish orders:*"] });
  assert.match(key, /^hfk_orders_[\w-]{43}$/);
  assert.ok(!JSON.stringify(entry).includes(key.slice(-43)));
  const { keys, mistakes } = keysOf(entry);
  assert.deepEqual(mistakes, []);
  assert.deepEqual(keys.principalOf(key), {
    user: "shop",
    tokenId: "key:orders",
    grants: [{ actions: ["publish"], channels: ["orders:*"] }],
  });
});

test("[AUTH-9] a key that is not known, or not quite, is refused", () => {
  const { key, entry } = newKey("a");
  const { keys } = keysOf(entry);
  const last = key.at(-2) === "A" ? "B" : "A";
  for (const wrong of [
    newKey("a").key,
    newKey("b").key,
    key.replace("hfk_a_", "hfk_b_"),
    `${key.slice(0, -2)}${last}${key.at(-1)}`,
    key.slice(0, -1),
    "hfk_",
    entry.hash,
  ]) {
    assert.throws(() => keys.principalOf(wrong), { code: "unauthenticated" }, wrong);
  }
});

test("[AUTH-9] what is no key is refused when it is configured", () => {
  const {
    key,
    entry: { hash },
  } = newKey("a");
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
  assert.throws(() => createApiKey({ id: "a_b", user: "", grants: ["all a"] }), {
    name: "ConfigurationError",
    mistakes: [
      "The key's id must be 1 to 40 of A-Z a-z 0-9 . -.",
      "The key's user must be 1 to 256 characters without control characters.",
      "The key's grants.0.actions must be some of read, publish, presence, signal, admin.",
    ],
  });
});

test("[AUTH-9] a server publishes with its key, in its own name, and nothing else", async (t) => {
  const { key, entry } = createApiKey({ id: "shop", user: "shop", grants: ["publish,read orders:*"] });
  const { url } = await startNode(t, { auth: { keys: [entry] } });
  const headers = { Authorization: `Bearer ${key}` };
  assert.equal((await post(`${url}/channels/orders:1`, "1", headers)).status, 201);
  assert.equal((await post(`${url}/channels/users:1`, "1", headers)).status, 403);
  assert.equal((await call(`${url}/channels/orders:1`, { headers })).json.events[0].from, "shop");
});
