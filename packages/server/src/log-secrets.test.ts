import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
import type { LogEntry } from "./index.ts";
import { call, post, RawClient, SocketClient, StreamClient, startNode, until } from "./rig.test.ts";

/** What nobody may find in a log; each way in has one of its own, so that a leak says where. */
const secrets = {
  header: "hfk_HEADERsecretHEADERsecretHEADERsecretHEADER0",
  cookie: "eyJhbGciOiJIUzI1NiJ9.COOKIEsecret.COOKIEsignature",
  hello: "hello-SECRET-of-a-session",
  renewal: "renewal-SECRET-of-a-session",
  url: "URLSECRETtoken",
  ticket: "TICKETSECRETvalue",
  thrown: "eyJhbGciOiJub25lIn0.THROWNsecret.x",
} as const;

const pattern =
  /HEADERsecret|COOKIEsecret|COOKIEsignature|hello-SECRET|renewal-SECRET|URLSECRET|TICKETSECRET|THROWNsecret/;

const hello = (token: string, ...subscriptions: unknown[]) => ({ type: "hello", token, subscriptions });

test("[SEE] [AUTH-2] no way in leaves a credential in the log, not even at debug", async (t) => {
  const log: LogEntry[] = [];
  const { url, port, holdfast } = await startNode(t, {
    logLevel: "debug",
    logger: (entry) => log.push(entry),
    auth: { cookie: "session" },
    authenticate: (token) => {
      if (token === undefined) return null;
      // What an application throws may name what it was given, in its message and in its causes.
      if (token === secrets.cookie)
        throw new Error(`cannot read ${secrets.thrown}`, {
          cause: new Error(`Cookie: session=${secrets.cookie}`),
        });
      return { user: "ada" };
    },
    authorize: (_, action) => action !== "admin",
  });
  const channel = `${url}/channels/a`;
  const bearer = { Authorization: `Bearer ${secrets.header}` };
  const cookie = { Cookie: `session=${secrets.cookie}` };
  const inUrl = `token=${secrets.url}&access_token=${secrets.url}&ticket=${secrets.ticket}`;
  // Plain faces: served, refused, and failing.
  for (const headers of [bearer, cookie]) {
    await call(channel, { headers });
    await call(`${channel}?after=nothing`, { headers });
    await call(`${channel}?wait=1&${inUrl}`, { headers });
    await call(`${url}/events?channel=a&${inUrl}`, { headers: { ...headers, Accept: "text/event-stream" } });
    await call(`${channel}/state?${inUrl}`, { headers });
    await post(`${channel}?${inUrl}`, "1", headers);
    await post(`${channel}/close`, "", headers);
    await post(`${url}/connect?${inUrl}`, JSON.stringify(hello(secrets.hello)), headers);
    await post(`${url}/connect`, JSON.stringify(hello(secrets.hello, { channel: "a" })), headers);
    await call(`${url}/stats?${inUrl}`, { headers });
    await call(`${url}/nowhere/at/all?${inUrl}`, { headers });
  }
  // A ticket, used once and then again.
  const { ticket } = (await post(`${url}/tickets`, "", bearer)).json as { ticket: string };
  const traded = await StreamClient.open(t, `${channel}?ticket=${ticket}`);
  await traded.receives("id: ");
  assert.equal((await call(`${channel}?ticket=${ticket}`)).status, 401);
  traded.leave();
  const stream = await StreamClient.open(t, channel, { headers: bearer });
  await stream.receives("id: ");
  // WebSockets: served, and refused before the upgrade.
  const plain = await SocketClient.open(t, channel, { headers: bearer });
  await plain.message(0);
  for (const [path, headers] of [
    [`/channels/a?${inUrl}`, bearer],
    [`/connect?${inUrl}`, bearer],
    ["/channels/a", cookie],
  ] as const) {
    const refused = new WebSocket(url.replace("http", "ws") + path, { headers: { ...headers } });
    await new Promise<void>((resolve) =>
      refused.on("error", () => resolve()).on("open", () => assert.fail()),
    );
  }
  const session = await SocketClient.open(t, `${url}/connect`);
  session.say(hello(secrets.hello, { channel: "a" }, { channel: "no such:channel!" }));
  await session.message(1);
  session.say({ type: "auth", token: secrets.renewal });
  session.say({ type: "auth", token: secrets.renewal, more: [1] });
  session.say({ type: secrets.renewal });
  await until(() => session.messages.length >= 4);
  // What is no HTTP at all.
  const raw = new RawClient(t, port).send(
    `GET /x?ticket=${secrets.ticket} HTTP/9.9`,
    `Cookie: ${secrets.cookie}`,
    "",
    "",
  );
  await raw.closes();
  for (const socket of [session, plain]) socket.socket.close();
  stream.leave();
  await until(() => holdfast.stats().sessions === 0);

  const messages = new Set(log.map(({ message }) => message));
  for (const message of [
    "A connection opened.",
    "A connection closed.",
    "A request was refused.",
    '"authenticate" failed.',
  ])
    assert.ok(messages.has(message), message);
  for (const entry of log) {
    assert.doesNotMatch(JSON.stringify(entry), pattern);
    assert.ok(!JSON.stringify(entry).includes(ticket.slice(0, 43)));
  }
});
