import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import test from "node:test";
import * as ws from "ws";
import { encodeUtf8 } from "./bytes.ts";
import { frame, pingFrame } from "./websocket.ts";

// ws exports these for others to build on; its types leave them out.
const { Receiver, Sender } = ws as unknown as {
  Receiver: new (options: { isServer: boolean }) => NodeJS.WritableStream;
  Sender: { frame(data: Buffer, options: Record<string, unknown>): Buffer[] };
};

/** Both sides of each width of a length: 7 bits, 16 bits, 64 bits. */
const sizes = [0, 1, 124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537, 1_000_000];
const kinds = ["text", "binary"] as const;

for (const kind of kinds) {
  for (const size of sizes) {
    const payload = new Uint8Array(size).fill(0x61);

    test(`a ${kind} frame of ${size} bytes is the one that ws sends`, () => {
      const opcode = kind === "text" ? 1 : 2;
      const options = { fin: true, rsv1: false, opcode, mask: false, readOnly: true };
      const expected = Buffer.concat(Sender.frame(Buffer.from(payload), options));
      assert.equal(Buffer.compare(Buffer.from(frame(kind, payload)), expected), 0);
    });

    test(`a ${kind} frame of ${size} bytes is the message that ws receives`, async () => {
      const receiver = new Receiver({ isServer: false });
      const received = new Promise<[data: Buffer, isBinary: boolean]>((resolve, reject) => {
        receiver.on("message", (data: Buffer, isBinary: boolean) => resolve([data, isBinary]));
        receiver.on("error", reject);
      });
      receiver.write(Buffer.from(frame(kind, payload)));
      const [data, isBinary] = await received;
      assert.equal(isBinary, kind === "binary");
      assert.equal(Buffer.compare(data, payload), 0);
    });
  }
}

test("[ZIP-4] a deflated frame is the one that ws sends with RSV1", () => {
  const payload = Buffer.from("not looked at");
  const options = { fin: true, rsv1: true, opcode: 2, mask: false, readOnly: true };
  const expected = Buffer.concat(Sender.frame(payload, options));
  assert.deepEqual([...frame("binary", payload, true)], [...expected]);
});

test("a ping is the one that ws sends", () => {
  const options = { fin: true, rsv1: false, opcode: 9, mask: false, readOnly: true };
  assert.deepEqual([...pingFrame], [...Buffer.concat(Sender.frame(Buffer.alloc(0), options))]);
});

test("a frame copies its payload, from the middle of a buffer too", () => {
  const payload = encodeUtf8("abcdef").subarray(2, 4);
  const framed = frame("text", payload);
  payload.fill(0);
  assert.deepEqual([...framed], [0x81, 2, 0x63, 0x64]);
});
