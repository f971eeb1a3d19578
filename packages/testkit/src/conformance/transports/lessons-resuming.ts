import assert from "node:assert/strict";
import { formatCursor, parseCompoundCursor, parseCursor, type ServerMessage } from "@holdfast/protocol";
import { WireAudit } from "../../history/wire-audit.ts";
import { askSession, type Message } from "./asking.ts";
import type { Bench } from "./bench.ts";
import { persist, type TransportName, transportNames } from "./lane.ts";
import { rule } from "./lesson.ts";
import { flood } from "./moving.ts";

function hello(...subscriptions: readonly Record<string, unknown>[]): string {
  return JSON.stringify({ type: "hello", subscriptions });
}

/** Messages of one connection that asks once. */
async function ask(
  bench: Bench,
  transport: TransportName,
  text: string,
  isEnough: (messages: readonly Message[]) => boolean,
): Promise<readonly Message[]> {
  const outcome = await askSession(bench.proxy.url, transport, [text], isEnough);
  assert.ok("messages" in outcome, JSON.stringify(outcome));
  return outcome.messages;
}

function heartbeats(messages: readonly Message[]): number {
  return messages.filter(({ type }) => type === "heartbeat").length;
}

/** Resolves after so many heartbeats of the node, as somebody else on it hears them. */
async function beats(bench: Bench, count: number): Promise<void> {
  await ask(bench, "sse", hello(), (messages) => heartbeats(messages) >= count);
}

export const resuming = [
  rule(
    "[READ-1] the position is known at subscribe, and an idle reader does not age out of resuming",
    async (bench) => {
      const channel = bench.channel();
      const session = bench.connect(["websocket"]);
      const reading = bench.transcript("idle", channel, "latest");
      session.read(channel, "latest", reading);
      await reading.untilStarted();
      assert.deepEqual(reading.order, ["subscribed"]);
      await beats(bench, 6);
      bench.proxy.cut();
      await reading.untilAt(await bench.press.numbered(channel, 2));
      assert.deepEqual(reading.gaps, []);
      reading.check([bench.press.truth(channel)]);
    },
  ),

  rule(
    "[EVT-1] the position travels beside the payload, of live events and of replayed ones alike",
    async (bench) => {
      const channel = bench.channel();
      const payload = { encoding: "json", text: '{"cursor":"mine","offset":7,"__pos":null}' } as const;
      const live = bench.transcript("live", channel, "latest");
      const session = bench.connect(["websocket"]);
      session.read(channel, "latest", live);
      await live.untilStarted();
      const [result] = await bench.press.publish(channel, [{ payload }]);
      await live.untilSeen(1);
      const replayed = bench.transcript("replayed", channel, "oldest");
      bench.connect(["sse"]).read(channel, "oldest", replayed);
      await replayed.untilSeen(1);
      for (const { seen } of [live, replayed]) {
        assert.deepEqual(seen[0]?.data, JSON.parse(payload.text));
        assert.equal(seen[0]?.cursor, result?.cursor);
      }
    },
  ),

  rule(
    "[CLI-3] [SSE-1] a stream opened with a cursor, and cut before a single byte of it came, resumes from that cursor",
    async (bench) => {
      const channel = bench.channel();
      await bench.press.numbered(channel, 4);
      const after = bench.press.cursorOf(channel, 1);
      bench.proxy.stall("down");
      const session = bench.connect(["sse"]);
      const reading = bench.transcript("cut", channel, after);
      session.read(channel, after, reading);
      while (bench.proxy.connections.every((one) => one.flow("down").heldBytes === 0)) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      bench.proxy.cut();
      bench.proxy.release("down");
      await reading.untilAt(bench.press.cursorOf(channel, -1));
      assert.equal(reading.seen.length, 2);
      reading.check([bench.press.truth(channel)]);
    },
  ),

  rule(
    "[MOVE-1] [BEAT-4] a half-dead connection that times out after its client has resumed does not disturb the new one",
    async (bench) => {
      const channel = bench.channel();
      const session = bench.connect(["websocket"]);
      const reading = bench.transcript("resumed", channel, "latest");
      session.read(channel, "latest", reading);
      await reading.untilStarted();
      const [old] = bench.proxy.connections.filter(({ requests }) => requests.includes("GET /connect"));
      assert.ok(old);
      old.flow("up").stall();
      old.flow("down").stall();
      const first = await bench.press.numbered(channel, 3);
      // The client notices the silence by itself and comes back; the server still believes in the old one.
      await reading.untilAt(first);
      await beats(bench, 4);
      old.flow("down").release();
      old.flow("up").release();
      await reading.untilAt(await bench.press.numbered(channel, 3));
      reading.check([bench.press.truth(channel)]);
      assert.equal(await bench.node.sessions(), 1);
    },
  ),

  rule(
    "[READ-3] [BEAT-2] recovery is paged, from the oldest missing event on, and nobody is caught up who is not",
    async (bench) => {
      const channel = bench.channel();
      await bench.press.numbered(channel, 1);
      const after = bench.press.cursorOf(channel, 0);
      const last = await bench.press.numbered(channel, 4500);
      for (const transport of ["websocket", "sse"] as const) {
        const isEnough = (messages: readonly Message[]) => messages.at(-1)?.to === last;
        const messages = await ask(bench, transport, hello({ channel, after }), isEnough);
        const pages = messages.filter(({ type }) => type === "events");
        assert.ok(pages.length >= 5, `${pages.length} pages`);
        assert.equal(pages[0].from, after);
        assert.equal(pages[0].events[0].cursor, bench.press.cursorOf(channel, 1));
        for (const page of pages) assert.ok(page.events.length <= 1000);
        const caughtUp = messages.filter(({ type, heads }) => type === "heartbeat" && channel in heads);
        assert.deepEqual(caughtUp, []);
      }
    },
  ),

  rule(
    "[GAP-3] [CUR-1] an unknown cursor gets an answer: a gap for an unknown log, a refusal for an offset without one",
    async (bench) => {
      const channel = bench.channel();
      const last = await bench.press.numbered(channel, 2);
      const { epoch } = parseCursor(last);
      for (const transport of transportNames) {
        const unknown = hello({ channel, after: "gone0-2" });
        const messages = await ask(
          bench,
          transport,
          unknown,
          (all) => all.at(-1)?.to === last && all.at(-1)?.type === "events",
        );
        const said = messages.filter(({ type }) => type === "subscribed" || type === "gap");
        const { type, from, to, reason } = said[1];
        assert.equal(said[0].cursor, "gone0-2");
        const floor = formatCursor({
          epoch,
          offset: parseCursor(bench.press.cursorOf(channel, 0)).offset - 1,
        });
        assert.deepEqual([type, from, to, reason], ["gap", "gone0-2", floor, "epoch"]);
        const refused = await ask(
          bench,
          transport,
          hello({ channel, after: "-2" }),
          (all) => all.at(-1)?.type === "error",
        );
        assert.equal(refused.at(-1).code, "bad_cursor");
        assert.equal(
          refused.some((one) => one.type === "subscribed"),
          false,
        );
      }
    },
  ),

  rule(
    "[SSE-8] [CUR-4] of several channels on one event stream each resumes, not only the last",
    async (bench) => {
      const channels = [bench.channel(), bench.channel(), bench.channel()];
      for (const channel of channels) await bench.press.numbered(channel, 1);
      const query = channels.map((channel) => `channel=${channel}`).join("&");
      const seen = new Map<string, string[]>(channels.map((channel) => [channel, []]));
      let id = "";
      const controller = new AbortController();
      persist(controller.signal, async () => {
        const headers = { Accept: "text/event-stream", ...(id === "" ? {} : { "Last-Event-ID": id }) };
        const response = await fetch(`${bench.proxy.url}/events?${query}`, {
          headers,
          signal: controller.signal,
        });
        let rest = "";
        for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
          const blocks = (rest + piece).split("\n\n");
          rest = blocks.pop() ?? "";
          for (const block of blocks) {
            id = /^id: (.*)$/m.exec(block)?.[1] ?? id;
            if (!/^data: /m.test(block)) continue;
            // The first pair is that of the event's own channel.
            const [[channel, cursor] = ["", { epoch: "", offset: 0 }]] = parseCompoundCursor(id);
            seen.get(channel)?.push(formatCursor(cursor));
          }
        }
        throw new Error("It ended.");
      });
      const reached = async (counts: readonly number[]) => {
        while (channels.some((channel, index) => (seen.get(channel)?.length ?? 0) < (counts[index] ?? 0))) {
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      };
      try {
        while (id === "" || channels.some((channel) => !id.includes(channel)))
          await new Promise((resolve) => setTimeout(resolve, 2));
        for (let round = 1; round <= 5; round++) {
          bench.proxy.cut();
          for (const channel of channels) await bench.press.numbered(channel, 2);
          await reached([round * 2, round * 2, round * 2]);
        }
      } finally {
        controller.abort();
      }
      for (const channel of channels) {
        const expected = bench.press
          .truth(channel)
          .events.slice(1)
          .map(({ offset }) => offset);
        assert.deepEqual(
          seen.get(channel)?.map((cursor) => parseCursor(cursor).offset),
          expected,
        );
      }
    },
  ),

  rule(
    "[SUB-1] [DUP-1] the answer that says where reading starts and the first live event neither swap nor overlap",
    async (bench) => {
      const channel = bench.channel();
      await bench.press.numbered(channel, 3);
      const events = flood(bench, channel);
      const broken: string[] = [];
      for (let round = 0; round < 40; round++) {
        const transport = transportNames[round % transportNames.length] as TransportName;
        const after = round % 3 === 0 ? bench.press.cursorOf(channel, -3) : "latest";
        const text = hello({ channel, after });
        const audit = new WireAudit(`${transport} ${round}`, (promise, what) =>
          broken.push(`${promise}: ${what}`),
        );
        audit.asked(JSON.parse(text));
        const isEnough = (all: readonly Message[]) => all.filter(({ type }) => type === "events").length >= 2;
        for (const message of await ask(bench, transport, text, isEnough))
          audit.said(message as ServerMessage);
      }
      await events.stop();
      assert.deepEqual(broken, []);
    },
  ),

  rule(
    "[BEAT-3] a loss on an idle channel is found by the heartbeat, though nothing more is published",
    async (bench) => {
      const channel = bench.channel();
      await bench.press.numbered(channel, 1);
      const readings = transportNames.map((transport) => {
        const reading = bench.transcript(transport, channel, "latest");
        bench.connect([transport]).read(channel, "latest", reading);
        return reading;
      });
      await Promise.all(readings.map((one) => one.untilStarted()));
      bench.node.deafen(true);
      const cursor = await bench.press.numbered(channel, 1);
      bench.node.deafen(false);
      // Nobody was told of it, and nothing more is published: it can only be noticed.
      const noticed = ask(bench, "sse", hello(), (messages) => heartbeats(messages) >= 3);
      await Promise.all([...readings.map((one) => one.untilAt(cursor)), noticed]);
      for (const one of readings) one.check([bench.press.truth(channel)]);
    },
  ),
];
