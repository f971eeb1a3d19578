import { type Bytes, utf8Length } from "../bytes.ts";

const encoder = new TextEncoder();
const roomBytes = 4096;
/** Room beyond this is not kept: one large message must not cost its memory for good. */
const keptBytesMax = 256 * 1024;
/** Texts up to here are written without a call into the platform, which would cost more than they do. */
const shortText = 31;

/** Writes MessagePack values one after the other, each in its shortest form. Rule PACK-4. */
export class Writer {
  #bytes: Bytes = new Uint8Array(roomBytes);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Forgets what was written. */
  clear(): void {
    this.#length = 0;
  }

  /** A copy of what was written, in memory of its own. */
  copy(): Bytes {
    const written = this.#bytes.slice(0, this.#length);
    if (this.#bytes.length > keptBytesMax) this.#allot(roomBytes);
    return written;
  }

  #allot(length: number): void {
    this.#bytes = new Uint8Array(length);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Makes room for `length` bytes more; answers where they begin. */
  #reserve(length: number): number {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const before = this.#bytes;
      this.#allot(Math.max(2 * before.length, this.#length));
      this.#bytes.set(before.subarray(0, at));
    }
    return at;
  }

  #byte(byte: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = byte;
  }

  #tagged8(tag: number, value: number): void {
    const at = this.#reserve(2);
    this.#bytes[at] = tag;
    this.#bytes[at + 1] = value;
  }

  #tagged16(tag: number, value: number): void {
    const at = this.#reserve(3);
    this.#bytes[at] = tag;
    this.#view.setUint16(at + 1, value);
  }

  #tagged32(tag: number, value: number): void {
    const at = this.#reserve(5);
    this.#bytes[at] = tag;
    this.#view.setUint32(at + 1, value);
  }

  /** Writes a value of JSON, or bytes. Members that are undefined are left out, as in JSON. */
  value(value: unknown): void {
    if (typeof value === "string") this.text(value);
    else if (typeof value === "number") this.number(value);
    else if (typeof value === "boolean") this.#byte(value ? 0xc3 : 0xc2);
    else if (value instanceof Uint8Array) this.bytes(value);
    else if (Array.isArray(value)) this.#list(value);
    else if (typeof value === "object" && value !== null) this.#record(value as Record<string, unknown>);
    else this.#byte(0xc0);
  }

  #list(list: readonly unknown[]): void {
    this.listHeader(list.length);
    for (const element of list) this.value(element);
  }

  #record(record: Readonly<Record<string, unknown>>): void {
    const members = Object.entries(record).filter(([, value]) => value !== undefined);
    this.mapHeader(members.length);
    for (const [name, value] of members) this.member(name, value);
  }

  member(name: string, value: unknown): void {
    this.text(name);
    this.value(value);
  }

  /** `count` members follow. */
  mapHeader(count: number): void {
    if (count < 16) this.#byte(0x80 | count);
    else if (count < 0x10000) this.#tagged16(0xde, count);
    else this.#tagged32(0xdf, count);
  }

  /** `count` elements follow. */
  listHeader(count: number): void {
    if (count < 16) this.#byte(0x90 | count);
    else if (count < 0x10000) this.#tagged16(0xdc, count);
    else this.#tagged32(0xdd, count);
  }

  number(value: number): void {
    if (!Number.isSafeInteger(value)) this.#float(value);
    else if (value >= 0) this.#natural(value);
    else this.#negative(value);
  }

  #natural(value: number): void {
    if (value < 0x80) this.#byte(value);
    else if (value < 0x100) this.#tagged8(0xcc, value);
    else if (value < 0x10000) this.#tagged16(0xcd, value);
    else if (value < 0x1_0000_0000) this.#tagged32(0xce, value);
    else {
      const at = this.#reserve(9);
      this.#bytes[at] = 0xcf;
      this.#view.setUint32(at + 1, value / 0x1_0000_0000);
      this.#view.setUint32(at + 5, value);
    }
  }

  #negative(value: number): void {
    if (value >= -0x20) this.#byte(value & 0xff);
    else if (value >= -0x80) this.#tagged8(0xd0, value);
    else if (value >= -0x8000) this.#tagged16(0xd1, value);
    else if (value >= -0x8000_0000) this.#tagged32(0xd2, value);
    else {
      const at = this.#reserve(9);
      this.#bytes[at] = 0xd3;
      this.#view.setBigInt64(at + 1, BigInt(value));
    }
  }

  #float(value: number): void {
    const at = this.#reserve(9);
    this.#bytes[at] = 0xcb;
    this.#view.setFloat64(at + 1, value);
  }

  /** Text is taken as well-formed; half a surrogate pair would become U+FFFD. */
  text(text: string): void {
    if (text.length <= shortText && this.#shortAscii(text)) return;
    const length = utf8Length(text);
    if (length < 32) this.#byte(0xa0 | length);
    else if (length < 0x100) this.#tagged8(0xd9, length);
    else if (length < 0x10000) this.#tagged16(0xda, length);
    else this.#tagged32(0xdb, length);
    const at = this.#reserve(length);
    encoder.encodeInto(text, this.#bytes.subarray(at, at + length));
  }

  #shortAscii(text: string): boolean {
    const { length } = text;
    const at = this.#reserve(1 + length);
    this.#bytes[at] = 0xa0 | length;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code >= 0x80) {
        this.#length = at;
        return false;
      }
      this.#bytes[at + 1 + index] = code;
    }
    return true;
  }

  bytes(bytes: Uint8Array): void {
    const { length } = bytes;
    if (length < 0x100) this.#tagged8(0xc4, length);
    else if (length < 0x10000) this.#tagged16(0xc5, length);
    else this.#tagged32(0xc6, length);
    const at = this.#reserve(length);
    this.#bytes.set(bytes, at);
  }
}
