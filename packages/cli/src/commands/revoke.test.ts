import assert from "node:assert/strict";
import { test } from "node:test";
import type { HoldfastOptions } from "@holdfast/server";
import { emptyUrl, run, serveHere } from "../rig.test.ts";

/** Tokens are user names; root administers. */
const guarded: HoldfastOptions = {
  authenticate: (token) => (token === undefined ? null : { user: token, tokenId: `id-${token}` }),
  authorize: ({ user }, action) => user === "root" || action !== "admin",
};

async function statusOf(url: string, user: string): Promise<number> {
  const answer = await fetch(`${url}/channels/a`, { headers: { Authorization: `Bearer ${user}` } });
  await answer.text();
  return answer.status;
}

test("[REV-8] revokes users, tokens and sessions, lists them, and says until when", async (t) => {
  const { url, env } = await serveHere(t, guarded);
  const revoke = (...args: string[]) =>
    run(t, ["revoke", ...args], { env: { ...env, HOLDFAST_TOKEN: "root" } });
  assert.equal(await statusOf(url, "ada"), 200);
  const first = await revoke("--user", "ada");
  assert.deepEqual([first.code, first.stderr], [0, ""]);
  assert.match(first.stdout, /^user ada, revoked \d{4}-\S+Z, remembered until \d{4}-\S+Z\n$/);
  const second = await revoke("--token-id", "id-bob", "--for", "60", "--json");
  const { token, at, until } = JSON.parse(second.stdout) as { token: string; at: number; until: number };
  assert.equal(token, "id-bob");
  assert.ok(until - at > 0 && until - at <= 60_000);
  assert.deepEqual(
    [await statusOf(url, "ada"), await statusOf(url, "bob"), await statusOf(url, "eve")],
    [401, 401, 200],
  );
  const listed = await revoke("--list");
  assert.match(listed.stdout, /^user ada, .*\ntoken id-bob, .*\n$/);
  const changed = await revoke("--user", "eve", "--changed");
  assert.deepEqual([changed.code, changed.stdout, changed.stderr], [0, "", ""]);
});

test("[REV-8] what is wrong is told, and nothing is revoked", async (t) => {
  const { url, env } = await serveHere(t, guarded);
  for (const args of [
    [],
    ["--user", "ada", "--session", "s1"],
    ["--list", "--user", "ada"],
    ["--session", "s1", "--changed"],
    ["--user", "ada", "--changed", "--for", "5"],
    ["--user", "ada", "--for", "soon"],
  ]) {
    const { code, stderr } = await run(t, ["revoke", ...args], { env });
    assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
  }
  const denied = await run(t, ["revoke", "--user", "ada"], { env: { ...env, HOLDFAST_TOKEN: "bob" } });
  assert.deepEqual([denied.code, denied.stdout], [4, ""]);
  assert.match(denied.stderr, /may not admin holdfast\.control:revocations/);
  const nobody = await run(t, ["revoke", "--user", "ada"], { env });
  assert.equal(nobody.code, 4);
  const gone = await run(t, ["revoke", "--user", "ada", "--url", await emptyUrl()]);
  assert.equal(gone.code, 3);
  assert.equal(await statusOf(url, "ada"), 200);
});
