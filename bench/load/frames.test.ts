import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { test } from "node:test";
import { frame as protocolFrame } from "@holdfast/protocol";
import fc from "fast-check";
import { WebSocketServer } from "ws";
import { clientFrame, FrameWalker } from "./frames.ts";

/** Hears what a walker finds, as lines. */
function listen() {
  const heard: string[] = [];
  let text = "";
  const listener = {
    body(buffer: Uint8Array, from: number, end: number, length: number, isLast: boolean) {
      text += Buffer.from(buffer.subarray(from, end)).toString("latin1");
      if (!isLast) return;
      assert.equal(text.length, length);
      heard.push(text);
      text = "";
    },
    ping: () => heard.push("(ping)"),
    close: () => heard.push("(close)"),
  };
  return { heard, walker: new FrameWalker(listener) };
}

const bodies = fc.array(
  fc.constantFrom("", "x", "y".repeat(125), "z".repeat(126), "w".repeat(70_000), "(ping)"),
  {
    maxLength: 8,
  },
);
const pieces = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 20 });

test("frames are found by their lengths, however they are cut", () => {
  fc.assert(
    fc.property(bodies, pieces, (texts, sizes) => {
      const { heard, walker } = listen();
      const bytes = Buffer.concat(
        texts.map((text) =>
          text === "(ping)" ? Buffer.from([0x89, 2, 1, 2]) : protocolFrame("text", Buffer.from(text)),
        ),
      );
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const end = Math.min(bytes.length, at + sizes[turn % sizes.length]!);
        walker.walk(bytes, at, end);
        at = end;
      }
      assert.deepEqual(heard, texts);
    }),
    { numRuns: 60 },
  );
});

test("a close is told", () => {
  const { heard, walker } = listen();
  walker.walk(Buffer.from([0x88, 2, 3, 232]), 0, 4);
  assert.deepEqual(heard, ["(close)"]);
});

test("a server that is not ours reads what clients send", async (t) => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  t.after(() => server.close());
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  t.after(() => socket.destroy());
  const key = Buffer.alloc(16).toString("base64");
  socket.write(
    `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  const [client] = (await once(server, "connection")) as [import("ws").WebSocket];
  for (const text of ["", "short", "é".repeat(100), "long".repeat(10_000)]) {
    socket.write(clientFrame(text));
    const [data] = (await once(client, "message")) as [Buffer];
    assert.equal(data.toString(), text);
  }
  assert.throws(() => clientFrame("x".repeat(70_000)), RangeError);
});
