import { randomBytes } from "node:crypto";

/** A client's frame, masked unless told otherwise. RFC 6455 §5.2. */
export function clientFrame(
  firstByte: number,
  payload: Uint8Array,
  { masked = true, length = payload.length } = {},
) {
  const mask = randomBytes(4);
  const header =
    length < 126
      ? Buffer.from([firstByte, length | (masked ? 0x80 : 0)])
      : Buffer.concat([Buffer.from([firstByte, 127 | (masked ? 0x80 : 0)]), eightBytes(length)]);
  if (!masked) return Buffer.concat([header, payload]);
  return Buffer.concat([header, mask, payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))]);
}

function eightBytes(length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return bytes;
}

/** The lines of a handshake, with more headers when given. */
export function upgradeLines(path: string, ...more: string[]): string[] {
  return [
    `GET ${path} HTTP/1.1`,
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...more,
    "",
    "",
  ];
}
