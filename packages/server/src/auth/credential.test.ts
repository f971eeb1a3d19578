import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { call, forgotten, post, SocketClient, StreamClient, startNode } from "../rig.test.ts";
import { credentialOf } from "./credential.ts";
import { mint, secret } from "./rig.test.ts";

const from = (headers: IncomingMessage["headers"], url = "/channels/a") =>
  credentialOf({ headers, url } as IncomingMessage, "session");

test("[AUTH-2] the header comes before the cookie, and a cookie counts by its name alone", () => {
  const none = { by: "none" };
  for (const [headers, wanted] of [
    [{ authorization: "Bearer t" }, { by: "header", token: "t" }],
    [{ authorization: "bearer  t " }, { by: "header", token: "t" }],
    [
      { authorization: "Bearer t", cookie: "session=c" },
      { by: "header", token: "t" },
    ],
    [
      { authorization: "Basic dDp0", cookie: "session=c" },
      { by: "cookie", token: "c" },
    ],
    [{ cookie: 'a=1; session="c"; b=2' }, { by: "cookie", token: "c" }],
    [{ cookie: "session=c;session=c" }, { by: "cookie", token: "c" }],
    [{ cookie: "xsession=c; session; =c; session2=c" }, none],
    [{ cookie: "session=" }, none],
    [{}, none],
  ] as const) {
    assert.deepEqual(from(headers), wanted, JSON.stringify(headers));
  }
  for (const headers of [
    { cookie: "session=a; session=b" },
    { authorization: "Bearer" },
    { authorization: "Bearer ", cookie: "session=a" },
    { authorization: "Bearer a b" },
  ]) {
    assert.throws(() => from(headers), { code: "unauthenticated" }, JSON.stringify(headers));
  }
});

test("[AUTH-2] a token in a URL is refused, and the way that is meant is named", async (t) => {
  for (const url of ["/a?token=x", "/a?access_token=x", "/a?after=1&Token=x"]) {
    assert.throws(() => from({}, url), { code: "bad_parameter", message: /POST \/tickets/ });
  }
  const { holdfast, url } = await startNode(t, { auth: { tokens: { keys: [{ secret }], audience: [] } } });
  const token = await mint({ holdfast: { grants: ["read,publish **"] } });
  for (const path of [`/channels/a?token=${token}`, `/events?channel=a&access_token=${token}`]) {
    const { status, text, json } = await call(`${url}${path}`, { headers: { Accept: "*/*" } });
    assert.deepEqual([status, json.code], [400, "bad_parameter"]);
    assert.ok(!text.includes(token));
    if (path.startsWith("/channels")) {
      assert.deepEqual(await SocketClient.refused(`${url}${path}`), { status: 400, code: "bad_parameter" });
    }
  }
  assert.equal(holdfast.stats().sessions, 0);
});

const requests: readonly [what: string, method: string, path: string, headers: Record<string, string>][] = [
  ["reading", "GET", "/channels/a", {}],
  ["an EventSource", "GET", "/channels/a", { Accept: "text/event-stream" }],
  ["several channels", "GET", "/events?channel=a", { Accept: "text/event-stream" }],
  ["publishing", "POST", "/channels/a", { "Content-Type": "text/plain" }],
  ["a session", "POST", "/connect", { "Content-Type": "application/json" }],
];

const hello = JSON.stringify({ type: "hello", subscriptions: [{ channel: "a" }] });

test("[AUTH-12] a cookie counts only where a page of this origin, or an allowed one, has sent it", async (t) => {
  const friend = "https://app.example";
  const { holdfast, url } = await startNode(t, {
    auth: { tokens: { keys: [{ secret }], audience: [] }, cookie: "session" },
    origins: [friend],
  });
  const token = await mint({ holdfast: { grants: ["read,publish **"] } });
  const cookie = { Cookie: `session=${token}` };
  for (const [what, method, path, headers] of requests) {
    const status = async (more: Record<string, string>) => {
      const body = method === "POST" ? { body: path === "/connect" ? hello : "x" } : {};
      const all = { ...headers, ...more };
      if (all.Accept !== "text/event-stream")
        return (await call(`${url}${path}`, { method, headers: all, ...body })).status;
      const stream = await StreamClient.open(t, `${url}${path}`, { headers: all });
      stream.leave();
      return stream.response.statusCode;
    };
    const fine = method === "POST" && path !== "/connect" ? 201 : 200;
    for (const own of [
      {},
      { Origin: url },
      { Origin: friend },
      { Origin: friend, "Sec-Fetch-Site": "cross-site" },
      { "Sec-Fetch-Site": "same-origin" },
      { "Sec-Fetch-Site": "none" },
    ] as Record<string, string>[]) {
      assert.equal(await status({ ...cookie, ...own }), fine, `${what} ${JSON.stringify(own)}`);
    }
    for (const foreign of [
      { Origin: "https://evil.example" },
      { Origin: "null" },
      { "Sec-Fetch-Site": "cross-site" },
      { "Sec-Fetch-Site": "same-site" },
    ] as Record<string, string>[]) {
      assert.equal(await status({ ...cookie, ...foreign }), 403, `${what} ${JSON.stringify(foreign)}`);
    }
    // What a page has to say itself no other page can have a browser say.
    const header = { Authorization: `Bearer ${token}`, "Sec-Fetch-Site": "cross-site" };
    assert.equal(await status(header), fine, what);
  }
  await forgotten(holdfast);
});

test("[AUTH-12] a WebSocket of a foreign page is refused before the upgrade, with a cookie or without", async (t) => {
  const { url } = await startNode(t, {
    auth: { tokens: { keys: [{ secret }], audience: [] }, cookie: "session" },
  });
  const cookie = { Cookie: `session=${await mint({ holdfast: { grants: ["read **"] } })}` };
  for (const path of ["/channels/a", "/connect"]) {
    for (const headers of [
      { ...cookie, Origin: "https://evil.example" },
      { ...cookie, "Sec-Fetch-Site": "cross-site" },
      { Origin: "https://evil.example" },
    ]) {
      assert.deepEqual(await SocketClient.refused(`${url}${path}`, { headers }), {
        status: 403,
        code: "forbidden",
      });
    }
  }
  const own = await SocketClient.open(t, `${url}/channels/a`, { headers: { ...cookie, Origin: url } });
  assert.equal((await own.message(0)).control, "subscribed");
  const session = await SocketClient.open(t, `${url}/connect`, { headers: cookie });
  session.say({ type: "hello", subscriptions: [{ channel: "a" }] });
  assert.equal((await session.message(0)).user, "ada");
});

test("[AUTH-12] an application that looks for cookies by itself is told of none that a foreign page has sent", async (t) => {
  let asked = 0;
  const { url } = await startNode(t, {
    authenticate: () => {
      asked++;
      return { user: "ada" };
    },
    authorize: () => true,
  });
  const foreign = { Cookie: "sid=1", "Sec-Fetch-Site": "cross-site" };
  assert.equal((await post(`${url}/channels/a`, "1", foreign)).status, 403);
  assert.equal(asked, 0);
  assert.equal(
    (await post(`${url}/channels/a`, "1", { ...foreign, "Sec-Fetch-Site": "same-origin" })).status,
    201,
  );
});

test("[AUTH-2] a token in hello comes before that of the request, and is judged by itself", async (t) => {
  const { url } = await startNode(t, { auth: { tokens: { keys: [{ secret }], audience: [] } } });
  const headers = { Authorization: `Bearer ${await mint({ sub: "ada" })}` };
  const socket = await SocketClient.open(t, `${url}/connect`, { headers });
  socket.say({ type: "hello", token: await mint({ sub: "bob" }) });
  assert.equal((await socket.message(0)).user, "bob");
  const other = await SocketClient.open(t, `${url}/connect`, { headers });
  other.say({ type: "hello", token: "bad" });
  assert.deepEqual(await other.closes(), { code: 4401, reason: "unauthenticated" });
  const body = JSON.stringify({ type: "hello", token: await mint({ sub: "bob" }) });
  assert.match((await post(`${url}/connect`, body, headers)).text, /"user":"bob"/);
});
