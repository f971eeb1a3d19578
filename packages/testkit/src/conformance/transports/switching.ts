import assert from "node:assert/strict";
import type { Rule as ProxyRule } from "../../fault-proxy/fault-proxy.ts";
import type { Bench, SessionUnderTest } from "./bench.ts";
import type { TransportName } from "./lane.ts";
import { flood } from "./moving.ts";

type Request = Parameters<ProxyRule>[0];

// The first request of a long poll does not wait, so that nothing on the way can tell it from a poll.
const isPoll = ({ method, path, isStream }: Request) =>
  method === "POST" && /^\/connect(\?|$)/.test(path) && !isStream;

/** Whether a request belongs to a transport of the session protocol. */
const belongs: Readonly<Record<TransportName, (request: Request) => boolean>> = {
  websocket: ({ isUpgrade }) => isUpgrade,
  sse: ({ path, isStream }) => path.startsWith("/connect") && isStream,
  "long-poll": isPoll,
  poll: isPoll,
};

/** Lets a transport through no more; returns what takes that back. */
export function block(bench: Bench, transport: TransportName): () => void {
  return bench.proxy.judge((request) =>
    belongs[transport](request) ? { do: "answer", status: 502 } : undefined,
  );
}

/** Resolves when the client uses a transport; rejects after the deadline. */
export async function using(
  session: SessionUnderTest,
  transport: TransportName,
  deadlineMs: number,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve, reject) => {
    const look = () => {
      if (session.transport === transport) resolve();
    };
    timer = setTimeout(() => {
      reject(new Error(`${deadlineMs} ms passed waiting for ${transport}; it uses ${session.transport}`));
    }, deadlineMs);
    session.onTransport(look);
    look();
  }).finally(() => clearTimeout(timer));
}

/** A client on one transport changes to another while events flow, and back. Both ways are changes of the ordered pair. */
export async function switchBetween(bench: Bench, best: TransportName, other: TransportName): Promise<void> {
  const channel = bench.channel();
  const start = await bench.press.numbered(channel, 1);
  const session = bench.connect([best, other]);
  // From a cursor, so that a long poll may wait from the first request on.
  const reading = bench.transcript(`${best} and ${other}`, channel, start);
  session.read(channel, start, reading);
  await using(session, best, bench.deadlineMs);
  const events = flood(bench, channel);
  await reading.untilSeen(3);
  const permit = block(bench, best);
  bench.proxy.cut();
  await using(session, other, bench.deadlineMs);
  await reading.untilSeen(reading.seen.length + 3);
  permit();
  await using(session, best, bench.deadlineMs);
  await reading.untilSeen(reading.seen.length + 3);
  await reading.untilAt(await events.stop());
  reading.check([bench.press.truth(channel)]);
  assert.equal(reading.order[0], "subscribed");
}
