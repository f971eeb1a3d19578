import assert from "node:assert/strict";
import { test } from "node:test";
import type { HoldfastOptions } from "../index.ts";
import { call, forgotten, post, SocketClient, StreamClient, startNode } from "../rig.test.ts";
import { audience, issuer, keyPair, mint, secret, unsigned } from "./rig.test.ts";

const rsa = await keyPair("RS256");
const strangers = await keyPair("RS256");
const second = () => Math.floor(Date.now() / 1000);

const options: HoldfastOptions = {
  auth: {
    tokens: { keys: [{ secret }, { publicKey: rsa.pem }], issuer, audience, clockToleranceMs: 0 },
  },
};

/** What is tried on every face, and how it ends. `granted` is who may do everything with `a`. */
const everything = { grants: [{ actions: ["read", "publish", "signal", "admin"], channels: ["a"] }] };
const granted = { holdfast: everything };
const credentials: readonly [
  what: string,
  token: () => Promise<string> | string | undefined,
  code: string | undefined,
][] = [
  ["none", () => undefined, "unauthenticated"],
  ["what is no token", () => "not-a-token", "unauthenticated"],
  ["what only looks like one", () => "a.b.c", "unauthenticated"],
  ["an expired one", () => mint({ ...granted, iat: second() - 60, exp: second() - 1 }), "token_expired"],
  ["one that is not valid yet", () => mint({ ...granted, nbf: second() + 60 }), "unauthenticated"],
  ["one for another audience", () => mint({ ...granted, aud: "others" }), "unauthenticated"],
  ["one from another issuer", () => mint({ ...granted, iss: "https://other.example" }), "unauthenticated"],
  ["a forged one", () => mint(granted, { algorithm: "RS256", key: strangers.privateKey }), "unauthenticated"],
  [
    "one whose claims were changed",
    async () => {
      const [header, , signature] = (await mint({})).split(".");
      const [, claims] = unsigned(granted).split(".");
      return `${header}.${claims}.${signature}`;
    },
    "unauthenticated",
  ],
  ["one without a signature", () => unsigned(granted), "unauthenticated"],
  [
    "one signed with the public key as a secret",
    () => mint(granted, { key: Buffer.from(rsa.pem) }),
    "unauthenticated",
  ],
  ["one that grants something else", () => mint({ holdfast: { grants: ["read,publish b"] } }), "forbidden"],
  ["one that grants nothing", () => mint(), "forbidden"],
  ["one that grants it", () => mint(granted), undefined],
  [
    "one that another key has signed",
    () => mint(granted, { algorithm: "RS256", key: rsa.privateKey }),
    undefined,
  ],
];

const statusOf: Readonly<Record<string, number>> = {
  unauthenticated: 401,
  token_expired: 401,
  forbidden: 403,
};

const faces: readonly [
  face: string,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: string,
][] = [
  ["JSON", "GET", "/channels/a", {}],
  ["HEAD", "HEAD", "/channels/a", {}],
  ["a long poll", "GET", "/channels/a?after=oldest&wait=60", {}],
  ["state", "GET", "/channels/a/state", {}],
  ["presence", "GET", "/channels/a/presence", {}],
  ["publishing", "POST", "/channels/a", { "Content-Type": "text/plain" }, "x"],
  ["a batch", "POST", "/channels/a", { "Content-Type": "application/x-ndjson" }, '{"data":1}\n'],
  ["a signal", "POST", "/channels/a/signals", { "Content-Type": "application/json" }, '{"data":1}'],
  // Last: nothing can be published after it.
  ["closing", "POST", "/channels/a/close", {}],
];

for (const [what, tokenOf, code] of credentials) {
  test(`[AUTH-15] with ${what} every request ends alike`, async (t) => {
    const { holdfast, url } = await startNode(t, options);
    await holdfast.publish("a", 1);
    const token = await tokenOf();
    const credential: Record<string, string> =
      token === undefined ? {} : { Authorization: `Bearer ${token}` };
    for (const [face, method, path, headers, body] of faces) {
      const answer = await call(`${url}${path}`, {
        method,
        headers: { ...headers, ...credential },
        ...(body === undefined ? {} : { body }),
      });
      const problem = method === "HEAD" || code === undefined ? undefined : answer.json.code;
      const wanted = code === undefined ? [true, undefined] : [false, method === "HEAD" ? undefined : code];
      assert.deepEqual([answer.status < 300, problem], wanted, `${face}: ${answer.text}`);
      if (code !== undefined) assert.equal(answer.status, statusOf[code], face);
      if (token !== undefined) assert.ok(!answer.text.includes(token), face);
    }
  });

  test(`[AUTH-15] with ${what} every stream and upgrade ends alike, before it is accepted`, async (t) => {
    const { holdfast, url } = await startNode(t, options);
    await holdfast.publish("a", 1);
    const token = await tokenOf();
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    for (const path of ["/channels/a", "/events?channel=a"]) {
      if (code === undefined) {
        const stream = await StreamClient.open(t, `${url}${path}`, { headers });
        assert.equal(stream.response.statusCode, 200, path);
        stream.leave();
        continue;
      }
      const answer = await call(`${url}${path}`, { headers: { Accept: "text/event-stream", ...headers } });
      assert.deepEqual([answer.status, answer.json.code], [statusOf[code], code], path);
    }
    if (code === undefined) {
      const socket = await SocketClient.open(t, `${url}/channels/a`, { headers });
      assert.equal((await socket.message(0)).control, "subscribed");
      socket.socket.terminate();
    } else {
      assert.deepEqual(await SocketClient.refused(`${url}/channels/a`, { headers }), {
        status: statusOf[code],
        code,
      });
    }
    await forgotten(holdfast);
  });

  test(`[AUTH-15] with ${what} every session ends alike`, async (t) => {
    const { holdfast, url } = await startNode(t, options);
    await holdfast.publish("a", 1);
    const token = await tokenOf();
    const hello = {
      type: "hello",
      subscriptions: [{ channel: "a" }],
      ...(token === undefined ? {} : { token }),
    };
    const isUnknown = code !== undefined && code !== "forbidden";
    for (const accept of ["application/json", "text/event-stream"]) {
      if (!isUnknown && accept === "text/event-stream") {
        const stream = await StreamClient.open(t, `${url}/connect`, { body: hello });
        await stream.receives(code ?? "subscribed");
        stream.leave();
        continue;
      }
      const answer = await post(`${url}/connect`, JSON.stringify(hello), { Accept: accept });
      if (isUnknown) assert.deepEqual([answer.status, answer.json.code], [401, code], accept);
      else assert.ok(answer.text.includes(code ?? '"subscribed"'), answer.text);
    }
    // By a message the connection is there already; by the request it is refused.
    const socket = await SocketClient.open(t, `${url}/connect`);
    socket.say(hello);
    if (isUnknown) assert.deepEqual(await socket.closes(), { code: 4401, reason: code });
    else assert.equal((await socket.message(1)).code ?? "granted", code ?? "granted");
    socket.socket.terminate();
    if (token !== undefined && isUnknown) {
      const headers = { Authorization: `Bearer ${token}` };
      assert.deepEqual(await SocketClient.refused(`${url}/connect`, { headers }), { status: 401, code });
    }
    await forgotten(holdfast);
  });
}
