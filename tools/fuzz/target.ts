import assert from "node:assert/strict";
import { HoldfastError } from "@holdfast/protocol";
import type fc from "fast-check";

/** A decoder with what it is fed, and with what must hold of it. */
export interface FuzzTarget {
  readonly name: string;
  readonly input: fc.Arbitrary<unknown>;
  /** Throws when an invariant is broken. */
  readonly run: (input: never) => void;
}

export function target<T>(name: string, input: fc.Arbitrary<T>, run: (input: T) => void): FuzzTarget {
  return { name, input, run };
}

/** What `decode` answers, or `undefined` when it refuses; anything but a HoldfastError is a fault. */
export function unlessRefused<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof HoldfastError) return undefined;
    throw error;
  }
}

/** What decodes is encoded again to what decodes to the same. */
export function holdsRoundTrip<T>(
  input: string,
  decode: (text: string) => T,
  encode: (value: T) => string,
): void {
  const value = unlessRefused(() => decode(input));
  if (value === undefined) return;
  const text = encode(value);
  const again = decode(text);
  assert.equal(plain(again), plain(value));
  assert.equal(encode(again), text);
}

/** A value as text, to compare: JSON writes -0 as 0, and so may an encoder. */
function plain(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => (member instanceof Map ? [...member] : member));
}
