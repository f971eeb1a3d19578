import assert from "node:assert/strict";
import { Raw, type SeenEvent } from "../../history/reader-audit.ts";
import type { Bench } from "./bench.ts";
import type { Hearer, Lane } from "./lane.ts";
import type { Transcript } from "./transcript.ts";

/** A promise that concerns several lanes together. */
export interface TogetherRule {
  readonly title: string;
  prove(bench: Bench, lanes: readonly Lane[]): Promise<void>;
}

function rule(title: string, prove: TogetherRule["prove"]): TogetherRule {
  return { title, prove };
}

/** Every ordered pair once, each beginning where the one before ended. */
export function* circuit<T>(items: readonly T[]): Generator<T> {
  const [first] = items;
  if (first === undefined) return;
  yield first;
  const left = new Map(items.map((item) => [item, new Set(items.filter((other) => other !== item))]));
  // Hierholzer's walk: in a complete directed graph it never ends anywhere but where it began.
  const path: T[] = [first];
  const walked: T[] = [];
  while (path.length > 0) {
    const at = path.at(-1) as T;
    const [next] = left.get(at) ?? [];
    if (next === undefined) walked.push(path.pop() as T);
    else {
      left.get(at)?.delete(next);
      path.push(next);
    }
  }
  yield* walked.reverse().slice(1);
}

/** Publishes without a pause until told to stop; resolves with the cursor after the last. */
export function flood(bench: Bench, channel: string): { stop(): Promise<string> } {
  let isStopped = false;
  const run = async () => {
    let cursor = "";
    while (!isStopped) cursor = await bench.press.numbered(channel, 3);
    return cursor;
  };
  const running = run();
  return {
    stop() {
      isStopped = true;
      return running;
    },
  };
}

/** What a lane says of an event, as far as every lane says it. */
function identity({ cursor, at, data, type, key, id, from }: SeenEvent): unknown {
  return { cursor, at, type, key, id, from, data: data instanceof Uint8Array ? [...data] : data };
}

export const moving = [
  rule(
    "[ORD-1] [CUR-2] the same log is the same over every transport of both faces",
    async (bench, lanes) => {
      const channel = bench.channel();
      for (let round = 0; round < 30; round++) {
        await bench.press.publish(channel, [
          { ...bench.press.draft(), id: `id-${round}` },
          { payload: { encoding: "text", text: `line ${round}\nand another` }, key: `k${round % 3}` },
          { payload: { encoding: "base64", bytes: Uint8Array.of(round, 0, 255) }, type: "bytes" },
        ]);
      }
      const last = bench.press.cursorOf(channel, -1);
      const transcripts = lanes.map((lane) => bench.read(lane, channel, "oldest"));
      const logs = [bench.press.truth(channel)];
      for (const one of transcripts) {
        await one.untilAt(last);
        one.check(logs);
      }
      const whole = transcripts.filter(({ seen }) => !(seen[0]?.data instanceof Raw));
      const [first, ...others] = whole.map(({ seen }) => seen.map(identity));
      assert.equal(first?.length, 90);
      for (const other of others) assert.deepEqual(other, first);
      const places = transcripts.map(({ seen }) => seen.map(({ cursor, type }) => ({ cursor, type })));
      for (const other of places) assert.deepEqual(other, places[0]);
    },
  ),

  rule(
    "[MOVE-1] [CUR-2] handed from lane to lane, in every ordered pair, a reading loses nothing and repeats nothing",
    async (bench, lanes) => {
      const channel = bench.channel();
      await bench.press.numbered(channel, 1);
      const relay = bench.transcript("the relay", channel, "oldest");
      const events = flood(bench, channel);
      const walk = [...circuit(lanes)];
      assert.equal(walk.length, lanes.length * (lanes.length - 1) + 1);
      for (const lane of walk) await carry(bench, lane, relay);
      const end = await events.stop();
      for (const lane of lanes.slice(0, 1)) await carry(bench, lane, relay, end);
      relay.check([bench.press.truth(channel)]);
    },
  ),

  rule(
    "[READ-3] [ORD-1] a hundred thousand events of history are read back in pages, whole and in order",
    async (bench, lanes) => {
      const channel = bench.channel();
      const last = await bench.press.numbered(channel, 100_000);
      const logs = [bench.press.truth(channel)];
      for (const lane of lanes) {
        const transcript = bench.read(lane, channel, "oldest", { url: bench.node.url });
        await transcript.untilAt(last);
        transcript.close();
        assert.equal(transcript.seen.length, 100_000);
        transcript.check(logs);
      }
    },
  ),
];

/** Reads on where the relay stands, until it has moved by some events or to a cursor. */
async function carry(bench: Bench, lane: Lane, relay: Transcript, to?: string): Promise<void> {
  const from = relay.position;
  const before = relay.seen.length;
  let isOver = false;
  const hearer: Hearer = {
    subscribed: (cursor) => {
      if (from === undefined) relay.subscribed(cursor);
      else assert.equal(cursor, from, `${lane.name} begins where the one before ended`);
    },
    events: (events, cursor) => {
      if (!isOver) relay.events(events, cursor);
    },
    gap: (...gap) => relay.gap(...gap),
    end: (cursor) => relay.end(cursor),
    refused: (code) => relay.refused(code),
  };
  const close = lane.read({ url: bench.proxy.url, channel: relay.channel, after: from ?? "oldest" }, hearer);
  if (to === undefined) await relay.untilSeen(before + 2);
  else await relay.untilAt(to);
  isOver = true;
  close();
}
