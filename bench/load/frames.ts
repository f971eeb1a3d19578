/** What is done with the bodies of frames, which may come in pieces. */
export interface FrameListener {
  /** A piece of the body of a text or binary frame of `length` bytes in all; `isLast` ends the frame. */
  body(buffer: Uint8Array, from: number, end: number, length: number, isLast: boolean): void;
  ping(): void;
  close(): void;
}

const ping = 9;
const close = 8;

/** Walks over the frames of a WebSocket server (RFC 6455 §5.2), which are not masked, by their lengths. */
export class FrameWalker {
  readonly #listener: FrameListener;
  /** Whether the payload of the frame that is being read was compressed (RFC 7692 §6). */
  isDeflated = false;
  #opcode = 0;
  #length = 0;
  #left = 0;
  #isInBody = false;
  /** A frame header that was cut; made when first needed, which is seldom. */
  #cut: Uint8Array | undefined;
  #cutBytes = 0;

  constructor(listener: FrameListener) {
    this.#listener = listener;
  }

  walk(buffer: Uint8Array, from: number, end: number): void {
    let at = from;
    while (at < end) {
      if (!this.#isInBody) {
        const size = this.#cutBytes === 0 ? headerSize(buffer, at, end) : 0;
        if (size > 0 && at + size <= end) {
          this.#begin(buffer, at);
          at += size;
        } else {
          at = this.#readCut(buffer, at, end);
          if (!this.#isInBody) return;
        }
      }
      at = this.#readBody(buffer, at, end);
    }
  }

  #begin(buffer: Uint8Array, at: number): void {
    this.#opcode = (buffer[at] ?? 0) & 15;
    this.isDeflated = ((buffer[at] ?? 0) & 0x40) !== 0;
    const short = (buffer[at + 1] ?? 0) & 127;
    this.#length = short;
    if (short === 126) this.#length = bigEndian(buffer, at + 2, 2);
    else if (short === 127) this.#length = bigEndian(buffer, at + 2, 8);
    this.#left = this.#length;
    this.#isInBody = true;
  }

  #readBody(buffer: Uint8Array, from: number, end: number): number {
    const stop = Math.min(end, from + this.#left);
    this.#left -= stop - from;
    const isLast = this.#left === 0;
    if (this.#opcode < close) this.#listener.body(buffer, from, stop, this.#length, isLast);
    if (isLast) {
      this.#isInBody = false;
      if (this.#opcode === ping) this.#listener.ping();
      else if (this.#opcode === close) this.#listener.close();
    }
    return stop;
  }

  /** Gathers a header byte by byte; returns where it ends. */
  #readCut(buffer: Uint8Array, from: number, end: number): number {
    this.#cut ??= new Uint8Array(10);
    for (let at = from; at < end; at++) {
      this.#cut[this.#cutBytes++] = buffer[at] ?? 0;
      const size = headerSize(this.#cut, 0, this.#cutBytes);
      if (size === 0 || size > this.#cutBytes) continue;
      this.#cutBytes = 0;
      this.#begin(this.#cut, 0);
      return at + 1;
    }
    return end;
  }
}

/** Bytes of the header at `at`; 0 when too little of it is there to tell. */
function headerSize(buffer: Uint8Array, at: number, end: number): number {
  if (at + 2 > end) return 0;
  const short = (buffer[at + 1] ?? 0) & 127;
  return short < 126 ? 2 : short === 126 ? 4 : 10;
}

function bigEndian(buffer: Uint8Array, from: number, bytes: number): number {
  let value = 0;
  for (let at = from; at < from + bytes; at++) value = value * 256 + (buffer[at] ?? 0);
  return value;
}

const textFrame = 0x81;
const maskBit = 0x80;

/**
 * A text message as a client sends it.
 *
 * Masked with zeros, which leave the text as it is: to the server all masks are alike, and here they cost nothing.
 */
export function clientFrame(text: string): Buffer {
  return frame(textFrame, Buffer.from(text));
}

export const pongFrame = frame(0x8a, Buffer.alloc(0));

function frame(first: number, body: Buffer): Buffer {
  const { length } = body;
  if (length > 0xffff) throw new RangeError("Clients of the bench send at most 65,535 bytes in a message.");
  const header = length < 126 ? [first, maskBit | length] : [first, maskBit | 126, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([...header, 0, 0, 0, 0]), body]);
}
