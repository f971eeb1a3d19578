import type { Socket } from "node:net";

/** Bytes that a flow holds before it stops taking more, so that a stalled reader is felt by the one who writes. */
const heldBytesMax = 64 * 1024;
const paceMs = 10;

/** Ends a socket with a reset. One that has said that it ends cannot be: Node would keep its handle for ever. */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

interface Held {
  readonly bytes: Buffer;
  readonly dueAt: number;
}

/** One direction of a proxied connection: takes bytes from one socket and gives them to the other, late, slowly, or not. */
export class Flow {
  readonly #from: Socket;
  readonly #to: Socket;
  #held: Held[] = [];
  #heldBytes = 0;
  #isStalled = false;
  #isSwallowing = false;
  #isEnding = false;
  #isAborting = false;
  #delayMs = 0;
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #isBlocked = false;

  constructor(from: Socket, to: Socket) {
    this.#from = from;
    this.#to = to;
    to.on("drain", () => {
      this.#isBlocked = false;
      this.#pump();
    });
  }

  /** Bytes that came and have not been passed on. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  push(bytes: Buffer): void {
    if (this.#isSwallowing || bytes.length === 0) return;
    this.#held.push({ bytes, dueAt: performance.now() + this.#delayMs });
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > heldBytesMax) this.#from.pause();
    this.#pump();
  }

  /** Nothing more comes; what is held still goes. */
  end(): void {
    this.#isEnding = true;
    this.#pump();
  }

  /** The side that wrote is gone; the other hears of it when it would hear anything at all. */
  abort(): void {
    this.#isAborting = true;
    this.#pump();
  }

  stall(): void {
    this.#isStalled = true;
  }

  release(): void {
    this.#isStalled = false;
    this.#pump();
  }

  /** Takes everything from now on and passes nothing on; what is held goes nowhere either. */
  swallow(): void {
    this.#isSwallowing = true;
    this.#held = [];
    this.#heldBytes = 0;
    this.#from.resume();
  }

  /** Everything that comes from now on arrives this much later. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
    this.#pump();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#held = [];
    this.#heldBytes = 0;
  }

  #pump(): void {
    if (this.#isAborting && !this.#isStalled && !this.#isSwallowing) {
      this.stop();
      reset(this.#to);
      return;
    }
    if (this.#timer !== undefined) return;
    while (!this.#isStalled && !this.#isBlocked) {
      const next = this.#held[0];
      if (next === undefined) {
        if (this.#isEnding && !this.#isSwallowing) this.#to.end();
        return;
      }
      const waitMs = next.dueAt - performance.now();
      if (waitMs > 0) {
        this.#later(waitMs);
        return;
      }
      if (this.#bytesPerSecond !== Number.POSITIVE_INFINITY) {
        this.#write(next, Math.max(1, Math.floor((this.#bytesPerSecond * paceMs) / 1000)));
        this.#later(paceMs);
        return;
      }
      this.#write(next, next.bytes.length);
    }
  }

  #write({ bytes, dueAt }: Held, count: number): void {
    const piece = bytes.subarray(0, count);
    if (piece.length === bytes.length) this.#held.shift();
    else this.#held[0] = { bytes: bytes.subarray(count), dueAt };
    this.#heldBytes -= piece.length;
    if (!this.#to.destroyed && !this.#to.write(piece)) this.#isBlocked = true;
    if (this.#heldBytes <= heldBytesMax / 2) this.#from.resume();
  }

  #later(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, ms);
  }
}
