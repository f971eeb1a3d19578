import { crc32 } from "node:zlib";
import {
  type Compression,
  deflatedWebSocket,
  gzipStreams,
  type StreamCoding,
  type WebSocketFramings,
  zstdStreams,
} from "@holdfast/core/server";
import type { CompressionSettings } from "../options.ts";
import { deflateAt, zstdAt } from "./compressors.ts";
import { type Coding, readAcceptEncoding } from "./content-coding.ts";

/** How one node compresses: its compressors, and the framings that share what they make. */
export class NodeCompression {
  readonly settings: CompressionSettings;
  /** The faces of WebSockets that agreed on permessage-deflate. */
  readonly webSocketFramings: WebSocketFramings;
  readonly #streams: Readonly<Record<Coding, StreamCoding>>;

  constructor(settings: CompressionSettings) {
    const { level, thresholdBytes } = settings;
    const compression: Compression = {
      thresholdBytes,
      deflate: deflateAt(level),
      zstd: zstdAt(level),
      crc32: (bytes) => crc32(bytes),
    };
    this.settings = settings;
    this.webSocketFramings = deflatedWebSocket(compression);
    this.#streams = { gzip: gzipStreams(compression), zstd: zstdStreams(compression) };
  }

  /** The coding of an event stream for an `Accept-Encoding`; throws `not_acceptable`. Rule ZIP-10. */
  streamCoding(acceptEncoding: string | undefined): StreamCoding | undefined {
    const { coding } = readAcceptEncoding(acceptEncoding);
    return coding && this.#streams[coding];
  }
}
