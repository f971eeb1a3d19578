import assert from "node:assert/strict";
import type { Attack } from "./siege.ts";
import { soon } from "./target.ts";
import type { Wire } from "./wire.ts";

/** RFC 9113 §6. */
export const frameType = {
  data: 0x0,
  headers: 0x1,
  priority: 0x2,
  reset: 0x3,
  settings: 0x4,
  pushPromise: 0x5,
  ping: 0x6,
  goAway: 0x7,
  windowUpdate: 0x8,
  continuation: 0x9,
} as const;
export const endStream = 0x1;
export const endHeaders = 0x4;

export function frame2(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A whole number as HPACK has it. RFC 7541 §5.1. */
function packed(value: number, bits: number, first: number): Buffer {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.of(first | value);
  const bytes = [first | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** A header as it stands: neither indexed nor compressed, unless it is to be `kept`. RFC 7541 §6.2. */
export function header(name: string, value: string, { kept = false } = {}): Buffer {
  const text = (of: string) => Buffer.concat([packed(of.length, 7, 0), Buffer.from(of, "latin1")]);
  return Buffer.concat([Buffer.of(kept ? 0x40 : 0x00), text(name), text(value)]);
}

export function headersOf(
  path: string,
  method = "GET",
  more: readonly (readonly [string, string])[] = [],
): Buffer {
  const all = [
    [":method", method],
    [":scheme", "https"],
    [":authority", "localhost"],
    [":path", path],
    ...more,
  ];
  return Buffer.concat(all.map(([name, value]) => header(name as string, value as string)));
}

/** What a client says first: its preface, and settings that may be its own. RFC 9113 §3.4. */
export function preface(...settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * settings.length);
  for (const [at, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, 6 * at);
    payload.writeUInt32BE(value, 6 * at + 2);
  }
  return Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    frame2(frameType.settings, 0, 0, payload),
  ]);
}

/** What a server did about it. */
export interface Reaction {
  /** The error with which it ended the connection. RFC 9113 §7. */
  readonly goAway: number | undefined;
  /** The errors with which it ended streams. */
  readonly resets: readonly number[];
  /** Of what it answered. */
  readonly bodies: string;
}

export function reactionOn({ received }: Wire): Reaction {
  const bytes = Buffer.from(received, "latin1");
  let goAway: number | undefined;
  const resets: number[] = [];
  let bodies = "";
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    const payload = bytes.subarray(at + 9, at + 9 + length);
    if (payload.length < length) break;
    const type = bytes[at + 3];
    if (type === frameType.goAway) goAway = payload.readUInt32BE(4);
    if (type === frameType.reset) resets.push(payload.readUInt32BE(0));
    if (type === frameType.data) bodies += payload.toString();
    at += 9 + length;
  }
  return { goAway, resets, bodies };
}

/** Frames on one connection of HTTP/2, behind its preface, and how it must end. */
export interface Http2Attack {
  readonly name: string;
  readonly settings?: readonly (readonly [id: number, value: number])[];
  sends(channel: string): readonly Uint8Array[];
  /** The connection ends, of itself or with one of these errors; a stream does; or a problem is answered. */
  readonly ends:
    | { readonly goAway: readonly number[] }
    | { readonly reset: readonly number[] }
    | { readonly code: string };
}

export function http2Attack({ name, settings = [], sends, ends }: Http2Attack): Attack {
  return {
    name,
    async run(attacker) {
      const wire = attacker.wire({ protocol: "h2" }).send(preface(...settings));
      for (const bytes of sends(attacker.channel)) wire.send(bytes);
      const isOver = () => {
        if (wire.isClosed) return true;
        const { goAway, resets, bodies } = reactionOn(wire);
        if ("goAway" in ends) return goAway !== undefined;
        return "reset" in ends ? resets.length > 0 : bodies.includes('"code"');
      };
      await soon("an outcome", isOver).catch(() => {});
      const { goAway, resets, bodies } = reactionOn(wire);
      const said = `GOAWAY ${goAway}, RST_STREAM ${resets.join()}, ${bodies.slice(0, 300)}`;
      if ("goAway" in ends)
        assert.ok(goAway === undefined ? wire.isClosed : ends.goAway.includes(goAway), said);
      else if ("reset" in ends)
        assert.ok(
          resets.some((reset) => ends.reset.includes(reset)),
          said,
        );
      else assert.match(bodies, new RegExp(`"code":"${ends.code}"`), said);
      const events = await attacker.target.events(attacker.channel);
      assert.deepEqual(events, []);
    },
  };
}
