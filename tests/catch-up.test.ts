import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { after, before, test } from "node:test";
import { connect, type Transport } from "@holdfast/client";
import { createHoldfast } from "@holdfast/server";

const retention = { eventsMax: 100_000, bytesMax: 256 * 1024 * 1024, ageMsMax: 3_600_000 };
const holdfast = createHoldfast({ logger: () => {}, compression: true, namespaces: { "": { retention } } });
const server: Server = createServer();
const sockets: Socket[] = [];
let url = "";

before(async () => {
  server.on("connection", (socket) => sockets.push(socket));
  holdfast.attach(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await fill("long", 60_000);
  await fill("short", 15_000);
});

after(async () => {
  await holdfast.close({ deadlineMs: 0 });
  server.close();
});

async function fill(channel: string, count: number): Promise<void> {
  const published = Array.from({ length: count }, (_, index) => holdfast.publish(channel, index));
  await Promise.all(published);
}

interface Reading {
  readonly transport: Transport;
  readonly channel: string;
  readonly count: number;
  /** After so many events the application does something else for a while. */
  readonly pauseEvery?: number;
  readonly bufferedEventsMax?: number;
}

/** Reads a history to its end; answers how much the server wrote for that. */
async function bytesFor({
  transport,
  channel,
  count,
  pauseEvery = count,
  ...options
}: Reading): Promise<number> {
  const before = bytesWritten();
  const client = connect(url, { transports: [transport], ...options });
  let seen = 0;
  for await (const event of client.subscribe<number>(channel, { after: "oldest" })) {
    assert.equal(event.data, seen++);
    if (seen === count) break;
    if (seen % pauseEvery === 0) await otherwiseBusy();
  }
  client.close();
  while (holdfast.stats().sessions > 0) await new Promise((resolve) => setImmediate(resolve));
  return bytesWritten() - before;
}

function bytesWritten(): number {
  return sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0);
}

/** Some turns of the event loop, in which more of what is on its way arrives. */
async function otherwiseBusy(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const readings: Readonly<Record<string, Omit<Reading, "transport">>> = {
  "as fast as it comes": { channel: "long", count: 60_000 },
  "as fast as it comes, with a buffer of a tenth of a page": {
    channel: "long",
    count: 60_000,
    bufferedEventsMax: 100,
  },
  "more slowly than it comes": { channel: "short", count: 15_000, pauseEvery: 100 },
};

for (const transport of ["websocket", "sse"] as const) {
  for (const [how, reading] of Object.entries(readings)) {
    test(`[READ-3] [BND-1] over ${transport} a history that is read ${how} is written once`, async () => {
      const needed = await bytesFor({ ...reading, transport, bufferedEventsMax: 1_000_000 });
      const written = await bytesFor({ ...reading, transport });
      assert.ok(written < needed * 1.3, `${written} bytes were written, where ${needed} do`);
    });
  }
}
