import type { Bytes } from "./bytes.ts";

/** The forms in which messages are written on a WebSocket. Rule SES-5. */
export const subprotocols = { json: "holdfast.v1.json", msgpack: "holdfast.v1.msgpack" } as const;

const opcodes = { text: 0x81, binary: 0x82, pong: 0x8a } as const;

/** "RSV1": the payload was compressed. RFC 7692 §6. */
const deflatedBit = 0x40;

/** A whole, unfragmented and unmasked frame, as servers send them. RFC 6455 §5.2; `isDeflated` by RFC 7692 §6. */
export function frame(kind: keyof typeof opcodes, payload: Uint8Array, isDeflated = false): Bytes {
  const { length } = payload;
  const headerBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const bytes = new Uint8Array(headerBytes + length);
  bytes[0] = isDeflated ? opcodes[kind] | deflatedBit : opcodes[kind];
  if (headerBytes === 2) {
    bytes[1] = length;
  } else {
    const view = new DataView(bytes.buffer);
    if (headerBytes === 4) {
      bytes[1] = 126;
      view.setUint16(2, length);
    } else {
      bytes[1] = 127;
      view.setBigUint64(2, BigInt(length));
    }
  }
  bytes.set(payload, headerBytes);
  return bytes;
}

/** The answer to a ping, with the at most 125 bytes that it carried. RFC 6455 §5.5.3. */
export function pongFrame(payload: Uint8Array): Bytes {
  return frame("pong", payload);
}

/** An empty ping; the peer answers with a pong. RFC 6455 §5.5.2. */
export const pingFrame: Bytes = Uint8Array.of(0x89, 0);
