import assert from "node:assert/strict";
import { test } from "node:test";
import { forgotten, RawClient, SocketClient, startNode, until } from "../rig.test.ts";
import { clientFrame, upgradeLines } from "./client-frames.test.ts";

const greeting = Buffer.from('{"type":"hello"}');
for (const [what, frame, code, reason] of [
  ["an unmasked frame", clientFrame(0x81, greeting, { masked: false }), 1002, "bad_message"],
  ["a reserved bit", clientFrame(0xc1, greeting), 1002, "bad_message"],
  ["a reserved opcode", clientFrame(0x83, greeting), 1002, "bad_message"],
  ["a continuation of nothing", clientFrame(0x80, greeting), 1002, "bad_message"],
  ["a fragmented control frame", clientFrame(0x09, greeting), 1002, "bad_message"],
  ["invalid UTF-8", clientFrame(0x81, Uint8Array.of(0xc3, 0x28)), 1007, "bad_utf8"],
  ["an oversize message", clientFrame(0x81, Buffer.alloc(1001, 32)), 1009, "too_large"],
  ["a length beyond all measure", clientFrame(0x81, greeting, { length: 2 ** 60 }), 1009, "too_large"],
] as const) {
  for (const path of ["/connect", "/channels/a"]) {
    test(`[ERR-1] [ERR-2] ${what} on ${path} is closed with ${code} and ${reason}`, async (t) => {
      const { holdfast, port } = await startNode(t, {
        limits: { messageBytesMax: 1000, eventBytesMax: 1000, heartbeatMs: 200 },
      });
      const client = new RawClient(t, port).send(...upgradeLines(path));
      await client.receives("\r\n\r\n");
      client.socket.write(frame);
      await client.receives(
        `${String.fromCharCode(0x88, reason.length + 2, code >> 8, code & 255)}${reason}`,
      );
      // The handshake is not answered, and yet nothing stays.
      await forgotten(holdfast);
      await client.closes();
    });
  }
}

test("[ERR-2] a message in many small pieces is bounded like one in a single piece", async (t) => {
  const { holdfast, port } = await startNode(t, { limits: { messageBytesMax: 1000, eventBytesMax: 1000 } });
  const client = new RawClient(t, port).send(...upgradeLines("/connect"));
  await client.receives("\r\n\r\n");
  client.socket.write(clientFrame(0x01, Buffer.alloc(100, 32)));
  for (let n = 0; n < 10; n++) client.socket.write(clientFrame(0x00, Buffer.alloc(100, 32)));
  await client.receives("\x03\xf1too_large");
  await forgotten(holdfast);
});

test("[ERR-2] a closing handshake that is never answered does not keep the connection", async (t) => {
  const { holdfast, port } = await startNode(t, { limits: { heartbeatMs: 200 } });
  const client = new RawClient(t, port).send(...upgradeLines("/connect"));
  await client.receives("\r\n\r\n");
  client.socket.write(clientFrame(0x81, Buffer.from('{"type":"ping"}')));
  await client.receives("bad_message");
  assert.equal(holdfast.stats().sessions, 0);
  await client.closes();
});

test("[ERR-2] a flood of pings from a client that reads nothing is cut off", async (t) => {
  // Where it is not slowed down already, it is read no further, and then takes nothing for too long.
  const { holdfast, port } = await startNode(t, { limits: { stalledMsMax: 300, messagesPerSecond: 0 } });
  const client = new RawClient(t, port).send(...upgradeLines("/channels/a"));
  await client.receives("subscribed");
  client.socket.pause();
  const pings = Buffer.concat(Array.from({ length: 2000 }, () => clientFrame(0x89, Buffer.alloc(125))));
  const flood = () => {
    if (!client.isClosed && client.socket.writable) client.socket.write(pings, flood);
  };
  flood();
  await until(() => holdfast.stats().sessions === 0);
});

for (const [what, lines, code] of [
  ["without a key", upgradeLines("/connect").filter((line) => !line.includes("-Key")), "bad_request"],
  [
    "with a version that is none",
    upgradeLines("/connect").map((line) => line.replace(": 13", ": 7")),
    "bad_request",
  ],
  ["of an illegal channel", upgradeLines("/channels/a%20b"), "bad_channel"],
  ["with an unknown parameter", upgradeLines("/channels/a?limit=3"), "bad_parameter"],
  ["from a broken cursor", upgradeLines("/channels/a?after=k"), "bad_cursor"],
  ["with parameters of no use", upgradeLines("/connect?wait=3"), "bad_parameter"],
] as const) {
  test(`[ERR-2] [WSP-1] an upgrade ${what} is refused on HTTP, and the socket let go`, async (t) => {
    const { holdfast, port } = await startNode(t);
    const client = new RawClient(t, port).send(...lines);
    assert.equal(await client.code(), code);
    assert.match(client.received, /^HTTP\/1\.1 400 Bad Request\r\n/);
    await client.closes();
    assert.equal(holdfast.stats().sessions, 0);
  });
}

test("[HTTP-2] another upgrade, or one where there is no WebSocket, is a request like any other", async (t) => {
  const { port } = await startNode(t);
  const h2c = upgradeLines("/channels/a").map((line) => line.replace("Upgrade: websocket", "Upgrade: h2c"));
  for (const lines of [h2c, upgradeLines("/health/live")]) {
    const client = new RawClient(t, port).send(...lines);
    await client.receives("HTTP/1.1 200 OK");
    client.socket.destroy();
  }
  const plain = new RawClient(t, port).send("GET /connect HTTP/1.1", "Host: localhost", "", "");
  assert.equal(await plain.code(), "method_not_allowed");
  assert.match(plain.received, /Allow: POST, OPTIONS\r\n/);
});

test("[BND-1] sockets that vanish in the middle of anything leave nothing behind", async (t) => {
  const { holdfast, port } = await startNode(t);
  const lines = upgradeLines("/connect").join("\r\n");
  for (const text of [lines.slice(0, 60), lines]) {
    const client = new RawClient(t, port).send(text);
    await until(() => holdfast.stats().connections > 0);
    client.socket.resetAndDestroy();
    await until(() => holdfast.stats().connections === 0);
  }
  const client = await SocketClient.open(t, `http://127.0.0.1:${port}/connect`);
  client.say({ type: "hello", subscriptions: [{ channel: "a" }, { channel: "b" }] });
  await until(() => holdfast.stats().readers === 2);
  client.socket.terminate();
  await until(() => holdfast.stats().connections === 0);
  await forgotten(holdfast);
});
