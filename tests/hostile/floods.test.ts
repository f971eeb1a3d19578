import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attack, type Attacker, besiege, Siege } from "./siege.ts";
import { fin, frame, handshake, hear, json, opcode, openSocket, text } from "./socket-attack.ts";
import { smallLimits, soon } from "./target.ts";
import type { Wire } from "./wire.ts";

const get = (target: string, ...headers: readonly string[]) =>
  `${[`GET ${target} HTTP/1.1`, "Host: localhost", ...headers].join("\r\n")}\r\n\r\n`;
const poll = get("/channels/a?after=latest&wait=60");
const times = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n));

/** Opens more connections than there may be, and says the same on each; resolves when those too many have been refused. */
async function crowdIn(attacker: Attacker, says: string): Promise<void> {
  const { connectionsMax } = smallLimits;
  const wires = times(connectionsMax + 50, () => attacker.wire().send(says));
  const refused = () => wires.filter((wire) => wire.isClosed);
  // Healthy clients have some of the places.
  await soon("refusals", () => refused().length >= 50);
  for (const { received, answers } of refused()) {
    // Where there are even more of them than are told, they are cut.
    assert.ok(received === "" || /overloaded/.test(answers[0]?.body ?? ""), received);
  }
  assert.ok(
    refused().some(({ received }) => received !== ""),
    "nobody was told",
  );
}

/** What a connection is owed for what was read from it in one go, before it is read no further. */
const answersToOneReadMax = 1024 * 1024;

/** Writes the same again and again to a server whose answers it does not read, until it is cut or no more is taken. */
async function floodDeaf(attacker: Attacker, wire: Wire, bytes: Buffer): Promise<void> {
  wire.socket.pause();
  const { connections } = await attacker.target.held();
  let same = 0;
  let last = -1;
  await soon("an end of it", async () => {
    if (wire.isClosed || !wire.socket.writable) return true;
    if (wire.socket.writableLength === 0) wire.send(bytes);
    const { bytesWritten, writableLength } = wire.socket;
    same = bytesWritten - writableLength === last ? same + 1 : 0;
    last = bytesWritten - writableLength;
    const held = await attacker.target.held();
    assert.ok(held.unsentBytes < answersToOneReadMax, `${held.unsentBytes} bytes are unsent`);
    return same > 20 || held.connections < connections;
  });
}

async function greeted(attacker: Attacker, ...subscriptions: readonly object[]): Promise<Wire> {
  const wire = await openSocket(attacker, "/connect");
  wire.send(json({ type: "hello", subscriptions }));
  await wire.receives('"welcome"');
  return wire;
}

const heard = (wire: Wire, type: string) =>
  hear(wire).messages.filter((message) => message.type === type).length;

const attacks: readonly Attack[] = [
  {
    name: "long polls beyond the connections that there may be",
    takesAllPlaces: true,
    run: (attacker) => crowdIn(attacker, poll),
  },
  {
    name: "event streams beyond the connections that there may be",
    takesAllPlaces: true,
    run: (attacker) => crowdIn(attacker, get("/channels/a", "Accept: text/event-stream")),
  },
  {
    name: "WebSockets beyond the connections that there may be",
    takesAllPlaces: true,
    run: (attacker) => crowdIn(attacker, handshake("/channels/a")),
  },
  {
    name: "hundreds of requests behind one that is held",
    async run(attacker) {
      // That its client has gone is noticed when it is answered: what waits behind it is not read.
      const held = get("/channels/a?after=latest&wait=1");
      const wire = attacker.wire().send(held + get("/channels/a").repeat(200));
      await soon("the one that is held", async () => (await attacker.target.held()).waiters > 0);
      // None of the others is served before it, and none is left when their client has gone.
      assert.equal(wire.received, "");
    },
  },
  {
    name: "thousands of channels, one after the other",
    async run(attacker) {
      const wire = attacker.wire();
      for (let n = 0; n < 2000; n += 50) {
        wire.send(times(50, (more) => get(`/channels/many-${n + more}`)).join(""));
        await soon("the answers", () => wire.answers.length === n + 50 || wire.isClosed);
      }
      assert.equal(wire.answers.length, 2000);
    },
  },
  {
    name: "thousands of subscriptions that come and go",
    async run(attacker) {
      const wire = await greeted(attacker);
      for (let n = 0; n < 2000; n += 50) {
        const channels = times(50, (more) => `come-and-go-${n + more}`);
        wire.send(json({ type: "subscribe", subscriptions: channels.map((channel) => ({ channel })) }));
        wire.send(json({ type: "unsubscribe", channels }));
      }
      wire.send(json({ type: "ping" }));
      await wire.receives('"pong"');
    },
  },
  {
    name: "pings of a session that reads no answers",
    run: async (attacker) =>
      await floodDeaf(
        attacker,
        await greeted(attacker),
        Buffer.concat(times(2000, () => json({ type: "ping" }))),
      ),
  },
  {
    name: "pings of a WebSocket that reads no answers",
    run: async (attacker) =>
      await floodDeaf(
        attacker,
        await greeted(attacker),
        Buffer.concat(times(2000, () => frame(fin | opcode.ping, Buffer.alloc(125)))),
      ),
  },
  {
    name: "nonsense of a session that reads no answers",
    run: async (attacker) =>
      await floodDeaf(attacker, await greeted(attacker), Buffer.concat(times(2000, () => text("{")))),
  },
  {
    name: "events of a publisher that reads no answers",
    run: async (attacker) =>
      await floodDeaf(
        attacker,
        await openSocket(attacker, `/channels/${attacker.channel}`),
        Buffer.concat(times(500, (n) => text(`${n}`))),
      ),
  },
  {
    name: "signals to a session that reads nothing",
    async run(attacker) {
      const { channel } = attacker;
      const deaf = await greeted(attacker, { channel, signals: true });
      deaf.socket.pause();
      const wire = await greeted(attacker);
      for (let n = 0; n < 300; n++) {
        wire.send(json({ type: "signal", channel, key: `${n % 50}`, data: "x".repeat(10_000) }));
      }
      wire.send(json({ type: "ping" }));
      await wire.receives('"pong"');
      const { unsentBytes } = await attacker.target.held();
      assert.ok(unsentBytes < 4 * smallLimits.connectionBufferBytesMax, `${unsentBytes} bytes are unsent`);
    },
  },
  {
    name: "a member that changes all the time",
    async run(attacker) {
      const { channel } = attacker;
      const wire = await greeted(attacker, { channel, presence: true, join: 0 });
      for (let n = 1; n <= 500; n++) wire.send(json({ type: "presence", channel, data: n }));
      await soon("the last of it", () => wire.received.includes('"data":500,'));
    },
  },
  {
    name: "tokens without end",
    async run(attacker) {
      const wire = await greeted(attacker);
      for (let n = 0; n < 500; n++) wire.send(json({ type: "auth", token: `${n}` }));
      wire.send(json({ type: "ping" }));
      await soon("an answer", () => heard(wire, "pong") > 0 || hear(wire).close !== undefined);
    },
  },
  {
    name: "ids without end",
    async run(attacker) {
      const wire = await greeted(attacker);
      const publish = (ref: number, id: string) =>
        json({ type: "publish", ref, channel: attacker.channel, events: [{ data: ref, id }] });
      for (let n = 0; n < 2000; n++) wire.send(publish(n, `${n}`));
      await soon("the answers", () => heard(wire, "published") === 2000);
      // The first is forgotten, and the last is not.
      wire.send(publish(2000, "1999"));
      await wire.receives('"duplicate":true');
    },
  },
  {
    name: "a body of thousands of chunks",
    async run(attacker) {
      const wire = attacker.wire();
      const head = get(
        `/channels/${attacker.channel}`,
        "Content-Type: text/plain",
        "Transfer-Encoding: chunked",
      );
      wire.send(head.replace("GET", "POST")).send(`${"1\r\nx\r\n".repeat(10_000)}0\r\n\r\n`);
      await soon("an answer", () => wire.answers.length === 1);
      assert.equal(wire.answers[0]?.status, 201);
    },
  },
  {
    name: "questions whether it is ready, without end",
    async run(attacker) {
      const wires = times(50, () => attacker.wire().send(get("/health/ready").repeat(20)));
      await soon("the answers", () => wires.every(({ answers }) => answers.length === 20));
    },
  },
];

test("[BND-1] [BND-2] [ERR-2] [HTTP-5] a server withstands floods", { concurrency: true }, async (t) => {
  const limits = { connectionsPerAddressMax: 0, messagesPerSecond: 0, publishesPerUserPerSecond: 0 };
  const siege = await Siege.lay(t, "plain", { limits, memory: { bytesMax: 8 * 1024 * 1024 } });
  // Thousands of channels are known for a while, a thousand hubs wait for their readers to come back, and the log is full.
  await besiege(t, siege, attacks, { mayKeepBytes: 64 * 1024 * 1024 });
});
