import assert from "node:assert/strict";
import { test } from "node:test";
import { forgeries, tokenSettings, tokenWith } from "./forged-tokens.ts";
import { type Attack, type Attacker, besiege, Siege } from "./siege.ts";
import { handshake, hear, json, openSocket } from "./socket-attack.ts";
import { soon } from "./target.ts";
import type { Answer } from "./wire.ts";

const channel = "secret:a";

async function answerTo(attacker: Attacker, request: string): Promise<Answer> {
  const wire = attacker.wire().send(request);
  await soon(
    "an answer",
    () => wire.answers.length > 0 || wire.received.startsWith("HTTP/1.1 101") || wire.isClosed,
  );
  return (
    wire.answers[0] ?? { status: Number(wire.received.slice(9, 12)), head: wire.received, body: "", code: "" }
  );
}

function request(line: string, ...headers: readonly string[]): string {
  return `${[`${line} HTTP/1.1`, "Host: localhost", "Connection: close", ...headers].join("\r\n")}\r\n\r\n`;
}

const hello = (token: string) => JSON.stringify({ type: "hello", token, subscriptions: [{ channel }] });

/** The ways in, each answering with the code of its refusal. */
const doors: readonly (readonly [
  name: string,
  knock: (attacker: Attacker, token: string) => Promise<string>,
])[] = [
  [
    "reading",
    async (attacker, token) =>
      (await answerTo(attacker, request(`GET /channels/${channel}`, `Authorization: Bearer ${token}`))).code,
  ],
  [
    "an event stream",
    async (attacker, token) =>
      (
        await answerTo(
          attacker,
          request(`GET /channels/${channel}`, "Accept: text/event-stream", `Authorization: Bearer ${token}`),
        )
      ).code,
  ],
  [
    "publishing",
    async (attacker, token) =>
      (
        await answerTo(
          attacker,
          `${request(`POST /channels/${channel}`, "Content-Type: text/plain", "Content-Length: 1", `Authorization: Bearer ${token}`)}x`,
        )
      ).code,
  ],
  [
    "a cookie",
    async (attacker, token) =>
      (await answerTo(attacker, request(`GET /channels/${channel}`, `Cookie: live=${token}`))).code,
  ],
  [
    "an upgrade",
    async (attacker, token) =>
      (await answerTo(attacker, handshake(`/channels/${channel}`, `Authorization: Bearer ${token}`))).code,
  ],
  [
    "the upgrade of a session",
    async (attacker, token) =>
      (await answerTo(attacker, handshake("/connect", `Authorization: Bearer ${token}`))).code,
  ],
  [
    "a ticket",
    async (attacker, token) =>
      (
        await answerTo(
          attacker,
          request("POST /tickets", "Content-Length: 0", `Authorization: Bearer ${token}`),
        )
      ).code,
  ],
  [
    "a greeting over HTTP",
    async (attacker, token) =>
      (
        await answerTo(
          attacker,
          `${request("POST /connect", "Content-Type: application/json", `Content-Length: ${Buffer.byteLength(hello(token))}`)}${hello(token)}`,
        )
      ).code,
  ],
  [
    "a greeting",
    async (attacker, token) => {
      const wire = await openSocket(attacker, "/connect");
      wire.send(json(JSON.parse(hello(token))));
      await soon("a close", () => hear(wire).close !== undefined || wire.isClosed);
      assert.equal(hear(wire).close?.[0], 4401);
      return hear(wire).messages[0]?.code ?? "";
    },
  ],
];

const forged: readonly Attack[] = forgeries.map(([name, token, code]) => ({
  name: `a token with ${name}`,
  async run(attacker) {
    const told = await Promise.all(doors.map(async ([door, knock]) => [door, await knock(attacker, token)]));
    assert.deepEqual(
      told,
      doors.map(([door]) => [door, code]),
    );
  },
}));

const good = () => tokenWith();
const cookie = () => `Cookie: live=${good()}`;
const bearer = () => `Authorization: Bearer ${good()}`;

/** Requests whose credential is right, and which are refused for how they bring it; or are nobody's, where it is not looked at. */
const carried: readonly (readonly [name: string, sends: () => string, status: number, code: string])[] = [
  [
    "a token in the URL",
    () => request(`GET /channels/${channel}?access_token=${good()}`),
    400,
    "bad_parameter",
  ],
  [
    "a token in the URL, by another name",
    () => request(`GET /channels/${channel}?token=${good()}`),
    400,
    "bad_parameter",
  ],
  [
    "a token in the URL of a session",
    () => handshake(`/connect?access_token=${good()}`),
    400,
    "bad_parameter",
  ],
  [
    "a token of another scheme",
    () => request(`GET /channels/${channel}`, `Authorization: Basic ${good()}`),
    403,
    "forbidden",
  ],
  [
    "two tokens in one header",
    () => request(`GET /channels/${channel}`, `Authorization: Bearer ${good()} ${good()}`),
    401,
    "unauthenticated",
  ],
  [
    "a cookie from another site's page",
    () => request(`GET /channels/${channel}`, cookie(), "Origin: https://elsewhere.example"),
    403,
    "forbidden",
  ],
  [
    "a cookie from a page without an origin",
    () => request(`GET /channels/${channel}`, cookie(), "Origin: null"),
    403,
    "forbidden",
  ],
  [
    "a cookie that another site's page sends along",
    () => request(`GET /channels/${channel}`, cookie(), "Sec-Fetch-Site: cross-site"),
    403,
    "forbidden",
  ],
  [
    "an upgrade of another site's page",
    () => handshake(`/channels/${channel}`, cookie(), "Origin: https://elsewhere.example"),
    403,
    "forbidden",
  ],
  [
    "an upgrade of another site's page to a session",
    () => handshake("/connect", cookie(), "Origin: https://elsewhere.example"),
    403,
    "forbidden",
  ],
  [
    "an upgrade of a page without an origin",
    () => handshake("/connect", cookie(), "Origin: null"),
    403,
    "forbidden",
  ],
  [
    "an upgrade from a name that begins as ours",
    () => handshake("/connect", cookie(), "Origin: http://localhost.elsewhere.example"),
    403,
    "forbidden",
  ],
  [
    "a ticket that was never made",
    () => request(`GET /channels/${channel}?ticket=${"A".repeat(43)}`),
    401,
    "unauthenticated",
  ],
  [
    "a ticket that is none",
    () => request(`GET /channels/${channel}?ticket=..%2f..%00`),
    401,
    "unauthenticated",
  ],
  [
    "a token for a ticket",
    () => request(`GET /channels/${channel}?ticket=${good()}`),
    401,
    "unauthenticated",
  ],
  [
    "the nodes' own log",
    () => request("GET /channels/holdfast.control:all?after=oldest", bearer()),
    403,
    "forbidden",
  ],
  [
    "the nodes' own readiness",
    () =>
      `${request("POST /channels/holdfast.ready:x", "Content-Type: text/plain", "Content-Length: 1", bearer())}x`,
    403,
    "forbidden",
  ],
];

const misused: readonly Attack[] = carried.map(([name, sends, status, code]) => ({
  name,
  async run(attacker) {
    const answer = await answerTo(attacker, sends());
    assert.deepEqual([answer.status, answer.code], [status, code], answer.body);
  },
}));

async function makeTicket(attacker: Attacker): Promise<string> {
  const { status, body } = await answerTo(attacker, request("POST /tickets", "Content-Length: 0", bearer()));
  assert.equal(status, 201, body);
  return JSON.parse(body).ticket;
}

const tickets: readonly Attack[] = [
  {
    name: "a ticket that is used again",
    async run(attacker) {
      const ticket = await makeTicket(attacker);
      const use = async () =>
        (await answerTo(attacker, request(`GET /channels/${channel}?ticket=${ticket}`))).status;
      assert.deepEqual([await use(), await use(), await use()], [200, 401, 401]);
    },
  },
  {
    name: "a ticket that is used many times at once, on every way in",
    async run(attacker) {
      const ticket = await makeTicket(attacker);
      const uses = [
        request(`GET /channels/${channel}?ticket=${ticket}`),
        request(`GET /channels/${channel}?ticket=${ticket}`, "Accept: text/event-stream"),
        handshake(`/channels/${channel}?ticket=${ticket}`),
        handshake(`/connect?ticket=${ticket}`),
      ];
      const all = Array.from({ length: 5 }, () => uses).flat();
      const statuses = await Promise.all(
        all.map(async (use) => {
          const wire = attacker.wire().send(use);
          await soon("an answer", () => /^HTTP\/1\.1 \d{3}/.test(wire.received));
          return Number(wire.received.slice(9, 12));
        }),
      );
      assert.equal(statuses.filter((status) => status < 300).length, 1, statuses.join());
      assert.equal(statuses.filter((status) => status === 401).length, all.length - 1, statuses.join());
    },
  },
];

const auth = { tokens: tokenSettings, cookie: "live", anonymous: ["read healthy", "read attacked-*"] };
const limits = { handshakesPerAddressPerSecond: 0, connectionsPerAddressMax: 0 };

for (const bed of ["plain", "secure"] as const) {
  test(`[AUTH-1] [AUTH-2] [TICK-2] [ERR-2] a server withstands forged, stolen and worn-out credentials: ${bed}`, {
    concurrency: true,
  }, async (t) => {
    const siege = await Siege.lay(t, bed, { auth, limits }, { token: tokenWith({ sub: undefined }) });
    await besiege(t, siege, [...forged, ...misused, ...tickets], { atOnce: 10 });
  });
}
