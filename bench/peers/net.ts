import { createHash } from "node:crypto";
import type { Peer } from "../peer.ts";
import { channelPath } from "./channel-sets.ts";

/** Of RFC 6455 §1.3. */
const acceptKey = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

function accept(request: string): string {
  const [, key = ""] = /^sec-websocket-key: *(\S+)/im.exec(request) ?? [];
  const accepted = createHash("sha1")
    .update(key + acceptKey)
    .digest("base64");
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accepted}\r\n\r\n`;
}

/** A text message as a server sends it (RFC 6455 §5.2). */
function textFrame(text: string): Uint8Array {
  const body = Buffer.from(text);
  const { length } = body;
  const header = length < 126 ? [0x81, length] : [0x81, 126, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(header), body]);
}

/** What Node's sockets can do with one write an event and reader: one frame, made once and shared by all. */
export const net: Peer = {
  name: "net",
  title: "bare net, one shared frame, one write an event",
  transport: "WebSocket",
  packages: [],
  isLimit: true,
  dialect: { framing: "websocket", path: channelPath },
  cannot: {
    publishing: "it takes no messages",
  },
  async serve() {
    const { serveRaw } = await import("./raw-server.ts");
    return await serveRaw({ answer: accept, encode: (payload) => textFrame(JSON.stringify(payload)) });
  },
};
