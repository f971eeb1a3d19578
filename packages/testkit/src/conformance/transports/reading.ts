import assert from "node:assert/strict";
import { parseCursor } from "@holdfast/protocol";
import { TruthLog } from "../../history/truth-log.ts";
import type { Bench } from "./bench.ts";
import type { Lane } from "./lane.ts";

/** A promise that every lane keeps. */
export interface LaneRule {
  readonly title: string;
  prove(bench: Bench, lane: Lane): Promise<void>;
}

export function rule(title: string, prove: LaneRule["prove"]): LaneRule {
  return { title, prove };
}

export const reading = [
  rule(
    "[READ-1] the position is known before the first event, also where nothing was ever published",
    async (bench, lane) => {
      const channel = bench.channel();
      const transcript = bench.read(lane, channel, "latest");
      await transcript.untilStarted();
      assert.deepEqual(transcript.order, ["subscribed"]);
      const started = transcript.position;
      const cursor = await bench.press.numbered(channel, 3);
      assert.equal(
        started,
        `${parseCursor(cursor).epoch}-${parseCursor(bench.press.cursorOf(channel, 0)).offset - 1}`,
      );
      await transcript.untilAt(cursor);
      transcript.check([bench.press.truth(channel)]);
    },
  ),

  rule(
    "[CUR-3] [READ-2] `oldest` reads all that there is, and `latest` only what comes",
    async (bench, lane) => {
      const channel = bench.channel();
      const before = await bench.press.numbered(channel, 5);
      const oldest = bench.read(lane, channel, "oldest");
      const latest = bench.read(lane, channel, "latest");
      await latest.untilStarted();
      assert.equal(latest.position, before);
      const after = await bench.press.numbered(channel, 2);
      await Promise.all([oldest.untilAt(after), latest.untilAt(after)]);
      assert.equal(oldest.seen.length, 7);
      assert.equal(latest.seen.length, 2);
      for (const one of [oldest, latest]) one.check([bench.press.truth(channel)]);
    },
  ),

  rule("[CLI-3] cut before its first event, it resumes from where it began", async (bench, lane) => {
    const channel = bench.channel();
    await bench.press.numbered(channel, 2);
    const transcript = bench.read(lane, channel, "latest");
    await transcript.untilStarted();
    bench.proxy.admit("reset");
    bench.proxy.cut();
    const cursor = await bench.press.numbered(channel, 3);
    assert.equal(transcript.seen.length, 0);
    bench.proxy.admit("serve");
    await transcript.untilAt(cursor);
    assert.equal(transcript.seen.length, 3);
    transcript.check([bench.press.truth(channel)]);
  }),

  rule(
    "[ORD-1] [GAP-1] [DUP-1] [MOVE-1] events under load, with the line cut again and again, come once and in order",
    async (bench, lane) => {
      const channel = bench.channel();
      await bench.press.numbered(channel, 1);
      const readers = ["oldest", "latest"].map((after) => bench.read(lane, channel, after));
      await Promise.all(readers.map((one) => one.untilStarted()));
      let cursor = "";
      for (let round = 0; round < 40; round++) {
        cursor = await bench.press.numbered(channel, 1 + ((round * 7) % 11));
        // At another moment of what is under way each time.
        if (round % 4 === 3) bench.proxy.cut();
      }
      for (const one of readers) {
        await one.untilAt(cursor);
        one.check([bench.press.truth(channel)]);
      }
    },
  ),

  rule(
    "[GAP-2] [GAP-3] a cursor that retention has overtaken is answered with a gap `expired`, and then with what is left",
    async (bench, lane) => {
      const channel = bench.channel("short");
      await bench.press.numbered(channel, 5);
      const after = bench.press.cursorOf(channel, 1);
      const cursor = await bench.press.numbered(channel, 20);
      const transcript = bench.read(lane, channel, after);
      await transcript.untilAt(cursor);
      assert.deepEqual(transcript.order.slice(0, 2), ["subscribed", "gap"]);
      assert.deepEqual(transcript.gaps, [
        { from: after, to: bench.press.cursorOf(channel, -11), reason: "expired" },
      ]);
      assert.equal(transcript.seen.length, 10);
      transcript.check([bench.press.truth(channel, { eventsMax: 10 })]);
    },
  ),

  rule(
    "[GAP-2] [GAP-3] a cursor of a log that nobody knows is answered with a gap `epoch`, never as if nothing was missed",
    async (bench, lane) => {
      const channel = bench.channel();
      const cursor = await bench.press.numbered(channel, 3);
      const transcript = bench.read(lane, channel, "gone0-900");
      await transcript.untilAt(cursor);
      const [gap] = transcript.gaps;
      assert.deepEqual([transcript.gaps.length, gap?.from, gap?.reason], [1, "gone0-900", "epoch"]);
      assert.equal(transcript.seen.length, 3);
      transcript.check([new TruthLog(channel, "gone0", 0), bench.press.truth(channel)]);
    },
  ),

  rule(
    "[GAP-2] a cursor beyond the end of its log is answered with a gap `epoch` to the floor",
    async (bench, lane) => {
      const channel = bench.channel();
      const cursor = await bench.press.numbered(channel, 3);
      const { epoch, offset } = parseCursor(cursor);
      const transcript = bench.read(lane, channel, `${epoch}-${offset + 50}`);
      await transcript.until("for three events after a gap", () => transcript.seen.length === 3);
      assert.deepEqual(
        transcript.gaps.map(({ reason }) => reason),
        ["epoch"],
      );
      assert.equal(transcript.position, cursor);
    },
  ),

  rule(
    "[END-1] a closed channel is read to its end, and the end is told once, after everything",
    async (bench, lane) => {
      const channel = bench.channel();
      await bench.press.numbered(channel, 2);
      const early = bench.read(lane, channel, "oldest");
      await early.untilSeen(2);
      await bench.press.numbered(channel, 3);
      const end = await bench.press.close(channel);
      const late = bench.read(lane, channel, "oldest");
      for (const one of [early, late]) {
        await one.until("for the end", () => one.endedAt !== undefined);
        assert.equal(one.endedAt, end);
        assert.equal(one.seen.length, 5);
        assert.equal(one.order.at(-1), "end");
        one.check([bench.press.truth(channel, { isClosed: true })]);
      }
    },
  ),

  rule(
    "[EVT-1] [EVT-2] JSON, text and bytes arrive as what they were published as, with their labels",
    async (bench, lane) => {
      const channel = bench.channel();
      const texts = ["", " ", "two\nlines\n", "data: x\n\nid: 7", "\u{1f9ed} ünï", "\u2028\u2029", "[1,2]"];
      const values = [null, true, -0.5, "text", [], { a: { b: [1, "\u0000"] } }, "x".repeat(10_000)];
      const byteRows = [
        [],
        [0],
        [0xff, 0xfe, 0x0a, 0x0d],
        Array.from({ length: 300 }, (_, index) => index % 256),
      ];
      const results = await bench.press.publish(channel, [
        ...texts.map((text) => ({ payload: { encoding: "text", text } }) as const),
        ...values.map((value) => ({ payload: { encoding: "json", text: JSON.stringify(value) } }) as const),
        ...byteRows.map((row) => ({ payload: { encoding: "base64", bytes: Uint8Array.from(row) } }) as const),
        {
          payload: { encoding: "json", text: "1" },
          type: "order.paid:v1_x-y",
          key: "!~\"'\\",
          id: "01J9/\u007e",
        },
      ]);
      const transcript = bench.read(lane, channel, "oldest");
      await transcript.untilAt(results.at(-1)?.cursor ?? "");
      transcript.check([bench.press.truth(channel)]);
    },
  ),

  rule(
    "[BND-1] one that takes nothing costs the server what its socket holds, delays nobody else, and misses nothing",
    async (bench, lane) => {
      const channel = bench.channel();
      await bench.press.numbered(channel, 1);
      const slow = bench.read(lane, channel, "oldest");
      const other = bench.read(lane, channel, "oldest", { url: bench.node.url });
      await Promise.all([slow.untilSeen(1), other.untilSeen(1)]);
      bench.proxy.stall("down");
      const filling = "x".repeat(10_000);
      let cursor = "";
      for (let round = 0; round < 30; round++) {
        const drafts = Array.from({ length: 40 }, (_, index) => {
          return { payload: { encoding: "json", text: `"${round} ${index} ${filling}"` } } as const;
        });
        cursor = (await bench.press.publish(channel, drafts)).at(-1)?.cursor ?? "";
      }
      // Twelve megabytes: who reads gets them all, while of those for the other no more than a page is kept.
      await other.untilAt(cursor);
      const unsentBytes = await bench.node.unsentBytes();
      assert.ok(unsentBytes < 2_000_000, `${unsentBytes} bytes are kept`);
      bench.proxy.release("down");
      await slow.untilAt(cursor);
      for (const one of [slow, other]) one.check([bench.press.truth(channel)]);
    },
  ),

  rule(
    "[MODE-2] in mode `latest` who lags gets the newest of each key, and everything is accounted for",
    async (bench, lane) => {
      const channel = bench.channel("latest");
      let cursor = "";
      for (let round = 0; round < 20; round++) {
        for (const key of ["a", "b", "c"]) cursor = await bench.press.numbered(channel, 1, { key });
      }
      const transcript = bench.read(lane, channel, "oldest");
      await transcript.untilAt(cursor);
      const live = await bench.press.numbered(channel, 1, { key: "a" });
      await transcript.untilAt(live);
      transcript.check([bench.press.truth(channel)], { mode: "latest", maxLag: 0 });
    },
  ),

  rule(
    "[ACK-2] what is published again with the same id is in the log once, and answered as the first time",
    async (bench, lane) => {
      const channel = bench.channel();
      const draft = { ...bench.press.draft(), id: "once" };
      const transcript = bench.read(lane, channel, "oldest");
      const [first] = await bench.press.publish(channel, [draft]);
      const [again] = await bench.press.publish(channel, [draft]);
      assert.deepEqual(again, { ...first, duplicate: true });
      const cursor = await bench.press.numbered(channel, 1);
      await transcript.untilAt(cursor);
      assert.equal(transcript.seen.length, 2);
      transcript.check([bench.press.truth(channel)]);
    },
  ),

  rule(
    "[DUP-1] a half-dead old line that wakes after another took over disturbs nothing",
    async (bench, lane) => {
      const channel = bench.channel();
      await bench.press.numbered(channel, 2);
      const old = bench.read(lane, channel, "oldest");
      await old.untilSeen(2);
      bench.proxy.stall("down");
      const cursor = await bench.press.numbered(channel, 3);
      // The same reader, come back another way, while the old line is neither dead nor alive.
      const next = bench.read(lane, channel, old.position ?? "", { url: bench.node.url });
      await next.untilAt(cursor);
      bench.proxy.release("down");
      const last = await bench.press.numbered(channel, 2);
      await Promise.all([next.untilAt(last), old.untilAt(last)]);
      for (const one of [old, next]) one.check([bench.press.truth(channel)]);
    },
  ),
];
