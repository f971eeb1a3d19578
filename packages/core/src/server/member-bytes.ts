import { type Member, utf8Length } from "@holdfast/protocol";

/** The UTF-8 bytes of a value as JSON; throws `RangeError` for one that is nested too deeply. */
export function jsonBytes(value: unknown): number {
  return utf8Length(JSON.stringify(value) ?? "");
}

/** What a member takes of what the application and its clients choose. The rest is the same for all, and bounded by their number. */
export function memberBytes({ instance, data, user }: Member): number {
  return jsonBytes([instance, data, user]);
}

/** What the members of a channel take, each counted once. */
export class MemberBytes {
  readonly #byInstance = new Map<string, number>();
  #total = 0;

  /** How many members there are. */
  get size(): number {
    return this.#byInstance.size;
  }

  get total(): number {
    return this.#total;
  }

  of(instance: string): number {
    return this.#byInstance.get(instance) ?? 0;
  }

  /** Counts a member by the largest that is held of it, on its way from one node to another; nothing held, it is gone. */
  count(instance: string, held: readonly Member[]): void {
    const bytes = Math.max(0, ...held.map(memberBytes));
    this.#total += bytes - this.of(instance);
    if (bytes === 0) this.#byInstance.delete(instance);
    else this.#byInstance.set(instance, bytes);
  }
}
