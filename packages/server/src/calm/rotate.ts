import type { Node } from "../node.ts";
import { inTurn, stepMs } from "./in-turn.ts";

const graceMs = 30_000;
const awayMs = 1000;

/** Asks every client to connect anew, evenly over `overMs`. Rules CALM-2, CALM-3. */
export async function rotate(node: Node, overMs: number): Promise<void> {
  const sessions = [...node.attendance.links].map(({ session }) => session);
  await inTurn(
    sessions,
    overMs,
    (session) => {
      const delayMs = session.moves ? stepMs * Math.random() : awayMs * (1 + Math.random());
      session.move(Math.round(delayMs), "rotate", graceMs);
    },
    () => node.isDraining,
  );
}
