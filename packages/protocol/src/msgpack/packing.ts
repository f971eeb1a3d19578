import type { Bytes } from "../bytes.ts";
import { Writer } from "./writer.ts";

/** One for all: nothing is called while it is written to that could write as well. */
export const writer = new Writer();

/** What is written while `write` runs, as bytes of its own. */
export function pack(write: () => void): Bytes {
  writer.clear();
  write();
  return writer.copy();
}
