import type { Bytes } from "@holdfast/protocol";
import type { Framing } from "./batch.ts";

/** The forms that the bytes of a batch are kept in, each at its place; handed out here alone. */
export const slots = {
  /** Kept nowhere: the bytes are one connection's own. */
  own: -1,
  sessionText: 0,
  sessionWebSocket: 1,
  sessionSse: 2,
  plainSse: 3,
  plainWebSocket: 4,
  sessionWebSocketDeflated: 5,
  plainWebSocketDeflated: 6,
  sessionMsgpack: 7,
  msgpackWebSocket: 8,
  msgpackWebSocketDeflated: 9,
  sessionSseChunked: 10,
  plainSseChunked: 11,
  sessionSseGzip: 12,
  sessionSseGzipChunked: 13,
  plainSseGzip: 14,
  plainSseGzipChunked: 15,
  sessionSseZstd: 16,
  sessionSseZstdChunked: 17,
  plainSseZstd: 18,
  plainSseZstdChunked: 19,
} as const;

/** What is put around bytes that are complete in themselves: a frame, or compression. */
export type Envelope = (bytes: Bytes) => Bytes;

/** A framing around another, whose bytes it takes from the batch: framings on the same one share them. */
export function layered(slot: number, inner: Framing, envelope: Envelope): Framing {
  return {
    slot,
    events: (batch) => envelope(batch.bytes(inner)),
    control(message) {
      const bytes = inner.control(message);
      return bytes === undefined ? undefined : envelope(bytes);
    },
  };
}
