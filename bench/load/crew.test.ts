import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { PayloadMaker } from "../payload.ts";
import type { Served } from "../peer.ts";
import { net } from "../peers/net.ts";
import { netSse } from "../peers/net-sse.ts";
import { Sockets } from "../serve/sockets.ts";
import { ReaderCrew } from "./crew.ts";
import type { Dialect } from "./dialect.ts";

const payloadBytes = 200;
const maker = new PayloadMaker(payloadBytes);

async function openCrew(t: TestContext, { dialect, serve }: typeof net, readers: number) {
  const served = await serve({ channels: 2, readers });
  t.after(() => served.close());
  const groups = [
    { channels: ["one"], readers },
    { channels: ["one", "two"], readers: 1 },
  ];
  const crew = new ReaderCrew(dialect, { port: served.port, payloadBytes, groups, isTimed: true });
  await crew.open();
  t.after(() => crew.leave());
  crew.begin();
  return { served, crew };
}

function publishAll(served: Served, events: readonly (readonly [channel: string, sequence: number])[]): void {
  for (const [channel, sequence] of events) void served.publish(channel, maker.make(sequence, 1));
}

for (const peer of [net, netSse]) {
  test(`readers of ${peer.name} count what they get, in windows`, async (t) => {
    const { served, crew } = await openCrew(t, peer, 3);
    for (const sequence of [1, 2]) {
      publishAll(served, [
        ["one", sequence],
        ["two", sequence],
      ]);
      const { delays, reads, lastUs, bytes, ...caught } = await crew.finish(1, 5000);
      assert.deepEqual(caught, { events: 5, lost: 0, surplus: 0, disordered: 0 });
      assert.equal(
        delays.filter((_, index) => index % 2 === 1).reduce((sum, count) => sum + count, 0),
        5,
      );
      assert.ok(reads >= 4 && lastUs > 0 && bytes > 5 * payloadBytes);
      crew.begin();
    }
  });
}

test("what is missing is lost, what comes twice is too much, and both are out of order", async (t) => {
  const { served, crew } = await openCrew(t, net, 2);
  publishAll(served, [
    ["one", 1],
    ["two", 1],
    ["one", 3],
  ]);
  // All that was sent has arrived: what is missing now is not waited for.
  await crew.finishTogether(7, 5000);
  const missing = await crew.finish(3, 0);
  // One event for each of three readers of "one", two of "two" for its reader.
  assert.deepEqual([missing.lost, missing.surplus, missing.disordered], [5, 0, 2]);
  crew.begin();
  publishAll(served, [
    ["one", 3],
    ["two", 2],
    ["two", 3],
    ["one", 4],
  ]);
  await crew.finishTogether(8, 5000);
  const surplus = await crew.finish(1, 0);
  assert.deepEqual([surplus.lost, surplus.surplus, surplus.disordered], [0, 4, 2]);
});

test("together, readers are missing what all of them should have had", async (t) => {
  const { served, crew } = await openCrew(t, net, 1);
  publishAll(served, [["one", 1]]);
  assert.equal((await crew.finishTogether(2, 5000)).lost, 0);
  assert.equal((await crew.finishTogether(7, 0)).lost, 5);
});

/** Serves each connection by hand; everything is gone at the end of the test. */
async function serveByHand(t: TestContext, serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Sockets(createServer(serve));
  t.after(() => sockets.close());
  return await sockets.listen();
}

function lonelyReader(dialect: Dialect, port: number): ReaderCrew {
  return new ReaderCrew(dialect, {
    port,
    payloadBytes,
    isTimed: false,
    groups: [{ channels: ["one"], readers: 1 }],
  });
}

test("a refusal is the failure that opening rejects with", async (t) => {
  const port = await serveByHand(t, (socket) => {
    socket.once("data", () => socket.write("HTTP/1.1 503 Service Unavailable\r\n\r\n"));
  });
  await assert.rejects(lonelyReader(net.dialect, port).open(), /503 Service Unavailable/);
});

test("a connection that ends makes the window fail", async (t) => {
  const port = await serveByHand(t, (socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\n\r\n"));
  });
  const crew = lonelyReader(netSse.dialect, port);
  await crew.open();
  t.after(() => crew.leave());
  await assert.rejects(crew.finish(1, 5000), /closed the connection/);
});

test("a reader answers what it is asked before it is live, and pings after", async (t) => {
  const said: string[] = [];
  const port = await serveByHand(t, (socket) => {
    const send = (bytes: string) => socket.write(bytes, "latin1");
    socket.once("data", () => {
      send("HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x04name");
      socket.on("data", (bytes: Buffer) => {
        // A client's frame: two bytes, a mask of zeros, and the text.
        said.push(bytes.subarray(6).toString());
        send(said.length === 1 ? "\x81\x07welcome\x81\x01?" : "\x88\x00");
      });
    });
  });
  const crew = lonelyReader(
    {
      framing: "websocket",
      path: () => "/",
      answer: (message) => (message === "name" ? "reader" : undefined),
      isLive: (heard) => heard.includes("welcome"),
      ping: { asked: "?", answer: "!" },
    },
    port,
  );
  await crew.open();
  t.after(() => crew.leave());
  await assert.rejects(crew.finish(1, 5000), /goodbye/);
  assert.deepEqual(said, ["reader", "!"]);
});
