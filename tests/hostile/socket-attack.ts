import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Attack, Attacker } from "./siege.ts";
import { soon } from "./target.ts";
import type { Wire } from "./wire.ts";

/** First bytes of frames. RFC 6455 §5.2. */
export const opcode = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;
export const fin = 0x80;
export const rsv1 = 0x40;

/** A client's frame, masked and of the length that it says unless told otherwise. */
export function frame(
  first: number,
  payload: string | Uint8Array = "",
  { masked = true, length }: { masked?: boolean; length?: bigint } = {},
): Buffer {
  const bytes = Buffer.from(payload);
  const flag = masked ? 0x80 : 0;
  const said = length ?? BigInt(bytes.length);
  const head = Buffer.alloc(said < 126n ? 2 : said < 65_536n ? 4 : 10);
  head[0] = first;
  head[1] = flag | (said < 126n ? Number(said) : said < 65_536n ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(Number(said), 2);
  if (head.length === 10) head.writeBigUInt64BE(said, 2);
  if (!masked) return Buffer.concat([head, bytes]);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, bytes.map((byte, index) => byte ^ mask[index % 4]!)]);
}

export const text = (payload: string | Uint8Array) => frame(fin | opcode.text, payload);
export const binary = (payload: Uint8Array) => frame(fin | opcode.binary, payload);
export const json = (message: unknown) => text(JSON.stringify(message));

/** The lines of a handshake. */
export function handshake(path: string, ...headers: readonly string[]): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** What a server said on a WebSocket. */
export interface Heard {
  /** Each a message in JSON. */
  readonly messages: readonly { readonly type?: string; readonly control?: string; readonly code?: string }[];
  /** Of its close frame, if there was one. */
  readonly close: readonly [code: number, reason: string] | undefined;
}

/** Reads the frames behind the answer to a handshake; messages that are no JSON are passed over. */
export function hear({ received }: Wire): Heard {
  const bytes = Buffer.from(received.slice(received.indexOf("\r\n\r\n") + 4), "latin1");
  const messages: Heard["messages"][number][] = [];
  let close: Heard["close"];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const short = bytes[at + 1]! & 0x7f;
    const headBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (at + headBytes > bytes.length) break;
    const length =
      short < 126
        ? short
        : short === 126
          ? bytes.readUInt16BE(at + 2)
          : Number(bytes.readBigUInt64BE(at + 2));
    const payload = bytes.subarray(at + headBytes, at + headBytes + length);
    if (payload.length < length) break;
    const kind = bytes[at]! & 0x0f;
    if (kind === opcode.text) messages.push(JSON.parse(payload.toString()));
    if (kind === opcode.close && length >= 2) close = [payload.readUInt16BE(0), payload.toString("utf8", 2)];
    at += headBytes + length;
  }
  return { messages, close };
}

/** Opens a WebSocket. */
export async function openSocket(
  attacker: Attacker,
  path: string,
  ...headers: readonly string[]
): Promise<Wire> {
  const wire = attacker.wire().send(handshake(path, ...headers));
  await wire.receives("\r\n\r\n");
  assert.match(wire.received, /^HTTP\/1\.1 101 /);
  return wire;
}

/** Frames on one WebSocket, and how it must end. */
export interface SocketAttack {
  readonly name: string;
  /** `/connect` unless given. */
  readonly path?: string;
  readonly headers?: readonly string[];
  /** Says `hello` before. */
  readonly greets?: boolean;
  sends(channel: string): readonly Uint8Array[];
  /** The code and reason of the close frame; or the code of an `error`, or the type of a message, after which all goes on. */
  readonly ends: readonly [close: number, reason: string] | string;
}

export function socketAttack(attack: SocketAttack): Attack {
  const { name, path = "/connect", headers = [], greets = false, sends, ends } = attack;
  return {
    name,
    async run(attacker) {
      const wire = await openSocket(attacker, path, ...headers);
      if (greets) {
        wire.send(json({ type: "hello" }));
        await wire.receives('"welcome"');
      }
      for (const bytes of sends(attacker.channel)) wire.send(bytes);
      const closes = typeof ends !== "string";
      const outcome = () => {
        const { messages, close } = hear(wire);
        if (closes || close !== undefined) return close;
        return messages.map(({ code, type, control }) => code ?? control ?? type).find((one) => one === ends);
      };
      await soon("an outcome", () => wire.isClosed || outcome() !== undefined).catch(() => {});
      assert.deepEqual(outcome(), ends, wire.received.slice(-1000));
      if (closes) {
        // As a client does that plays by the rules from here on.
        wire.socket.end();
        await wire.closes();
        return;
      }
      wire.send(greets ? json({ type: "ping" }) : frame(fin | opcode.ping));
      await wire.receives(greets ? '"pong"' : "\x8a");
    },
  };
}
