import { randomBytes } from "node:crypto";

const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";

/** Draws text that nobody can guess, of lower case letters and digits. */
export function drawText(length: number): string {
  let text = "";
  // A byte has a multiple of 36 values below 252.
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < 252 && text.length < length) text += alphabet[byte % 36];
    }
  }
  return text;
}
