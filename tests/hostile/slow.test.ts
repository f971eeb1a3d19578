import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attack, type Attacker, besiege, Siege } from "./siege.ts";
import { frame, handshake, hear, json, opcode, openSocket, text } from "./socket-attack.ts";
import { soon } from "./target.ts";
import type { Wire } from "./wire.ts";

const get = (target: string, ...headers: string[]) =>
  `${[`GET ${target} HTTP/1.1`, "Host: localhost", ...headers].join("\r\n")}\r\n\r\n`;
const stream = get("/channels/big?after=oldest", "Accept: text/event-stream");

/** Sends a byte now and then for as long as it is taken. */
async function trickle(wire: Wire, byte: string): Promise<void> {
  await soon("the end of patience", () => {
    if (wire.socket.writable) wire.send(byte);
    return wire.isClosed;
  });
}

/** What begins and is never finished, and what it is answered where that can still be done. */
const unfinished: readonly (readonly [name: string, begins: string, byte: string, code: string])[] = [
  ["headers", "GET /channels/a HTTP/1.1\r\nHost: localhost\r\nX: ", "x", "timed_out"],
  ["a first line", "GET /channels/", "a", "timed_out"],
  [
    "a body",
    `${get("/channels/a", "Content-Type: text/plain", "Content-Length: 50000").replace("GET", "POST")}`,
    "x",
    "timed_out",
  ],
  [
    "a body in chunks",
    `${get("/channels/a", "Content-Type: text/plain", "Transfer-Encoding: chunked").replace("GET", "POST")}`,
    "1\r\nx\r\n",
    "timed_out",
  ],
  [
    "a chunk's length",
    `${get("/channels/a", "Content-Type: text/plain", "Transfer-Encoding: chunked").replace("GET", "POST")}`,
    "0",
    "timed_out",
  ],
  [
    "trailers",
    `${get("/channels/a", "Content-Type: text/plain", "Transfer-Encoding: chunked").replace("GET", "POST")}1\r\nx\r\n0\r\nX: `,
    "x",
    "timed_out",
  ],
  [
    "a greeting over HTTP",
    `${get("/connect", "Content-Type: application/json", "Content-Length: 50000").replace("GET", "POST")}`,
    " ",
    "timed_out",
  ],
];

const trickling: readonly Attack[] = unfinished.map(([what, begins, byte, code]) => ({
  name: `${what} that never come to an end`,
  async run(attacker) {
    const wire = attacker.wire().send(begins);
    await trickle(wire, byte);
    // In somebody else's server its own deadline may come first, with an answer of its own.
    if (attacker.target.bed === "attached") return;
    assert.deepEqual(
      wire.answers.map((answer) => answer.code),
      [code],
      wire.received,
    );
  },
}));

async function closesWith(wire: Wire, code: number, reason: string): Promise<void> {
  await soon("a close", () => hear(wire).close !== undefined || wire.isClosed);
  assert.deepEqual(hear(wire).close, [code, reason]);
}

const silences: readonly Attack[] = [
  {
    name: "a connection on which nothing comes",
    run: async (attacker) => await soon("its end", silent(attacker.wire())),
  },
  {
    name: "a body that is announced, asked for and not sent",
    async run(attacker) {
      const wire = attacker.wire();
      wire.send(
        get("/channels/a", "Content-Type: text/plain", "Content-Length: 5", "Expect: 100-continue").replace(
          "GET",
          "POST",
        ),
      );
      await soon("its end", silent(wire));
      assert.match(wire.received, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 408 /);
    },
  },
  {
    name: "a session without a greeting",
    run: async (attacker) => await closesWith(await openSocket(attacker, "/connect"), 4408, "timed_out"),
  },
  {
    name: "a greeting that never comes to an end",
    async run(attacker) {
      const wire = await openSocket(attacker, "/connect");
      wire.send(frame(opcode.text, '{"type":"hel'));
      await closesWith(wire, 4408, "timed_out");
    },
  },
  {
    name: "a session that falls silent in the middle of a frame",
    async run(attacker) {
      const wire = await openSocket(attacker, "/connect");
      wire.send(json({ type: "hello" })).send(frame(opcode.text, '{"type":"pi'));
      await closesWith(wire, 4408, "timed_out");
    },
  },
  {
    name: "a channel's WebSocket that answers no ping",
    run: async (attacker) => await closesWith(await openSocket(attacker, "/channels/a"), 4408, "timed_out"),
  },
];

function silent(wire: Wire): () => boolean {
  return () => wire.isClosed;
}

/** Clients that stop reading, each with far more to read than its connection takes. */
const deaf: readonly Attack[] = (
  [
    ["an event stream", (wire: Wire) => wire.send(stream)],
    ["a WebSocket", (wire: Wire) => wire.send(handshake("/channels/big?after=oldest"))],
    [
      "a session",
      (wire: Wire) => {
        wire.send(handshake("/connect"));
        wire.send(json({ type: "hello", subscriptions: [{ channel: "big", after: "oldest" }] }));
      },
    ],
  ] as const
).map(([what, begins]) => ({
  name: `${what} that is never read`,
  async run(attacker) {
    const wire = attacker.wire();
    wire.socket.pause();
    begins(wire);
    await soon("a session", async () => (await attacker.target.held()).sessions > 3);
    // It is given up, although it never says that it has gone.
    await soon("its end", async () => (await attacker.target.held()).sessions === 3);
  },
}));

/** Publishes more than the buffers of two sockets take. */
async function fill(attacker: Attacker): Promise<void> {
  const wire = await openSocket(attacker, "/channels/big?format=text");
  const event = text(Buffer.alloc(15_000, "x"));
  const count = 800;
  for (let n = 0; n < count; n++) wire.send(event);
  await soon("all of it", () => wire.received.split('"published"').length > count);
}

for (const bed of ["plain", "secure", "attached"] as const) {
  test(`[BND-1] [BND-2] [ERR-2] [POST-3] a server withstands those who take their time: ${bed}`, {
    concurrency: true,
  }, async (t) => {
    const siege = await Siege.lay(t, bed);
    await besiege(t, siege, [...trickling, ...silences], { atOnce: 20 });
    await siege.throws({ name: "a channel that is large", run: fill });
    await siege.settle();
    await besiege(t, siege, deaf, { atOnce: 1 });
  });
}
