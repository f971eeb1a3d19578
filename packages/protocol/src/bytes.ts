import { HoldfastError } from "./errors.ts";

/** Encoded output is never backed by shared memory, which platform sockets and Blobs refuse. */
export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function encodeUtf8(text: string): Bytes {
  return encoder.encode(text);
}

/** Decodes UTF-8; throws `bad_utf8` instead of repairing. Rule EVT-3. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new HoldfastError(
      "bad_utf8",
      "The text is not valid UTF-8. Send bytes as application/octet-stream.",
    );
  }
}

export function joinBytes(parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function encodeBase64(bytes: Uint8Array): string {
  // In slices: an argument list has a limit, and one string a byte would be slow.
  let binary = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(binary);
}

const base64Text = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Decodes padded base64 (RFC 4648 §4); throws `bad_event`. */
export function decodeBase64(text: string): Bytes {
  if (!base64Text.test(text)) throw new HoldfastError("bad_event", "The data is not padded base64.");
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
