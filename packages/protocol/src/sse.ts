import { encodeBase64 } from "./bytes.ts";
import { HoldfastError } from "./errors.ts";
import type { Payload } from "./payload.ts";

const lineEnds = /\r\n|\r|\n/;

/** One block of an event stream. WHATWG HTML §9.2; rule SSE-2. */
export function formatSse(fields: { id?: string; event?: string; data?: string; retryMs?: number }): string {
  let text = "";
  if (fields.retryMs !== undefined) text += `retry: ${fields.retryMs}\n`;
  if (fields.id !== undefined) text += `id: ${fields.id}\n`;
  if (fields.event !== undefined) text += `event: ${fields.event}\n`;
  if (fields.data !== undefined) {
    const { data } = fields;
    if (lineEnds.test(data)) for (const line of data.split(lineEnds)) text += `data: ${line}\n`;
    else text += `data: ${data}\n`;
  }
  return `${text}\n`;
}

export function formatSseComment(comment: string): string {
  return `: ${comment}\n\n`;
}

/** A payload as the `data` of the plain face. */
export function sseData(payload: Payload): string {
  return payload.encoding === "base64" ? encodeBase64(payload.bytes) : payload.text;
}

/** What the timers of every platform can wait; they take a longer delay as none at all. */
const timerMsMax = 2 ** 31 - 1;

export interface SseMessage {
  readonly event: string;
  readonly data: string;
  /** The last event id, which persists from block to block. */
  readonly id: string;
}

/**
 * Parses an event stream piece by piece, in time linear in its length. WHATWG HTML §9.2.6.
 *
 * A block of more than `blockCharsMax` characters, line ends apart, is refused.
 */
export class SseParser {
  readonly #onMessage: (message: SseMessage) => void;
  readonly #blockCharsMax: number;
  /** Pieces of the unfinished line; joined once, when its end arrives. */
  #line: string[] = [];
  #blockChars = 0;
  #afterCr = false;
  #atStart = true;
  #data: string[] = [];
  #event = "";
  /** The id of the unfinished block. It counts only with the block's end: a client resumes after what it has got whole. */
  #nextId = "";
  #id = "";
  #retryMs: number | undefined;

  constructor(onMessage: (message: SseMessage) => void, blockCharsMax = 16 * 1024 * 1024) {
    this.#onMessage = onMessage;
    this.#blockCharsMax = blockCharsMax;
  }

  /** The id of the last block that has ended, one without data included: where to resume from. */
  get lastEventId(): string {
    return this.#id;
  }

  /** The newest delay before reconnecting that the server asked for, at most what timers can wait. */
  get retryMs(): number | undefined {
    return this.#retryMs;
  }

  /** Takes the next piece of the stream; throws `too_large`, after which the parser is of no more use. */
  push(piece: string): void {
    if (piece.length === 0) return;
    let at = 0;
    if (this.#atStart) {
      this.#atStart = false;
      if (piece.charCodeAt(0) === 0xfeff) at = 1;
    }
    if (this.#afterCr) {
      this.#afterCr = false;
      if (piece.charCodeAt(at) === 10) at++;
    }
    let cr = piece.indexOf("\r", at);
    let lf = piece.indexOf("\n", at);
    while (cr !== -1 || lf !== -1) {
      const end = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr;
      this.#grow(end - at);
      this.#endLine(piece.slice(at, end));
      at = end + 1;
      if (end === cr) {
        if (at === piece.length) this.#afterCr = true;
        else if (lf === at) at++;
        cr = piece.indexOf("\r", at);
      }
      if (lf !== -1 && lf < at) lf = piece.indexOf("\n", at);
    }
    if (at < piece.length) {
      this.#grow(piece.length - at);
      this.#line.push(piece.slice(at));
    }
  }

  #grow(chars: number): void {
    this.#blockChars += chars;
    if (this.#blockChars > this.#blockCharsMax) {
      throw new HoldfastError(
        "too_large",
        `One block of the event stream exceeds ${this.#blockCharsMax} characters.`,
      );
    }
  }

  #endLine(rest: string): void {
    let line = rest;
    if (this.#line.length > 0) {
      this.#line.push(rest);
      line = this.#line.join("");
      this.#line = [];
    }
    if (line === "") this.#endBlock();
    else this.#field(line);
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon === -1 ? line : line.slice(0, colon);
    let value = colon === -1 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#event = value;
    else if (name === "id") {
      if (!value.includes("\0")) this.#nextId = value;
    } else if (name === "retry" && /^[0-9]+$/.test(value))
      this.#retryMs = Math.min(Number(value), timerMsMax);
  }

  #endBlock(): void {
    const data = this.#data;
    const event = this.#event || "message";
    this.#blockChars = 0;
    this.#event = "";
    this.#id = this.#nextId;
    if (data.length === 0) return;
    this.#data = [];
    this.#onMessage({ event, data: data.join("\n"), id: this.#id });
  }
}
