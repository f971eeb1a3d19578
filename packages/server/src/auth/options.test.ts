import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigurationError, type HoldfastOptions } from "../index.ts";
import { readOptions } from "../options.ts";
import { call, SocketClient, StreamClient, startNode, until } from "../rig.test.ts";
import { keyPair, mint, secret } from "./rig.test.ts";

function mistakesIn(options: unknown): readonly string[] {
  try {
    readOptions(options as HoldfastOptions);
  } catch (error) {
    if (error instanceof ConfigurationError) return [...error.mistakes].sort();
    throw error;
  }
  return [];
}

const keys = [{ secret }];
const url = "must be an https:// URL without user and fragment";

for (const [options, ...mistakes] of [
  [
    { auth: {} },
    'The option "auth" lets nobody in; give it tokens, keys, anonymous grants or a webhook that authenticates.',
  ],
  [
    { auth: { cookie: "session" } },
    'The option "auth" lets nobody in; give it tokens, keys, anonymous grants or a webhook that authenticates.',
  ],
  [{ auth: 7 }, 'The option "auth" must be an object of settings.'],
  [{ auth: { token: {} } }, 'There is no option "auth.token".'],
  [{ auth: { tokens: {} } }, 'The option "auth.tokens" must have keys, or the URL of a JWKS.'],
  [{ auth: { tokens: { keys: {} } } }, 'The option "auth.tokens.keys" must be a list of keys.'],
  [
    { auth: { tokens: { keys: ["secret"] } } },
    'The option "auth.tokens.keys.0" must be a key such as {"secret":"…"} or {"publicKeyFile":"key.pem"}.',
  ],
  [
    { auth: { tokens: { keys: [{ secret: "short" }] } } },
    'The option "auth.tokens.keys.0.secret" must have at least 32 bytes, as "openssl rand -base64 32" draws them; it has 5.',
  ],
  [
    { auth: { tokens: { jwks: "https://issuer.example/keys" } } },
    'With "auth.tokens.jwks" the option "auth.tokens.audience" is needed: the same keys sign tokens for other applications. An empty list takes them all.',
  ],
  [
    { auth: { tokens: { jwks: "http://issuer.example/keys", audience: "a" } } },
    'The option "auth.tokens.jwks.url" must be https://, or http:// on this machine; "auth.tokens.jwks.insecure" takes http:// on a network of your own.',
  ],
  [
    { auth: { webhook: { authenticate: "http://app:3000/live" } } },
    'The option "auth.webhook.authenticate" must be https://, or http:// on this machine; "auth.webhook.insecure" takes http:// on a network of your own.',
  ],
  [
    { auth: { tokens: { jwks: { url: "https://a@b/keys", cooldownMs: -1 }, audience: "a" } } },
    'The option "auth.tokens.jwks.cooldownMs" must be a whole number from 0 up.',
    `The option "auth.tokens.jwks.url" ${url}.`,
  ],
  [
    { auth: { tokens: { keys, issuer: 7, audience: [7], clockToleranceMs: "5", lifetimeMsMax: 0 } } },
    'The option "auth.tokens.audience" must be text, or a list of texts.',
    'The option "auth.tokens.clockToleranceMs" must be a whole number from 0 up.',
    'The option "auth.tokens.issuer" must be text, or a list of texts.',
    'The option "auth.tokens.lifetimeMsMax" must be a whole number from 1 up.',
  ],
  [{ auth: { tokens: { keys }, cookie: "a b" } }, 'The option "auth.cookie" must be the name of a cookie.'],
  [{ auth: { anonymous: "read a" } }, 'The option "auth.anonymous" must be a list of grants.'],
  [
    { auth: { anonymous: ["read a", { actions: ["all"], channels: ["a"] }] } },
    'The option "auth.anonymous.1.actions" must be some of read, publish, presence, signal, admin.',
  ],
  [
    { auth: { anonymous: ["read user:{user}"] } },
    'The option "auth.anonymous" must be without {user}: it is for those who have no user id.',
  ],
  [
    { auth: { keys: [{ id: "a", hash: "b", grants: [] }] } },
    'The option "auth.keys.0.hash" must be the line that "holdfast key" prints: sha256: and 64 digits, not the key.',
  ],
  [
    { auth: { webhook: {}, anonymous: ["read a"] } },
    'The option "auth.webhook" must have a URL: authenticate, authorize, or both.',
  ],
  [
    { auth: { webhook: { authenticate: "ftp://a/b", deadlineMs: 0 } } },
    `The option "auth.webhook.authenticate" ${url}.`,
    'The option "auth.webhook.deadlineMs" must be a whole number from 1 up.',
  ],
  [
    { auth: { webhook: { authorize: "https://a/b" }, tokens: { keys } }, authorize: () => true },
    '"authorize" and "auth.webhook.authorize" answer the same question; give one.',
  ],
  [{ auth: { tokens: { keys } }, open: true }, '"open" and "auth" contradict each other; give one.'],
  [
    { namespaces: { chat: { access: "public" } } },
    'The option "namespaces.chat.access" needs "auth" or "authenticate"; without them everybody may do everything.',
  ],
  [
    { auth: {}, namespaces: { chat: { access: "open" }, news: { access: "public" } } },
    'The option "namespaces.chat.access" must be "public", "authenticated" or {"owner":"user:{id}"}.',
  ],
  [
    { auth: {}, namespaces: { chat: { access: { read: "public", publish: { owner: "user:{id}" } } } } },
    'The option "namespaces.chat.access.publish.owner" must be a pattern of this namespace\'s channels with {id} in it, once.',
  ],
] as const) {
  test(`[AUTH-7] [AUTH-10] ${JSON.stringify(options).slice(0, 90)} is refused with a sentence`, () => {
    assert.deepEqual(mistakesIn(options), mistakes);
  });
}

test("[AUTH-13] what belongs together is taken", () => {
  const authorize = () => true;
  for (const options of [
    { auth: { tokens: { keys } } },
    { auth: { tokens: { keys }, cookie: "__Host-session" }, authorize },
    { auth: { anonymous: ["read **"] } },
    { auth: {}, namespaces: { news: { access: "public" } } },
    { auth: { cookie: "session" }, authenticate: () => ({}) },
    { authenticate: () => ({}), authorize, namespaces: { chat: { access: "authenticated" } } },
    { auth: { tokens: { jwks: "http://127.0.0.1:8080/keys", audience: [] } } },
    { auth: { tokens: { jwks: { url: "http://idp:8080/keys", insecure: true }, audience: [] } } },
    { auth: { webhook: { authenticate: "http://app:3000/live", insecure: true } } },
  ] as HoldfastOptions[]) {
    assert.deepEqual(mistakesIn(options), []);
    assert.equal(readOptions(options).access, "authenticated");
  }
});

test("[AUTH-10] a rule is of its own namespace alone, unlike other settings", () => {
  const { auth, namespace } = readOptions({ auth: {}, namespaces: { "": { access: "public", maxLag: 7 } } });
  assert.deepEqual([...auth.rules.keys()], [""]);
  assert.equal(namespace("chat").maxLag, 7);
  assert.ok(!("access" in namespace("")));
});

test("[AUTH-13] the application is asked about what is neither a JWT nor a key, with all ways together", async (t) => {
  const { privateKey, pem } = await keyPair("EdDSA");
  const asked: (string | undefined)[] = [];
  const { url } = await startNode(t, {
    auth: { tokens: { keys: [{ publicKey: pem }], audience: [] }, anonymous: ["read lobby"] },
    authenticate: (token) => {
      asked.push(token);
      return token === "opaque" ? { user: "bob" } : null;
    },
    authorize: ({ user }) => user === "bob",
  });
  const status = async (token?: string, channel = "a") =>
    (
      await call(`${url}/channels/${channel}`, {
        headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
      })
    ).status;
  const signed = await mint({ holdfast: { grants: ["read a"] } }, { algorithm: "EdDSA", key: privateKey });
  assert.equal(await status(signed), 200);
  assert.equal(await status("opaque"), 200);
  assert.equal(await status("other"), 401);
  assert.equal(await status(await mint()), 401, "what is wrong as a JWT is nobody else's");
  assert.deepEqual([await status(undefined, "lobby"), await status(undefined, "a")], [200, 403]);
  assert.deepEqual(asked, ["opaque", "other", undefined, undefined]);
});

test("[AUTH-13] somebody without a credential reads what anybody may, on a session as well", async (t) => {
  const { url } = await startNode(t, { auth: { tokens: { keys }, anonymous: ["read lobby"] } });
  const socket = await SocketClient.open(t, `${url}/connect`);
  socket.say({ type: "hello", subscriptions: [{ channel: "lobby" }, { channel: "other" }] });
  await socket.message(2);
  const answers = socket.messages;
  assert.ok(answers.some(({ type, channel }) => type === "subscribed" && channel === "lobby"));
  assert.ok(answers.some(({ code, channel }) => code === "forbidden" && channel === "other"));
  const stream = await StreamClient.open(t, `${url}/channels/lobby`);
  assert.equal(stream.response.statusCode, 200);
  // Whoever brings something wrong is told so, and does not pass for nobody.
  const bad = await SocketClient.open(t, `${url}/connect`);
  bad.say({ type: "hello", token: "bad", subscriptions: [{ channel: "lobby" }] });
  assert.deepEqual(await bad.closes(), { code: 4401, reason: "unauthenticated" });
});

test("[AUTH-15] a poll is checked each time, and with it what it may", async (t) => {
  const { holdfast, url } = await startNode(t, {
    auth: { tokens: { keys, audience: [], clockToleranceMs: 0 } },
  });
  const read = { holdfast: { grants: ["read a"] } };
  const iat = Math.floor(Date.now() / 1000);
  const token = await mint({ ...read, iat, exp: iat + 30 });
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const hello = JSON.stringify({ type: "hello", subscriptions: [{ channel: "a" }] });
  const poll = async () => [
    (await call(`${url}/channels/a`, { headers })).status,
    (await call(`${url}/connect`, { method: "POST", headers, body: hello })).status,
  ];
  assert.deepEqual(await poll(), [200, 200]);
  t.mock.timers.enable({ apis: ["Date"], now: (iat + 29) * 1000 });
  assert.deepEqual(await poll(), [200, 200]);
  const held = call(`${url}/channels/a?after=latest&wait=60`, { headers });
  await until(() => holdfast.stats().waiters === 1);
  t.mock.timers.setTime((iat + 30) * 1000);
  // What was held ends with its token.
  await held;
  assert.deepEqual(await poll(), [401, 401]);
});

test("[BND-2] a token that is too long is refused by the limit's name", async (t) => {
  const { url } = await startNode(t, {
    auth: { tokens: { keys, audience: [] } },
    limits: { tokenBytesMax: 500 },
  });
  const status = async (token: string) =>
    await call(`${url}/channels/a`, { headers: { Authorization: `Bearer ${token}` } });
  const { json } = await status(
    await mint({ holdfast: { grants: Array(3).fill(`read ${"a".repeat(120)}`) } }),
  );
  assert.match(json.detail, /longer than 500 bytes \(tokenBytesMax\)/);
  assert.equal((await status(await mint())).json.code, "forbidden");
});
