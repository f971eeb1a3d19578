import type { Member } from "@holdfast/protocol";

/** A member as another node tells of it. */
export interface Guest {
  readonly member: Member;
  /** It has no connection there, and stays by its grace alone. */
  readonly isAway: boolean;
}

/** The members of a channel that are here through other nodes. One may be at several, as when it moves. */
export class Guests {
  /** By instance, then by node; what was told last comes last. */
  readonly #byInstance = new Map<string, Map<string, Guest>>();

  get instances(): Iterable<string> {
    return this.#byInstance.keys();
  }

  set(node: string, guest: Guest): void {
    const { instance } = guest.member;
    const byNode = this.#byInstance.get(instance) ?? new Map<string, Guest>();
    byNode.delete(node);
    byNode.set(node, guest);
    this.#byInstance.set(instance, byNode);
  }

  delete(node: string, instance: string): void {
    const byNode = this.#byInstance.get(instance);
    if (byNode?.delete(node) && byNode.size === 0) this.#byInstance.delete(instance);
  }

  /** All that is held of an instance, one for each node. */
  told(instance: string): Iterable<Guest> {
    return this.#byInstance.get(instance)?.values() ?? [];
  }

  /** What was told last of an instance, of the nodes where it is connected if there are any. */
  of(instance: string): Guest | undefined {
    let last: Guest | undefined;
    for (const guest of this.told(instance)) {
      if (last === undefined || last.isAway || !guest.isAway) last = guest;
    }
    return last;
  }
}
