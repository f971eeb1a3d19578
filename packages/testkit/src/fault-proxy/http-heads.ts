/** The head of a request or an answer: everything before its body. */
export interface Head {
  /** `GET /connect HTTP/1.1`, or `HTTP/1.1 200 OK`. */
  readonly startLine: string;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
}

/** A piece of a byte stream: a whole head, or some bytes of a body. */
export type Piece =
  | { readonly is: "head"; readonly head: Head; readonly bytes: Buffer }
  | { readonly is: "body"; readonly bytes: Buffer };

/** What remains of a body: so many bytes, chunks, everything to the end, or nothing. */
type Body =
  | { readonly is: "length"; left: number }
  | { readonly is: "chunked" }
  | { readonly is: "rest" }
  | undefined;

const headEnd = Buffer.from("\r\n\r\n");
const headBytesMax = 64 * 1024;

/** Finds the heads in one direction of an HTTP/1.1 connection; what is no HTTP passes as one body without end. RFC 9112 §6. */
export class HeadFinder {
  readonly #hasBody: (head: Head) => boolean;
  #pending: Buffer = Buffer.alloc(0);
  #body: Body;

  /** `hasBody` tells of an answer whether a body can follow it at all; of a request its headers say so. */
  constructor(hasBody: (head: Head) => boolean = () => true) {
    this.#hasBody = hasBody;
  }

  *push(bytes: Buffer): Generator<Piece> {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    while (this.#pending.length > 0) {
      const piece = this.#body === undefined ? this.#takeHead() : this.#takeBody(this.#body);
      if (piece === undefined) return;
      yield piece;
    }
  }

  /** Everything that follows belongs to no more requests: the connection was upgraded. */
  passRest(): void {
    this.#body = { is: "rest" };
  }

  /** What was pushed and is no whole piece yet. */
  rest(): Buffer {
    return this.#take(this.#pending.length);
  }

  #takeHead(): Piece | undefined {
    const end = this.#pending.indexOf(headEnd);
    if (end === -1) {
      if (this.#pending.length > headBytesMax) this.passRest();
      return this.#body && this.#takeBody(this.#body);
    }
    const bytes = this.#take(end + headEnd.length);
    const head = parseHead(bytes.toString("latin1"));
    if (head === undefined) this.passRest();
    else this.#body = this.#bodyOf(head);
    return head === undefined ? { is: "body", bytes } : { is: "head", head, bytes };
  }

  #bodyOf(head: Head): Body {
    const { startLine, headers } = head;
    const isAnswer = startLine.startsWith("HTTP/");
    if (isAnswer && startLine.split(" ")[1] === "101") return { is: "rest" };
    if (isAnswer && (/ (1\d\d|204|304)( |$)/.test(startLine) || !this.#hasBody(head))) return undefined;
    if (/chunked/i.test(headers.get("transfer-encoding") ?? "")) return { is: "chunked" };
    const length = headers.get("content-length");
    if (length !== undefined)
      return Number(length) === 0 ? undefined : { is: "length", left: Number(length) };
    return isAnswer ? { is: "rest" } : undefined;
  }

  #takeBody(body: NonNullable<Body>): Piece | undefined {
    if (body.is === "rest") return { is: "body", bytes: this.#take(this.#pending.length) };
    if (body.is === "chunked") return this.#takeChunk();
    const bytes = this.#take(Math.min(body.left, this.#pending.length));
    body.left -= bytes.length;
    if (body.left === 0) this.#body = undefined;
    return { is: "body", bytes };
  }

  /** One chunk with its size line; the last one ends the body. */
  #takeChunk(): Piece | undefined {
    const lineEnd = this.#pending.indexOf("\r\n");
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(this.#pending.toString("latin1", 0, lineEnd), 16);
    const end = lineEnd + 2 + size + 2;
    if (Number.isNaN(size)) {
      this.passRest();
      return { is: "body", bytes: this.#take(this.#pending.length) };
    }
    if (this.#pending.length < end) return undefined;
    if (size === 0) this.#body = undefined;
    return { is: "body", bytes: this.#take(end) };
  }

  #take(count: number): Buffer {
    const bytes = this.#pending.subarray(0, count);
    this.#pending = this.#pending.subarray(count);
    return bytes;
  }
}

function parseHead(text: string): Head | undefined {
  const [startLine = "", ...lines] = text.trimEnd().split("\r\n");
  if (!/^HTTP\/1\.[01] \d{3}|HTTP\/1\.[01]$/.test(startLine)) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { startLine, headers };
}
