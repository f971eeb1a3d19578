import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { until } from "./target.ts";

/** One answer of HTTP/1.1 as it stands in what was received. */
export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
  /** Of the problem that it carries; the empty string where it carries none. */
  readonly code: string;
}

/** A connection on which an attacker writes what it likes. */
export class Wire {
  readonly socket: Socket;
  received = "";
  isClosed = false;
  /** The server has said its last. */
  hasEnded = false;

  constructor(to: URL, { protocol }: { protocol?: string } = {}) {
    const where = { port: Number(to.port), host: to.hostname };
    this.socket =
      to.protocol === "https:"
        ? connectTls({
            ...where,
            // It attacks, whoever that is.
            rejectUnauthorized: false,
            ...(protocol === undefined ? {} : { ALPNProtocols: [protocol] }),
          })
        : connect(where);
    this.socket.setEncoding("latin1").on("data", (text: string) => {
      this.received += text;
    });
    this.socket
      .on("error", () => {})
      .once("end", () => {
        this.hasEnded = true;
      })
      .once("close", () => {
        this.isClosed = true;
      });
  }

  /** Bytes, or text of which each character is one. */
  send(bytes: string | Uint8Array): this {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    return this;
  }

  async closes(): Promise<void> {
    await until(() => this.isClosed);
  }

  /** Resolves when this text has come; rejects when it cannot any more. */
  async receives(text: string): Promise<void> {
    await until(() => this.received.includes(text) || this.isClosed);
    if (!this.received.includes(text)) throw new Error(`expected ${text}, got ${this.received}`);
  }

  /** The whole answers so far. */
  get answers(): readonly Answer[] {
    return answersIn(this.received);
  }
}

/** The answers one after the other, and whether more than those follows. */
function answersIn(received: string): Answer[] {
  const answers: Answer[] = [];
  for (let rest = received; ; ) {
    const end = rest.indexOf("\r\n\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(rest)?.[1]);
    if (end === -1 || Number.isNaN(status)) return answers;
    const head = rest.slice(0, end);
    const length = Number(/\r\nContent-Length: (\d+)/i.exec(head)?.[1] ?? 0);
    const body = rest.slice(end + 4, end + 4 + length);
    if (body.length < length) return answers;
    answers.push({ status, head, body, code: /"code":"(\w+)"/.exec(body)?.[1] ?? "" });
    rest = rest.slice(end + 4 + length);
  }
}
