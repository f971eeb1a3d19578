import assert from "node:assert/strict";
import type { Principal } from "@holdfast/core/server";
import type { Bench } from "./bench.ts";
import type { TransportName } from "./lane.ts";
import { flood } from "./moving.ts";

/** Tokens of the suite say whose they are, and when they end. */
export function conformanceToken(user: string, expiresAt: number): string {
  return `${user}.${expiresAt}`;
}

/** Who has a token of the suite; without one nobody in particular, who may do everything for ever. */
export function conformancePrincipal(token: string | undefined): Principal | null {
  if (token === undefined) return {};
  const [user = "", expiresAt] = token.split(".");
  return { user, expiresAt: Number(expiresAt) };
}

/** So that several of them end while a rule is tried. */
const lifeMs = 800;

/** A promise to clients whose tokens end. */
export interface TokenRule {
  readonly title: string;
  prove(bench: Bench, transport: TransportName): Promise<void>;
}

export const lasting: readonly TokenRule[] = [
  {
    title:
      "[EXP-4] [SES-3] [CLI-11] tokens that end are renewed in mid-stream, and nothing is missed or repeated",
    async prove(bench, transport) {
      const channel = bench.channel();
      const start = await bench.press.numbered(channel, 1);
      let asked = 0;
      let enough = () => {};
      const renewed = new Promise<void>((resolve) => (enough = resolve));
      const session = bench.connect([transport], {
        token: () => {
          if (++asked === 5) enough();
          return conformanceToken("ada", Date.now() + lifeMs);
        },
      });
      const reading = bench.transcript(`renewing over ${transport}`, channel, start);
      session.read(channel, start, reading);
      const events = flood(bench, channel);
      await renewed;
      await reading.untilSeen(reading.seen.length + 3);
      await reading.untilAt(await events.stop());
      reading.check([bench.press.truth(channel)]);
    },
  },
  {
    title:
      "[EXP-3] [CLI-13] without another token a client is closed when its token ends, and nothing follows",
    async prove(bench, transport) {
      const channel = bench.channel();
      const start = await bench.press.numbered(channel, 1);
      const token = conformanceToken("ada", Date.now() + lifeMs);
      const session = bench.connect([transport], { token: () => token });
      const reading = bench.transcript(`expiring over ${transport}`, channel, start);
      session.read(channel, start, reading);
      const events = flood(bench, channel);
      await reading.until("for the end of its token", () => reading.refusedWith !== undefined);
      const seen = reading.seen.length;
      await events.stop();
      assert.equal(reading.seen.length, seen);
      assert.ok(reading.refusedWith === "unauthenticated" || reading.refusedWith === "token_expired");
    },
  },
];
