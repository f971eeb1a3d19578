import assert from "node:assert/strict";
import type { Attack } from "./siege.ts";
import { soon } from "./target.ts";

type Ends = readonly (readonly [status: number, code: string])[];

/** Bytes on one connection of HTTP/1.1, and what they must be answered with. */
export interface RequestAttack {
  readonly name: string;
  sends(channel: string): string;
  /** The answers in their order, as status and code of the problem; none where the connection is cut. */
  readonly ends: Ends;
  /** The same in somebody else's server, whose parser says less; none where that one cuts the connection. */
  readonly endsAttached?: Ends;
  /** The connection is to stay open; otherwise it must be closed. */
  readonly staysOpen?: boolean;
  /** What the channel must hold then: nothing unless given. */
  readonly publishes?: readonly unknown[];
}

/** What somebody else's server makes of it: it has no codes of ours, and paths of its own. */
function attachedEnds(ends: Ends): Ends {
  return ends.map(([status, code]) => {
    if (status === 404) return [200, ""];
    return [status, status === 400 ? "" : code];
  });
}

export function requestAttack(attack: RequestAttack): Attack {
  const { name, sends, ends, staysOpen = false, publishes = [] } = attack;
  const { endsAttached = attachedEnds(ends) } = attack;
  return {
    name,
    async run(attacker) {
      const { target, channel } = attacker;
      const wire = attacker.wire().send(sends(channel));
      const isOver = () => wire.isClosed || (staysOpen && wire.answers.length >= ends.length);
      // That it is not shows in what it was answered.
      await soon("an answer", isOver).catch(() => {});
      const isAttached = target.bed === "attached";
      const got = wire.answers.map(({ status, code }) => [status, isAttached && status === 400 ? "" : code]);
      assert.deepEqual(got, isAttached ? endsAttached : ends, wire.received);
      assert.ok(wire.isClosed || staysOpen, "the connection is still open");
      const events = await target.events(channel);
      assert.deepEqual(
        events.map(({ data }) => data),
        publishes,
      );
    },
  };
}
