import {
  type CodedStream,
  chunked,
  type Farewell,
  type Framing,
  type Retracted,
} from "@holdfast/core/server";
import { type Bytes, chunk, encodeUtf8, errorMessage, HoldfastError } from "@holdfast/protocol";
import type { ConnectionSocket } from "../attendance.ts";
import type { Exchange } from "../exchange.ts";
import type { Client } from "../limits/admission.ts";
import type { Node } from "../node.ts";
import { BufferedSink } from "./buffered-sink.ts";
import { openWire, type StreamWire, type Taken, takesChunks } from "./stream-wire.ts";

const streamHeaders = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-store, no-transform",
  "X-Accel-Buffering": "no",
};

/** The sink of an event stream. Before `begin` nothing leaves, so that a refusal can still be a status. Rules SSE-1, SSE-7. */
export class StreamSink extends BufferedSink {
  /** What the stream answers, until it has begun. */
  #exchange: Exchange | undefined;
  #wire: StreamWire | undefined;
  readonly #isChunked: boolean;
  /** In which an error is told once the stream has begun; where there is none, its end has to do. */
  readonly #errors: Framing | undefined;
  readonly #gone = (): void => this.session.gone();
  #forgetExchange: (() => void) | undefined;
  readonly #coded: CodedStream | undefined;

  /** Throws `not_acceptable`. */
  constructor(exchange: Exchange, node: Node, client: Client, errors?: Framing) {
    super(node, client, node.traffic.sse, true);
    this.#exchange = exchange;
    this.#isChunked = takesChunks(exchange.response);
    this.#errors = errors;
    this.#coded = node.compression?.streamCoding(exchange.header("accept-encoding"))?.begin();
    if (this.#coded !== undefined) this.#writeRaw(this.#coded.head);
    this.#forgetExchange = exchange.onClose(this.#gone);
  }

  /** A face as it is written to this stream. */
  framing(face: Framing): Framing {
    const form = this.#isChunked ? "chunked" : "whole";
    if (this.#coded !== undefined) return this.#coded.coding.framing(face, form);
    return this.#isChunked ? chunked(face) : face;
  }

  /** Writes text of the stream that is no message of a session. */
  writeText(text: string): void {
    const bytes = encodeUtf8(text);
    const form = this.#isChunked ? "chunked" : "whole";
    if (this.#coded === undefined) this.#writeRaw(bytes);
    else this.write(this.#coded.coding.encode(bytes, form));
  }

  /** Writes bytes that are no more coded. */
  #writeRaw(bytes: Bytes): void {
    super.write(this.#isChunked ? chunk(bytes) : bytes);
  }

  override write(bytes: Uint8Array): boolean {
    this.#coded?.wrote(bytes);
    return super.write(bytes);
  }

  get socket(): ConnectionSocket | undefined {
    return this.#wire === undefined ? this.#exchange?.request.socket : this.#wire.socket;
  }

  protected get inSocket(): number {
    return this.#wire?.unsent ?? 0;
  }

  get isWritable(): boolean {
    return this.#wire?.isWritable ?? this.#exchange?.isGone === false;
  }

  /** The headers of the answer that begins the stream. */
  headersOf(exchange: Exchange): Readonly<Record<string, string>> {
    const { coding } = this.#coded ?? {};
    const coded = coding === undefined ? {} : { "Content-Encoding": coding.name };
    return exchange.varied({ ...streamHeaders, ...coded });
  }

  /** Starts the stream with its headers and what was said so far. */
  begin(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.isGone) return;
    // It was answered with that, and its connection ends.
    if (exchange.isCorrupt) {
      this.session.gone();
      return;
    }
    this.#forgetExchange?.();
    this.#forgetExchange = undefined;
    this.#exchange = undefined;
    this.node.meters.answered(exchange.route, 200);
    this.#wire = openWire(exchange.response, exchange.headersWith(this.headersOf(exchange)), this.#isChunked);
    this.#wire.onClose(this.#gone);
    this.release();
  }

  protected put(first: Uint8Array, rest: readonly Uint8Array[] | undefined, taken?: Taken): void {
    this.#wire?.put(first, rest, taken);
  }

  protected cut(): void {
    this.#wire?.reset();
  }

  override retract(): Retracted {
    // Before it begins nothing leaves that is not to: it is answered by a status instead.
    if (this.#wire === undefined) return "nothing";
    const became = super.retract();
    // The end of a coded stream vouches for all that was written to it.
    if (became !== "dropped" || this.#coded === undefined) return became;
    this.cut();
    return "cut";
  }

  close(farewell: Farewell): void {
    if (!this.isWritable) return;
    const wire = this.#wire;
    if (wire === undefined) {
      this.#answer(farewell);
      return;
    }
    if (farewell.kind === "refused") {
      const last = this.#errors && this.framing(this.#errors).control(errorMessage(farewell.error));
      if (last !== undefined) this.write(last);
    }
    if (this.#coded !== undefined) this.#writeRaw(this.#coded.tail());
    this.flush();
    wire.end();
    wire.onClose(this.node.farewells.begin(() => wire.destroy()));
  }

  /** The stream is over before it began. Rule SSE-5. */
  #answer(farewell: Farewell): void {
    const isPlain = this.#errors === undefined;
    if (farewell.kind === "refused") this.#exchange?.fail(farewell.error, isPlain);
    else if (farewell.kind === "ended") this.#exchange?.answer(204, undefined);
    else this.#exchange?.fail(new HoldfastError("draining"), isPlain);
  }

  /** A stream has no input. */
  pauseInput(): void {}
}
