import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { LogEntry } from "../log.ts";
import { readAuth } from "./options.ts";
import { RemoteKeys } from "./remote-keys.ts";
import { audience, issuer, keyPair, mint, serve } from "./rig.test.ts";
import { Tokens } from "./tokens.ts";

const [first, second] = [await keyPair("ES256"), await keyPair("ES256")];

/** An issuer whose keys and mood can be changed, and a node's view of it at a time of the test's own. */
async function world(t: TestContext, settings = {}) {
  const state = { keys: [{ ...first.jwk, kid: "first" }] as unknown[], asked: 0, now: 0, down: false };
  const log: LogEntry[] = [];
  const url = await serve(t, (_request, response) => {
    state.asked++;
    if (state.down) response.writeHead(500).end();
    else response.end(JSON.stringify({ keys: state.keys }));
  });
  const { tokens, jwks } = readAuth(
    { tokens: { jwks: { url, cacheMs: 1000, cooldownMs: 100, ...settings }, issuer, audience } },
    {},
    [],
  );
  assert.ok(tokens && jwks);
  const remote = new RemoteKeys(
    jwks,
    () => state.now,
    (entry) => log.push(entry),
  );
  const checker = new Tokens(tokens, { now: () => Date.now() }, remote);
  const by = async ({ privateKey }: typeof first, kid?: string) =>
    await checker.principalOf(
      await mint({}, { algorithm: "ES256", key: privateKey, header: kid === undefined ? {} : { kid } }),
    );
  return { state, log, by, checker };
}

test("[AUTH-8] keys are fetched once for all, and again when they are old", async (t) => {
  const { state, by } = await world(t);
  await Promise.all([by(first, "first"), by(first, "first"), by(first)]);
  assert.equal(state.asked, 1);
  state.now = 999;
  await by(first, "first");
  assert.equal(state.asked, 1);
  state.now = 1000;
  await by(first, "first");
  assert.equal(state.asked, 2);
});

test("[AUTH-8] a new key is found when a token names it, and a foreign one is not asked for all the time", async (t) => {
  const { state, by } = await world(t);
  await by(first, "first");
  state.keys.push({ ...second.jwk, kid: "second" });
  // It may be one of a key that was published since, as here, so nobody says that it is wrong before that is known.
  await assert.rejects(by(second, "second"), { code: "auth_unavailable", retryAfterMs: 100 });
  assert.equal(state.asked, 1, "they were fetched a moment ago");
  state.now = 100;
  await by(second, "second");
  assert.equal(state.asked, 2);
  state.now += 40;
  await assert.rejects(by(second, "fourth"), { code: "auth_unavailable", retryAfterMs: 60 });
  await assert.rejects(by(await keyPair("ES256")), { code: "unauthenticated" });
  assert.equal(state.asked, 2);
  state.now += 60;
  await assert.rejects(by(second, "fourth"), { code: "unauthenticated" });
  assert.equal(state.asked, 3);
});

test("[AUTH-8] without a name each key that fits is tried", async (t) => {
  const { state, by } = await world(t);
  state.keys = [first.jwk, second.jwk, { kty: "oct", k: "AAAA" }];
  await by(first);
  await by(second);
  await assert.rejects(by(await keyPair("ES256")), { code: "unauthenticated" });
});

test("[AUTH-8] [AUTH-14] what is known stays in use while the issuer is down, and what is not has to wait", async (t) => {
  const { state, log, by } = await world(t);
  await by(first, "first");
  state.down = true;
  state.now = 5000;
  await by(first, "first");
  await by(first, "first");
  assert.equal(state.asked, 2, "it is left alone for a while");
  await assert.rejects(by(second, "second"), { code: "auth_unavailable", retry: "retry" });
  assert.deepEqual(
    log.map(({ level, message }) => [level, message]),
    [["warn", "The keys that tokens are checked with could not be fetched."]],
  );
  state.down = false;
  state.now = 5100;
  await assert.rejects(by(second, "second"), { code: "unauthenticated" });
  await by(first, "first");
});

test("[AUTH-14] without any key nobody is let in, and nobody is told that their token is wrong", async (t) => {
  const { state, by } = await world(t);
  state.down = true;
  await assert.rejects(by(first, "first"), { code: "auth_unavailable" });
  await assert.rejects(by(first), { code: "auth_unavailable" });
  assert.equal(state.asked, 1);
  state.down = false;
  state.now = 100;
  await by(first, "first");
});

for (const [what, answer] of [
  ["takes too long", undefined],
  ["answers with something else", "<html>"],
  ["answers with no keys", '{"key":[]}'],
  ["answers without end", `{"keys":["${"x".repeat(300_000)}"]}`],
] as const) {
  test(`[AUTH-8] an issuer that ${what} counts as one that is down`, async (t) => {
    const url = await serve(t, (_request, response) => {
      if (answer !== undefined) response.end(answer);
    });
    const settings = { url, deadlineMs: 50, cacheMs: 1000, cooldownMs: 100 };
    const remote = new RemoteKeys(
      settings,
      () => 0,
      () => {},
    );
    await assert.rejects(remote.keyFor({ alg: "ES256" }, { payload: "", signature: "" }), {
      code: "auth_unavailable",
    });
  });
}

test("[AUTH-5] what is fetched signs nothing as a secret", async (t) => {
  const { checker } = await world(t);
  await assert.rejects(checker.principalOf(await mint({}, { key: Buffer.from(first.pem) })), {
    code: "unauthenticated",
    message: /RS256, ES256, EdDSA/,
  });
});
