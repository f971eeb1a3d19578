import assert from "node:assert/strict";
import { test } from "node:test";
import { call, startNode } from "../rig.test.ts";
import { secret } from "./rig.test.ts";
import { signToken } from "./sign-token.ts";

test("[AUTH-6] what is signed here is taken here, for as long as it says", async (t) => {
  const { url } = await startNode(t, {
    auth: { tokens: { keys: [{ secret, kid: "1" }], issuer: "shop", audience: "live", clockToleranceMs: 0 } },
  });
  const token = await signToken({
    secret,
    kid: "1",
    user: "ada",
    grants: ["read user:{user}"],
    lifetimeMs: 60_000,
    session: "s",
    issuer: "shop",
    audience: "live",
  });
  const headers = { Authorization: `Bearer ${token}` };
  assert.equal((await call(`${url}/channels/user:ada`, { headers })).status, 200);
  assert.equal((await call(`${url}/channels/user:bob`, { headers })).status, 403);
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 61_000 });
  assert.equal((await call(`${url}/channels/user:ada`, { headers })).json.code, "token_expired");
});

test("[AUTH-4] what a server would refuse is not signed", async () => {
  await assert.rejects(signToken({ secret: "short", user: "", grants: ["read"], lifetimeMs: 999 }), {
    name: "ConfigurationError",
    mistakes: [
      'The secret must have at least 32 bytes, as "openssl rand -base64 32" draws them; it has 5.',
      "A user id is 1 to 256 characters without control characters.",
      'The token\'s grants.0 must be a grant such as "read,publish chat:*" or {"actions":["read"],"channels":["chat:*"]}.',
      "A token is valid for at least a second.",
    ],
  });
});
