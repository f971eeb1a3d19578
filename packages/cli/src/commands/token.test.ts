import assert from "node:assert/strict";
import { test } from "node:test";
import { folder, run, startServer } from "../rig.test.ts";

const secret = "a secret of the tests, that is long enough";
const env = { HOLDFAST_TOKEN_SECRET: secret };

test("[AUTH-6] a token of the command line is taken by a server with the same secret", async (t) => {
  const cwd = folder(t, {
    "holdfast.config.mjs": `export default { auth: { tokens: { issuer: "shop", audience: ["live", "other"] } } };`,
  });
  const { server, url } = await startServer(t, [], { env, cwd });
  assert.match(server.stdout, /\(with authentication\)/);
  const { code, stdout, stderr } = await run(
    t,
    ["token", "--user", "ada", "--grant", "read,publish chat:*", "--grant", "read news", "--for", "30s"],
    { env, cwd },
  );
  assert.deepEqual([code, stderr], [0, ""]);
  const token = stdout.trim();
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  assert.deepEqual(
    [claims.sub, claims.iss, claims.aud, claims.exp - claims.iat],
    ["ada", "shop", "live", 30],
  );
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const post = async (channel: string) =>
    (await fetch(`${url}/channels/${channel}`, { method: "POST", body: "1", headers })).status;
  assert.deepEqual([await post("chat:a"), await post("news"), await post("orders")], [201, 403, 403]);
  const published = await run(t, ["publish", "chat:a", "2"], {
    env: { HOLDFAST_URL: url, HOLDFAST_TOKEN: token },
  });
  assert.equal(published.code, 0);
  assert.equal((await run(t, ["publish", "chat:a", "2"], { env: { HOLDFAST_URL: url } })).code, 4);
});

test("a secret comes from the config file as well", async (t) => {
  const cwd = folder(t, {
    secret: `${secret}\n`,
    "holdfast.config.mjs": `export default { auth: { tokens: { keys: [{ secretFile: "secret", kid: "k" }] } } };`,
  });
  const { code, stdout } = await run(t, ["token"], { cwd });
  assert.equal(code, 0);
  const header = JSON.parse(Buffer.from(stdout.split(".")[0] ?? "", "base64url").toString());
  assert.deepEqual(header, { alg: "HS256", typ: "JWT", kid: "k" });
});

for (const [args, variables, expected] of [
  [[], {}, /^holdfast: There is no secret to sign with\. Give HOLDFAST_TOKEN_SECRET/],
  [[], { HOLDFAST_TOKEN_SECRET: "hunter2" }, /^holdfast: The secret must have at least 32 bytes/],
  [[], { HOLDFAST_TOKN_SECRET: secret }, /did you mean HOLDFAST_TOKEN_SECRET\?/],
  [["--for", "soon"], env, /^holdfast: --for must be a duration such as 30s, 15m, 8h or 1d, not "soon"\.\n$/],
  [["--user", ""], env, /^holdfast: A user id is 1 to 256 characters/],
  [["--grant", "write **"], env, /^holdfast: The token's grants\.0\.actions must be some of read, publish/],
] as const) {
  test(`holdfast token ${args.join(" ")} with ${Object.keys(variables).join()} ends with 2, and shows no secret`, async (t) => {
    const { code, stdout, stderr } = await run(t, ["token", ...args], { env: variables });
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, expected);
    assert.ok(!stderr.includes("hunter2") && !stderr.includes(secret));
  });
}

test("[AUTH-7] a server is not started with a weak secret, which is not shown", async (t) => {
  const { code, stderr } = await run(t, ["serve", "--port", "0"], {
    env: { HOLDFAST_TOKEN_SECRET: "hunter2" },
  });
  assert.equal(code, 2);
  assert.equal(
    stderr,
    'holdfast: HOLDFAST_TOKEN_SECRET: The option "auth.tokens.keys.0.secret" must have at least 32 bytes, as "openssl rand -base64 32" draws them; it has 7.\n',
  );
});

test("settings of auth are set by their path, and what is wrong is told there", async (t) => {
  const { code, stderr } = await run(
    t,
    ["serve", "--port", "0", "--set", "auth.tokens.lifetimeMsMax=soon", "--set", "auth.cooky=a"],
    { env },
  );
  assert.equal(code, 2);
  assert.deepEqual(stderr.trimEnd().split("\n").sort(), [
    'holdfast: --set auth.cooky=a: There is no option "auth.cooky".',
    'holdfast: --set auth.tokens.lifetimeMsMax=soon: The option "auth.tokens.lifetimeMsMax" must be a whole number from 1 up.',
  ]);
  const { url } = await startServer(
    t,
    ["--set", "auth.tokens.audience=live", "--set", "namespaces.news.access=public"],
    {
      env,
    },
  );
  const token = (await run(t, ["token", "--grant", "read **"], { env })).stdout.trim();
  const status = async (channel: string, headers: Record<string, string> = {}) =>
    (await fetch(`${url}/channels/${channel}`, { headers })).status;
  assert.equal(await status("a", { Authorization: `Bearer ${token}` }), 401);
  assert.deepEqual([await status("news:1"), await status("a")], [200, 403]);
});
