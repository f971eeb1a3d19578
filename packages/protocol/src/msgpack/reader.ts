import { decodeUtf8 } from "../bytes.ts";
import { quoted } from "../channel.ts";
import { HoldfastError } from "../errors.ts";
import { isRecord } from "../json.ts";

/** How deep lists and maps may nest; the messages of this protocol need four. Rule PACK-3. */
export const depthMax = 16;

/** Texts up to here are read without a call into the platform, which would cost more than they do. */
const shortText = 24;

function bad(what: string): HoldfastError {
  return new HoldfastError("bad_message", what);
}

/**
 * Reads a message that is one map and nothing else; throws `bad_message`, or `bad_utf8`. Rules PACK-1, PACK-3.
 *
 * What MessagePack leaves to taste is refused: whoever reads the same bytes with another library reads the same.
 */
export function readMessage(bytes: Uint8Array): Record<string, unknown> {
  const reader = new Reader(bytes);
  const message = reader.value(0);
  if (!reader.isAtEnd) throw bad("Bytes follow the message. A frame holds one message.");
  if (!isRecord(message) || message instanceof Uint8Array) {
    throw bad(`A message is a map with a "type", not ${quoted(message)}.`);
  }
  return message;
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Passes over `length` bytes; answers where they begin. */
  #take(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) throw bad("The message ends inside a value.");
    this.#at = at + length;
    return at;
  }

  value(depth: number): unknown {
    const tag = this.#view.getUint8(this.#take(1));
    if (tag < 0x80) return tag;
    if (tag < 0x90) return this.#map(tag & 0x0f, depth);
    if (tag < 0xa0) return this.#list(tag & 0x0f, depth);
    if (tag < 0xc0) return this.#text(tag & 0x1f);
    if (tag >= 0xe0) return tag - 0x100;
    return this.#tagged(tag, depth);
  }

  #tagged(tag: number, depth: number): unknown {
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#binary(this.#uint8());
      case 0xc5:
        return this.#binary(this.#uint16());
      case 0xc6:
        return this.#binary(this.#uint32());
      case 0xd9:
        return this.#text(this.#uint8());
      case 0xda:
        return this.#text(this.#uint16());
      case 0xdb:
        return this.#text(this.#uint32());
      case 0xdc:
        return this.#list(this.#uint16(), depth);
      case 0xdd:
        return this.#list(this.#uint32(), depth);
      case 0xde:
        return this.#map(this.#uint16(), depth);
      case 0xdf:
        return this.#map(this.#uint32(), depth);
      default:
        return this.#number(tag);
    }
  }

  #number(tag: number): number {
    switch (tag) {
      case 0xca:
        return finite(this.#view.getFloat32(this.#take(4)));
      case 0xcb:
        return finite(this.#view.getFloat64(this.#take(8)));
      case 0xcc:
        return this.#uint8();
      case 0xcd:
        return this.#uint16();
      case 0xce:
        return this.#uint32();
      case 0xcf:
        return exact(this.#view.getBigUint64(this.#take(8)));
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      case 0xd3:
        return exact(this.#view.getBigInt64(this.#take(8)));
      default:
        throw bad(`The type 0x${tag.toString(16)} is not used here: no extension is, a timestamp neither.`);
    }
  }

  #uint8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  #uint16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  #uint32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  #text(length: number): string {
    const start = this.#take(length);
    if (length <= shortText) {
      let text = "";
      for (let at = start; at < this.#at; at++) {
        const byte = this.#bytes[at] as number;
        if (byte >= 0x80) return decodeUtf8(this.#bytes.subarray(start, this.#at));
        text += String.fromCharCode(byte);
      }
      return text;
    }
    return decodeUtf8(this.#bytes.subarray(start, this.#at));
  }

  /** A copy: an event in the log would otherwise hold the whole message it came in. */
  #binary(length: number): Uint8Array {
    const start = this.#take(length);
    return new Uint8Array(this.#bytes.subarray(start, this.#at));
  }

  /** Each element takes a byte at least, so a count that lies is found out before room is made for it. */
  #count(count: number, bytesEach: number, depth: number): void {
    if (count * bytesEach > this.#bytes.length - this.#at) throw bad("The message ends inside a value.");
    if (depth >= depthMax) throw bad(`A message nests at most ${depthMax} lists and maps.`);
  }

  #list(count: number, depth: number): unknown[] {
    this.#count(count, 1, depth);
    const list: unknown[] = [];
    for (let index = 0; index < count; index++) list.push(this.value(depth + 1));
    return list;
  }

  #map(count: number, depth: number): Record<string, unknown> {
    this.#count(count, 2, depth);
    const map: Record<string, unknown> = {};
    for (let index = 0; index < count; index++) {
      const key = this.value(depth + 1);
      if (typeof key !== "string") throw bad(`The keys of a map are texts, not ${quoted(key)}.`);
      if (Object.hasOwn(map, key)) throw bad(`A map holds ${quoted(key)} twice.`);
      const value = this.value(depth + 1);
      // Assigned, this one would become the prototype; and it is a legal channel name.
      if (key === "__proto__") define(map, key, value);
      else map[key] = value;
    }
    return map;
  }
}

function define(map: object, key: string, value: unknown): void {
  Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
}

function finite(value: number): number {
  if (Number.isFinite(value)) return value;
  throw bad("A number is finite.");
}

function exact(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw bad("A whole number lies between -(2^53 - 1) and 2^53 - 1.");
}

/** What came in a binary frame; throws `bad_message` for text. */
export function binary(said: string | Uint8Array): Uint8Array {
  if (typeof said !== "string") return said;
  throw new HoldfastError("bad_message", "Messages are MessagePack in binary frames here, and this is text.");
}
