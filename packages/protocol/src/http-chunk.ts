import { type Bytes, encodeUtf8 } from "./bytes.ts";

/** Bytes as one chunk of an HTTP/1.1 body; no bytes are no chunk, as that would end the body. RFC 9112 §7.1. */
export function chunk(bytes: Bytes): Bytes {
  if (bytes.length === 0) return bytes;
  const size = encodeUtf8(`${bytes.length.toString(16)}\r\n`);
  const chunked = new Uint8Array(size.length + bytes.length + 2);
  chunked.set(size);
  chunked.set(bytes, size.length);
  chunked[chunked.length - 2] = 0x0d;
  chunked[chunked.length - 1] = 0x0a;
  return chunked;
}

/** The end of a body in chunks. */
export const lastChunk: Bytes = encodeUtf8("0\r\n\r\n");
