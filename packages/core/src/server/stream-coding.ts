import {
  type Bytes,
  chunk,
  crc32Shift,
  gzipHead,
  gzipTail,
  joinCrc32,
  storedDeflate,
  storedZstd,
} from "@holdfast/protocol";
import type { Framing } from "./batch.ts";
import type { Compression, Compressor } from "./compression.ts";
import { framings } from "./framings.ts";
import { type Envelope, layered, slots } from "./layers.ts";

/** What one event stream in a content coding has of its own. */
export interface CodedStream {
  readonly coding: StreamCoding;
  /** What it begins with. */
  readonly head: Bytes;
  /** Hears of each piece that is written to it, in order. */
  wrote(piece: Uint8Array): void;
  /** What it ends with, when it is not cut. */
  tail(): Bytes;
}

/** A coded piece as it is, or as one chunk of an HTTP/1.1 body. */
type Form = "whole" | "chunked";

/** Event streams in a content coding: of pieces that each stand alone, so that all streams share them. Rule ZIP-10. */
export class StreamCoding {
  readonly name: "gzip" | "zstd";
  readonly #forms: Readonly<Record<Form, Envelope>>;
  readonly #shared: ReadonlyMap<Framing, Readonly<Record<Form, Framing>>>;
  readonly #begin: (coding: StreamCoding) => CodedStream;

  constructor(
    name: StreamCoding["name"],
    forms: Record<Form, Envelope>,
    begin: (coding: StreamCoding) => CodedStream,
  ) {
    this.name = name;
    this.#forms = forms;
    this.#begin = begin;
    const { session, plain } = streamSlots[name];
    this.#shared = new Map([
      [framings.sessionSse, this.#layer(framings.sessionSse, session)],
      [framings.plainSse, this.#layer(framings.plainSse, plain)],
    ]);
  }

  #layer(face: Framing, slot: Readonly<Record<Form, number>>): Record<Form, Framing> {
    const whole = layered(slot.whole, face, this.#forms.whole);
    return { whole, chunked: layered(slot.chunked, whole, this.#forms.chunked) };
  }

  /** A face in this coding; streams of the same face share its bytes. */
  framing(face: Framing, form: Form): Framing {
    return (this.#shared.get(face) ?? this.#layer(face, ownSlots))[form];
  }

  /** Bytes that are no message of a session, in this coding. */
  encode(bytes: Bytes, form: Form): Bytes {
    const piece = this.#forms.whole(bytes);
    return form === "whole" ? piece : this.#forms.chunked(piece);
  }

  begin(): CodedStream {
    return this.#begin(this);
  }
}

const ownSlots = { whole: slots.own, chunked: slots.own };

const streamSlots = {
  gzip: {
    session: { whole: slots.sessionSseGzip, chunked: slots.sessionSseGzipChunked },
    plain: { whole: slots.plainSseGzip, chunked: slots.plainSseGzipChunked },
  },
  zstd: {
    session: { whole: slots.sessionSseZstd, chunked: slots.sessionSseZstdChunked },
    plain: { whole: slots.plainSseZstd, chunked: slots.plainSseZstdChunked },
  },
} as const;

/** Compresses what is long enough and becomes shorter by it; the rest is stored, which costs no compressor. */
function orStored(thresholdBytes: number, compress: Compressor, store: Compressor): Compressor {
  return (bytes) => {
    const stored = store(bytes);
    if (bytes.length < thresholdBytes) return stored;
    const compressed = compress(bytes);
    return compressed.length < stored.length ? compressed : stored;
  };
}

/** Streams of Zstandard: each piece is a frame, and a stream of frames has no beginning or end of its own. RFC 8878 §3. */
export function zstdStreams({ thresholdBytes, zstd }: Compression): StreamCoding {
  const whole = orStored(thresholdBytes, zstd, storedZstd);
  const coding = new StreamCoding("zstd", { whole, chunked: chunk }, () => stream);
  // No stream has anything of its own.
  const stream: CodedStream = { coding, head: nothing, wrote: () => {}, tail: () => nothing };
  return coding;
}

const nothing: Bytes = new Uint8Array(0);

/** What the end of a gzip stream must know of a piece. */
interface Check {
  readonly crc32: number;
  readonly shift: number;
  readonly length: number;
}

/**
 * Streams of gzip: a head, pieces of deflate that each end at a byte, and a tail with the CRC-32 of all that was said. RFC 1952.
 *
 * The CRC of a piece is computed once for all streams, which join those of the pieces they were given.
 */
export function gzipStreams({ thresholdBytes, deflate, crc32 }: Compression): StreamCoding {
  const encode = orStored(thresholdBytes, deflate, storedDeflate);
  const checks = new WeakMap<Uint8Array, Check>();
  const whole: Envelope = (bytes) => {
    const piece = encode(bytes);
    checks.set(piece, { crc32: crc32(bytes), shift: crc32Shift(bytes.length), length: bytes.length });
    return piece;
  };
  const chunked: Envelope = (piece) => {
    const bytes = chunk(piece);
    const check = checks.get(piece);
    if (check !== undefined) checks.set(bytes, check);
    return bytes;
  };
  return new StreamCoding("gzip", { whole, chunked }, (coding) => new GzipStream(coding, checks));
}

class GzipStream implements CodedStream {
  readonly coding: StreamCoding;
  readonly #checks: WeakMap<Uint8Array, Check>;
  #crc32 = 0;
  #length = 0;

  constructor(coding: StreamCoding, checks: WeakMap<Uint8Array, Check>) {
    this.coding = coding;
    this.#checks = checks;
  }

  get head(): Bytes {
    return gzipHead;
  }

  wrote(piece: Uint8Array): void {
    const check = this.#checks.get(piece);
    if (check === undefined) throw new Error("A gzip stream was given bytes that are not coded.");
    this.#crc32 = joinCrc32(this.#crc32, check.crc32, check.shift);
    this.#length += check.length;
  }

  tail(): Bytes {
    return gzipTail(this.#crc32, this.#length);
  }
}
