import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import type { HoldfastOptions } from "../index.ts";
import { forgotten, RawClient, SocketClient, startNode, until } from "../rig.test.ts";
import { clientFrame, upgradeLines } from "../transports/client-frames.test.ts";

const on: HoldfastOptions = { compression: { thresholdBytes: 100 } };
const offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits";
const long = { text: "the same words again and again ".repeat(40) };

function deflated(text: string | Buffer): Buffer {
  return deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

/** The frames in what a server sent after its handshake, while they are whole. */
function framesIn(received: string): { first: number; payload: Buffer }[] {
  const bytes = Buffer.from(received.slice(received.indexOf("\r\n\r\n") + 4), "latin1");
  const frames: { first: number; payload: Buffer }[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const short = bytes[at + 1] ?? 0;
    const head = short < 126 ? 2 : 4;
    if (at + head > bytes.length) break;
    const length = short < 126 ? short : bytes.readUInt16BE(at + 2);
    if (at + head + length > bytes.length) break;
    frames.push({ first: bytes[at] ?? 0, payload: bytes.subarray(at + head, at + head + length) });
    at += head + length;
  }
  return frames;
}

function inflated(payload: Buffer): string {
  const tail = Buffer.of(0, 0, 0xff, 0xff);
  return String(inflateRawSync(Buffer.concat([payload, tail]), { finishFlush: constants.Z_SYNC_FLUSH }));
}

test("[ZIP-1] [ZIP-2] [ZIP-4] an event is deflated in a frame of its own, and what is short is sent as it is", async (t) => {
  const { holdfast, port } = await startNode(t, on);
  const client = new RawClient(t, port).send(...upgradeLines("/channels/a", offer));
  await client.receives("subscribed");
  assert.match(
    client.received,
    /Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n/,
  );
  await holdfast.publish("a", long);
  await holdfast.publish("a", "short");
  await until(() => framesIn(client.received).length === 3);
  const [subscribed, first, second] = framesIn(client.received);
  assert.deepEqual([subscribed?.first, first?.first, second?.first], [0x81, 0xc1, 0x81]);
  const payload = first?.payload ?? Buffer.alloc(0);
  assert.deepEqual(JSON.parse(inflated(payload)).data, long);
  assert.ok(payload.length < 200 && !payload.subarray(-4).equals(Buffer.of(0, 0, 0xff, 0xff)));
  assert.equal(JSON.parse(String(second?.payload)).data, "short");
});

test("[ZIP-1] [ZIP-4] what would not become shorter is sent as it is", async (t) => {
  const { holdfast, port } = await startNode(t, { compression: { thresholdBytes: 0 } });
  const client = new RawClient(t, port).send(...upgradeLines("/channels/a", offer));
  await until(() => framesIn(client.received).length === 1);
  await holdfast.publish("a", "q7");
  await until(() => framesIn(client.received).length === 2);
  for (const { first, payload } of framesIn(client.received)) {
    const text = first === 0xc1 ? inflated(payload) : String(payload);
    assert.ok(payload.length <= text.length, `${payload.length} bytes for ${text.length}`);
    assert.ok(JSON.parse(text));
  }
});

test("[ZIP-1] [ZIP-2] on both faces, clients with and without the extension get the same messages", async (t) => {
  const { holdfast, url } = await startNode(t, on);
  for (const path of ["/channels/a", "/connect"]) {
    const clients = await Promise.all(
      [true, false].map((perMessageDeflate) => SocketClient.open(t, `${url}${path}`, { perMessageDeflate })),
    );
    assert.deepEqual(
      clients.map(({ socket }) => socket.extensions),
      ["permessage-deflate", ""],
    );
    for (const client of clients) {
      if (path === "/connect") client.say({ type: "hello", subscriptions: [{ channel: "a" }] });
    }
    await until(() => clients.every(({ messages }) => messages.some((one) => "head" in one)));
    const before = clients.map(({ messages }) => messages.length);
    await holdfast.publish("a", long);
    await until(() => clients.every(({ messages }, index) => messages.length > (before[index] ?? 0)));
    const [one, other] = clients.map(({ messages }) => messages.at(-1));
    assert.deepEqual(one, other);
  }
});

test("[ZIP-2] [ZIP-5] what a client deflates is read, whole or in fragments, and many in one piece", async (t) => {
  const { url, port } = await startNode(t, on);
  const client = await SocketClient.open(t, `${url}/channels/a`, { perMessageDeflate: { threshold: 0 } });
  client.say(long);
  client.say("second");
  await until(() => client.messages.filter(({ control }) => control === "published").length === 2);
  const raw = new RawClient(t, port).send(...upgradeLines("/channels/a", offer));
  await raw.receives("subscribed");
  const message = deflated(JSON.stringify(long));
  raw.socket.write(
    Buffer.concat([
      clientFrame(0x41, message.subarray(0, 5)),
      clientFrame(0x00, message.subarray(5, 9)),
      clientFrame(0x89, Buffer.from("between")),
      clientFrame(0x80, message.subarray(9)),
      ...["3", "4", "5"].map((text) => clientFrame(0xc1, deflated(text))),
      clientFrame(0x81, Buffer.from("6")),
    ]),
  );
  const data = () =>
    client.messages.filter(({ control }) => control === undefined).map((event) => event.data as unknown);
  await until(() => data().length === 7);
  assert.deepEqual(data(), [long, "second", long, 3, 4, 5, 6]);
});

const bomb = deflated(Buffer.alloc(10_000_000, 32));
for (const [what, frame, code, reason] of [
  ["a bomb", clientFrame(0xc1, bomb), 1009, "too_large"],
  ["one byte too many", clientFrame(0xc1, deflated(Buffer.alloc(100_001, 32))), 1009, "too_large"],
  ["corrupt deflate", clientFrame(0xc1, Buffer.of(0xff, 0xff, 0xff)), 1002, "bad_message"],
  ["deflate that refers to a message before", clientFrame(0xc1, deflatedAfterAnother()), 1002, "bad_message"],
  ["RSV1 on a control frame", clientFrame(0xc9, Buffer.from("hello")), 1002, "bad_message"],
  ["RSV1 on a continuation", clientFrame(0xc0, deflated("{}")), 1002, "bad_message"],
  ["RSV2", clientFrame(0xa1, deflated("{}")), 1002, "bad_message"],
  ["what inflates to invalid UTF-8", clientFrame(0xc1, deflated(Buffer.of(0xc3, 0x28))), 1007, "bad_utf8"],
] as const) {
  test(`[ZIP-5] [ZIP-6] [ERR-2] ${what} is closed with ${code} and ${reason}`, async (t) => {
    const { holdfast, port } = await startNode(t, {
      ...on,
      limits: { messageBytesMax: 100_000, eventBytesMax: 100_000, heartbeatMs: 200 },
    });
    const client = new RawClient(t, port).send(...upgradeLines("/channels/a", offer));
    await client.receives("subscribed");
    client.socket.write(frame);
    await client.receives(`${String.fromCharCode(0x88, reason.length + 2, code >> 8, code & 255)}${reason}`);
    await forgotten(holdfast);
    await client.closes();
  });
}

/** The second of two messages with a context that is taken over, which is against what was agreed. */
function deflatedAfterAnother(): Buffer {
  const words = JSON.stringify(long);
  const dictionary = Buffer.from(words);
  return deflateRawSync(words, { finishFlush: constants.Z_SYNC_FLUSH, dictionary }).subarray(0, -4);
}

test("[ZIP-5] a message of exactly the limit is taken", async (t) => {
  const { url } = await startNode(t, { ...on, limits: { messageBytesMax: 100_000, eventBytesMax: 100_000 } });
  const client = await SocketClient.open(t, `${url}/channels/a`, { perMessageDeflate: { threshold: 0 } });
  client.say("x".repeat(99_998));
  await until(() => client.messages.some(({ control }) => control === "published"));
});

test("[ZIP-6] [ZIP-7] RSV1 that was not agreed on is refused, as it is where compression is off", async (t) => {
  for (const [options, header] of [
    [on, []],
    [{}, [offer]],
    [on, ["Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9"]],
  ] as const) {
    const { port } = await startNode(t, options);
    const client = new RawClient(t, port).send(...upgradeLines("/channels/a", ...header));
    await client.receives("subscribed");
    assert.doesNotMatch(client.received, /Sec-WebSocket-Extensions/i);
    client.socket.write(clientFrame(0xc1, deflated("1")));
    await client.receives("bad_message");
  }
});

test("[ZIP-5] a client that leaves while it is inflated leaves nothing behind", async (t) => {
  const { holdfast, port } = await startNode(t, on);
  const client = new RawClient(t, port).send(...upgradeLines("/channels/a", offer));
  await client.receives("subscribed");
  client.socket.write(clientFrame(0x41, deflated(JSON.stringify(long)).subarray(0, 9)));
  client.socket.end(clientFrame(0xc1, bomb.subarray(0, 500)).subarray(0, 400));
  await client.closes();
  await forgotten(holdfast);
});
