import { connect, type Socket } from "node:net";
import { nowUs } from "../clock.ts";
import type { Dialect } from "./dialect.ts";
import { clientFrame, type FrameListener, FrameWalker, pongFrame } from "./frames.ts";
import type { Inflater } from "./inflater.ts";
import type { Standing } from "./standing.ts";
import type { Tally } from "./tally.ts";

/** What all readers of a process share. */
export interface Crew {
  readonly dialect: Dialect;
  readonly port: number;
  /** The address of this machine that readers come from; absent: any. One has about 28,000 ports for a server's port. */
  readonly localAddress?: string | undefined;
  readonly payloadBytes: number;
  /** What every socket reads into: it is looked through before the next one reads. */
  readonly buffer: Buffer;
  /** Absent where no deflate is offered. */
  readonly inflater?: Inflater;
  live(reader: Reader): void;
  /** Events came, by this clock. */
  read(reader: Reader, atUs: number): void;
  /** The connection was refused, or has ended; the server may have said when to come back. */
  failed(reader: Reader, why: Error, retryAfterMs?: number): void;
}

/** One connection of a load generator, which reads one or several channels and counts. */
export class Reader implements FrameListener {
  readonly channels: readonly string[];
  readonly tally: Tally;
  readonly #crew: Crew;
  /** Of a reader that may have to say where it stands. */
  readonly #standing: Standing | undefined;
  readonly #socket: Socket;
  readonly #frames: FrameWalker | undefined;
  #phase: "opening" | "greeting" | "live" | "over" = "opening";
  /** What came before the reader was live. */
  #heard = "";
  /** The beginning of a message that is looked at as text. */
  #text = "";
  #atUs = 0;
  /** Deflated messages so far, and the beginning of one that came in pieces. */
  #deflated = 0;
  #deflatedPart: Buffer | undefined;

  constructor(crew: Crew, channels: readonly string[], tally: Tally, standing?: Standing) {
    this.#crew = crew;
    this.#standing = standing;
    this.channels = channels;
    this.tally = tally;
    const { dialect, port, buffer, localAddress } = crew;
    this.#frames = dialect.framing === "websocket" ? new FrameWalker(this) : undefined;
    const onread = { buffer, callback: this.#receive };
    const from = localAddress === undefined ? {} : { localAddress };
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true, onread, ...from });
    this.#socket.once("connect", () =>
      this.#socket.write(request(dialect, channels, port, standing?.position)),
    );
    this.#socket.once("error", (error) => this.#end(error));
    this.#socket.once("close", () => this.#end(new Error("The server closed the connection.")));
  }

  get isLive(): boolean {
    return this.#phase === "live";
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Reads no more, and stays. */
  stall(): void {
    this.#socket.pause();
  }

  /** Leaves without a word, and without a port that stays taken for a while. */
  leave(): void {
    this.#phase = "over";
    this.#socket.resetAndDestroy();
  }

  say(text: string): void {
    this.send(clientFrame(text));
  }

  readonly #receive = (size: number, buffer: Uint8Array): boolean => {
    this.#atUs = nowUs();
    this.tally.bytes += size;
    const before = this.tally.events;
    const from = this.#phase === "opening" ? this.#open(buffer, size) : 0;
    if (from < size) {
      if (this.#frames === undefined) this.#stream(buffer, from, size);
      else this.#frames.walk(buffer, from, size);
    }
    if (this.tally.events !== before) this.#crew.read(this, this.#atUs);
    return true;
  };

  /** Reads the head of the answer; returns where it ends. */
  #open(buffer: Uint8Array, size: number): number {
    const known = this.#text.length;
    this.#text += latin1(buffer, 0, size);
    const end = this.#text.indexOf("\r\n\r\n");
    if (end < 0) return size;
    const [status = ""] = this.#text.split("\r\n", 1);
    const seconds = /\r\nretry-after: (\d+)/i.exec(this.#text)?.[1];
    this.#text = "";
    if (!/^HTTP\/1\.1 (?:101|200) /.test(status)) {
      const retryAfterMs = seconds === undefined ? undefined : Number(seconds) * 1000;
      this.#end(new Error(`The server answered "${status}".`), retryAfterMs);
      return size;
    }
    this.#phase = "greeting";
    const hello = this.#crew.dialect.hello?.(this.channels, this.#standing?.position);
    if (hello !== undefined) this.say(hello);
    this.#greet("");
    return end + 4 - known;
  }

  #greet(message: string): void {
    const { dialect } = this.#crew;
    this.#heard += `${message}\n`;
    const answer = dialect.answer?.(message, this.#standing?.position);
    if (answer !== undefined) this.say(answer);
    if (dialect.isLive !== undefined && !dialect.isLive(this.#heard, this.channels)) return;
    this.#phase = "live";
    this.#heard = "";
    this.#crew.live(this);
  }

  #stream(buffer: Uint8Array, from: number, end: number): void {
    if (this.#phase === "greeting") this.#greet(latin1(buffer, from, end));
    this.tally.scan(buffer, from, end, this.#atUs);
  }

  body(buffer: Uint8Array, from: number, end: number, length: number, isLast: boolean): void {
    if (this.#frames?.isDeflated) {
      this.#inflate(buffer, from, end, isLast);
      return;
    }
    this.tally.scan(buffer, from, end, this.#atUs);
    this.#standing?.hear(buffer, from, end, isLast);
    if (this.#phase === "live" && length >= this.#crew.payloadBytes) return;
    this.#text += latin1(buffer, from, end);
    if (!isLast) return;
    const message = this.#text;
    this.#text = "";
    const { ping } = this.#crew.dialect;
    if (message === ping?.asked) this.say(ping.answer);
    else if (this.#phase === "greeting") this.#greet(message);
  }

  #inflate(buffer: Uint8Array, from: number, end: number, isLast: boolean): void {
    const part = this.#deflatedPart;
    const body = part === undefined ? buffer : Buffer.concat([part, buffer.subarray(from, end)]);
    if (!isLast) {
      this.#deflatedPart = part === undefined ? Buffer.from(buffer.subarray(from, end)) : (body as Buffer);
      return;
    }
    this.#deflatedPart = undefined;
    const [start, stop] = part === undefined ? [from, end] : [0, body.length];
    const message = this.#crew.inflater?.inflate(this.#deflated++, body, start, stop);
    if (message === undefined) this.#end(new Error("The server deflated what nobody asked it to."));
    else this.tally.scan(message, 0, message.length, this.#atUs);
  }

  ping(): void {
    this.#socket.write(pongFrame);
  }

  close(): void {
    this.#end(new Error("The server said goodbye."));
  }

  #end(why: Error, retryAfterMs?: number): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#socket.destroy();
    this.#crew.failed(this, why, retryAfterMs);
  }
}

function latin1(buffer: Uint8Array, from: number, end: number): string {
  return Buffer.from(buffer.buffer, buffer.byteOffset + from, end - from).toString("latin1");
}

/** Any 16 bytes will do as the key: they only show that the server read them. */
const upgrade =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: aG9sZGZhc3QgaXMgYSBiZQ==\r\n";

const deflateOffer =
  "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n";

function request(
  { framing, path, offersDeflate = false }: Dialect,
  channels: readonly string[],
  port: number,
  position: string | undefined,
): string {
  const opens = offersDeflate ? upgrade + deflateOffer : upgrade;
  const wants = framing === "websocket" ? opens : "Accept: text/event-stream\r\n";
  return `GET ${path(channels, position)} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${wants}\r\n`;
}
