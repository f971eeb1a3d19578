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
      "The text is not valid UTF-8. What is no text is published as bytes.",
    );
  }
}

const beyondAscii = /[\u0080-\uffff]/;

/** The bytes that `text` takes as UTF-8, counted without encoding it. */
export function utf8Length(text: string): number {
  if (!beyondAscii.test(text)) return text.length;
  let length = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    if (unit < 0x800) {
      length += 1;
      continue;
    }
    length += 2;
    // A surrogate pair is two units and four bytes.
    if ((unit & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) at++;
  }
  return length;
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

// Its length is checked apart: a group repeated for each four characters would exhaust the stack on megabytes.
const base64Text = /^[A-Za-z0-9+/]*={0,2}$/;

/** Decodes padded base64 (RFC 4648 §4); throws `bad_event`. */
export function decodeBase64(text: string): Bytes {
  if (text.length % 4 !== 0 || !base64Text.test(text)) {
    throw new HoldfastError("bad_event", "The data is not padded base64.");
  }
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
