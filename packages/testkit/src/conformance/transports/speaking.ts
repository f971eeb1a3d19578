import assert from "node:assert/strict";
import { parseCursor } from "@holdfast/protocol";
import type { Bench } from "./bench.ts";
import type { TransportName } from "./lane.ts";

/** A promise that every client is given, over each transport is given. */
export interface SpeakerRule {
  readonly title: string;
  prove(bench: Bench, transport: TransportName): Promise<void>;
}

function rule(title: string, prove: SpeakerRule["prove"]): SpeakerRule {
  return { title, prove };
}

export const speaking = [
  rule(
    "[ACK-1] [ACK-2] a publish is acknowledged with its place, and its repetition with the same",
    async (bench, transport) => {
      const channel = bench.channel();
      const speaker = bench.connect([transport]);
      const draft = { ...bench.press.draft(), id: "once" };
      const first = await speaker.publish(channel, draft);
      assert.equal(first.duplicate, false);
      // By somebody else, over another connection: the log knows it.
      const other = bench.connect([transport], { url: bench.node.url });
      assert.deepEqual(await other.publish(channel, draft), { ...first, duplicate: true });
      assert.deepEqual(await speaker.publish(channel, draft), { ...first, duplicate: true });
    },
  ),

  rule(
    "[ACK-4] [CLI-4] what is published without waiting is in the log once and in order, though the line is cut",
    async (bench, transport) => {
      const channel = bench.channel();
      const speaker = bench.connect([transport]);
      await speaker.publish(channel, { ...bench.press.draft(), id: "first" });
      const answers = Array.from({ length: 120 }, (_, index) => {
        const draft = { ...bench.press.draft(), id: `of-${index}` };
        const answer = speaker.publish(channel, draft);
        return answer.then((result) => ({ draft, result }));
      });
      for (let cut = 0; cut < 4; cut++) {
        await answers[cut * 25];
        bench.proxy.cut();
      }
      const published = await Promise.all(answers);
      const offsets = published.map(({ result }) => parseCursor(result.cursor).offset);
      assert.deepEqual(
        offsets,
        [...offsets].sort((a, b) => a - b),
      );
      assert.equal(new Set(offsets).size, offsets.length);
      const response = await fetch(`${bench.node.url}/channels/${channel}?after=oldest&limit=1000`);
      const { events } = (await response.json()) as { events: { id: string; cursor: string }[] };
      assert.deepEqual(
        events.map(({ id, cursor }) => [id, cursor]).slice(1),
        published.map(({ draft, result }) => [draft.id, result.cursor]),
      );
    },
  ),

  rule(
    "[BND-2] [SUB-1] a thousand channels on one session are read, each from its position",
    async (bench, transport) => {
      const session = bench.connect([transport]);
      const prefix = bench.channel();
      const readings = Array.from({ length: 1000 }, (_, index) => {
        const reading = bench.transcript(`channel ${index}`, `${prefix}-${index}`, "latest");
        session.read(reading.channel, "latest", reading);
        return reading;
      });
      await Promise.all(readings.map((one) => one.untilStarted()));
      for (let first = 0; first < readings.length; first += 100) {
        await Promise.all(
          readings.slice(first, first + 100).map(({ channel }) => bench.press.numbered(channel, 1)),
        );
      }
      for (const one of readings) {
        await one.untilSeen(1);
        one.check([bench.press.truth(one.channel)]);
      }
    },
  ),
];
