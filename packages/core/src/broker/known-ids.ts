import type { Draft } from "@holdfast/protocol";
import { type Holdings, idBytes } from "./holdings.ts";
import { Ring } from "./ring.ts";

/** Where the event of an id went. */
interface KnownId {
  readonly name: string;
  readonly offset: number;
  readonly at: number;
}

/** The window of publishers' ids within which a retry is recognised. Rule ACK-2. */
export class KnownIds {
  readonly #holdings: Holdings;
  // Most channels of a large node remember none: they pay for a map when they need one.
  #byName: Map<string, KnownId> | undefined;
  readonly #oldestFirst = new Ring<KnownId>();

  constructor(holdings: Holdings) {
    this.#holdings = holdings;
  }

  get size(): number {
    return this.#oldestFirst.length;
  }

  find(draft: Draft): KnownId | undefined {
    if (draft.id === undefined || this.#byName === undefined) return undefined;
    return this.#byName.get(publisherId(draft, draft.id));
  }

  /** Remembers where a draft went; does nothing when it has no id. Its id is not known so far. */
  add(draft: Draft, offset: number, at: number): void {
    if (draft.id === undefined) return;
    const known = { name: publisherId(draft, draft.id), offset, at };
    this.#byName ??= new Map();
    this.#byName.set(known.name, known);
    this.#oldestFirst.push(known);
    this.#hold(idBytes(known.name));
  }

  /** Forgets the ids that are `ageMsMax` old. */
  expire(now: number, ageMsMax: number): void {
    for (let oldest = this.#oldestFirst.at(0); oldest !== undefined; oldest = this.#oldestFirst.at(0)) {
      if (now - oldest.at < ageMsMax) return;
      this.#dropOldest();
    }
  }

  /** Forgets the oldest ids beyond `sizeMax`. */
  trim(sizeMax: number): void {
    while (this.size > sizeMax) this.#dropOldest();
  }

  #dropOldest(): void {
    const known = this.#oldestFirst.shift();
    if (known === undefined) return;
    this.#byName?.delete(known.name);
    this.#hold(-idBytes(known.name));
  }

  #hold(bytes: number): void {
    this.#holdings.bytes += bytes;
    this.#holdings.idBytes += bytes;
  }
}

/** The bytes that `KnownIds` would hold for a draft. */
export function idBytesOf(draft: Draft): number {
  return draft.id === undefined ? 0 : idBytes(publisherId(draft, draft.id));
}

/** A publisher's id as one string. An id holds no NUL, so no two pairs become the same string. */
function publisherId(draft: Draft, id: string): string {
  return draft.from === undefined ? id : `${draft.from}\0${id}`;
}
