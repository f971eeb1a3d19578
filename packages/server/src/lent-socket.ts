import type { Socket } from "node:net";
import { Duplex } from "node:stream";

type Done = (error?: Error | null) => void;

/**
 * A socket lent to `node:http`, which can be taken back.
 *
 * A request that becomes a stream needs no HTTP any more, but `node:http` would keep its parser, request and response for as long as
 * the connection lives: twice as much memory as all the rest of it. A server may be given any duplex stream as a connection,
 * so it is given this one.
 */
export class LentSocket extends Duplex {
  readonly #socket: Socket;
  #isLent = true;
  readonly #onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#socket.pause();
  };
  readonly #onEnd = (): void => {
    this.push(null);
  };
  readonly #onTimeout = (): void => {
    this.emit("timeout");
  };
  readonly #onError = (error: Error): void => {
    this.destroy(error);
  };
  readonly #onClose = (): void => {
    this.destroy();
  };

  constructor(socket: Socket) {
    super({ readableHighWaterMark: 65_536, writableHighWaterMark: socket.writableHighWaterMark });
    this.#socket = socket;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("timeout", this.#onTimeout);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
  }

  /**
   * Takes the socket back, paused, with what was read from it and not yet looked at. For `node:http` its connection closes here.
   */
  takeBack(): { readonly socket: Socket; readonly head: Buffer } {
    const socket = this.#socket;
    this.#isLent = false;
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.off("timeout", this.#onTimeout);
    socket.off("error", this.#onError);
    socket.off("close", this.#onClose);
    socket.setTimeout(0);
    socket.pause();
    const head: Buffer | null = this.read();
    this.destroy();
    return { socket, head: head ?? Buffer.alloc(0) };
  }

  /** The socket it stands for. */
  get original(): Socket {
    return this.#socket;
  }

  override _read(): void {
    if (this.#isLent) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#socket.write(chunk, done);
  }

  override _writev(chunks: readonly { chunk: Buffer }[], done: Done): void {
    const last = chunks.length - 1;
    this.#socket.cork();
    for (const [index, { chunk }] of chunks.entries()) {
      this.#socket.write(chunk, index === last ? done : undefined);
    }
    this.#socket.uncork();
  }

  override _final(done: Done): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: Done): void {
    if (this.#isLent) this.#socket.destroy();
    done(error);
  }

  /** Called by `node:http` after the last answer on a connection. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  setTimeout(ms: number): this {
    this.#socket.setTimeout(ms);
    return this;
  }

  setNoDelay(isOn?: boolean): this {
    this.#socket.setNoDelay(isOn);
    return this;
  }

  setKeepAlive(isOn?: boolean, delayMs?: number): this {
    this.#socket.setKeepAlive(isOn, delayMs);
    return this;
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#socket.remotePort;
  }

  get remoteFamily(): string | undefined {
    return this.#socket.remoteFamily;
  }

  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  get localPort(): number | undefined {
    return this.#socket.localPort;
  }
}
