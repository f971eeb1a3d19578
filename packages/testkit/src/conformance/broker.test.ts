import assert from "node:assert/strict";
import { test } from "node:test";
import type { Broker, LogBatch, LogObserver, LogPage } from "@holdfast/core/broker";
import { type Draft, HoldfastError } from "@holdfast/protocol";
import { type Change, changedMemory } from "./broker/changed.ts";
import { brokerRules, tryRule } from "./broker.ts";

/** The titles of the rules of these ids that a broker breaks. */
async function broken(change: Change, ids: string): Promise<string[]> {
  const titles: string[] = [];
  for (const rule of brokerRules) {
    if (!rule.title.includes(`[${ids}]`)) continue;
    const options = { historyEvents: 3000, deadlineMs: 200 };
    await tryRule(rule, async (retention) => changedMemory(retention, change), options).catch(
      (error: unknown) => {
        // Anything else would be a mistake of this test.
        if (!(error instanceof assert.AssertionError || error instanceof HoldfastError)) throw error;
        titles.push(rule.title);
      },
    );
  }
  return titles;
}

const nothing: LogObserver = { appended() {}, closed() {}, disturbed() {} };

function withoutId({ id: _, ...draft }: Draft): Draft {
  return draft;
}

function changedBatches(whole: Broker, change: (batch: LogBatch) => LogBatch | undefined): Partial<Broker> {
  return {
    follow: (channel, observer) =>
      whole.follow(channel, {
        ...nothing,
        appended(batch) {
          const told = change(batch);
          if (told !== undefined) observer.appended(told);
        },
        closed: () => observer.closed(),
      }),
  };
}

function changedPages(
  whole: Broker,
  change: (page: LogPage, asked: Parameters<Broker["read"]>[1]) => LogPage,
): Partial<Broker> {
  return { read: async (channel, after, limits) => change(await whole.read(channel, after, limits), after) };
}

const sabotages: readonly { fault: string; breaks: string; change: Change }[] = [
  {
    fault: "acknowledges an event that it drops",
    breaks: "ACK-1",
    change: (whole) => {
      let appends = 0;
      return {
        async append(channel, drafts, ifMatch) {
          const { results } = await whole.append(channel, drafts.slice(appends++ % 3 === 1 ? 1 : 0), ifMatch);
          return { results: drafts.map((_, n) => results[Math.min(n, results.length - 1)] ?? assert.fail()) };
        },
      };
    },
  },
  {
    fault: "appends what it acknowledged once more",
    breaks: "ACK-1",
    change: (whole) => ({
      async append(channel, drafts, ifMatch) {
        const result = await whole.append(channel, drafts, ifMatch);
        if (drafts.length === 3) await whole.append(channel, drafts.slice(2).map(withoutId));
        return result;
      },
    }),
  },
  {
    fault: "answers with another clock than the log's",
    breaks: "ACK-1",
    change: (whole) => ({
      async append(channel, drafts, ifMatch) {
        const { results } = await whole.append(channel, drafts, ifMatch);
        return { results: results.map((result) => ({ ...result, at: result.at + 1 })) };
      },
    }),
  },
  {
    fault: "writes JSON anew",
    breaks: "EVT-1",
    change: (whole) => ({
      append: (channel, drafts, ifMatch) =>
        whole.append(
          channel,
          drafts.map((draft) =>
            draft.payload.encoding !== "json"
              ? draft
              : {
                  ...draft,
                  payload: { encoding: "json", text: JSON.stringify(JSON.parse(draft.payload.text)) },
                },
          ),
          ifMatch,
        ),
    }),
  },
  {
    fault: "duplicates on retry",
    breaks: "ACK-2",
    change: (whole) => ({
      append: (channel, drafts, ifMatch) => whole.append(channel, drafts.map(withoutId), ifMatch),
    }),
  },
  {
    fault: "takes one publisher's id for another's",
    breaks: "ACK-2",
    change: (whole) => ({
      append: (channel, drafts, ifMatch) =>
        whole.append(
          channel,
          drafts.map(({ from: _, ...draft }) => draft),
          ifMatch,
        ),
    }),
  },
  {
    fault: "looks for the id before it appends, not as it appends",
    breaks: "ACK-2",
    change: (whole) => {
      const known = new Set<string>();
      return {
        async append(channel, drafts, ifMatch) {
          const fresh = drafts.filter(({ id }) => id === undefined || !known.has(id));
          const result = await whole.append(channel, fresh.map(withoutId), ifMatch);
          for (const { id } of drafts) if (id !== undefined) known.add(id);
          return result;
        },
      };
    },
  },
  {
    fault: "appends a batch event by event",
    breaks: "ACK-3",
    change: (whole) => ({
      async append(channel, drafts) {
        const results = [];
        for (const draft of drafts) results.push(...(await whole.append(channel, [draft])).results);
        return { results };
      },
    }),
  },
  {
    fault: "reorders a batch",
    breaks: "ACK-3",
    change: (whole) => ({
      append: (channel, drafts, ifMatch) => whole.append(channel, drafts.toReversed(), ifMatch),
    }),
  },
  {
    fault: "sends every third append over another connection",
    breaks: "ACK-4",
    change: (whole) => {
      let appends = 0;
      return {
        async append(channel, drafts, ifMatch) {
          if (appends++ % 3 === 0) await Promise.resolve();
          return whole.append(channel, drafts, ifMatch);
        },
      };
    },
  },
  {
    fault: "ignores the condition",
    breaks: "PUB-1",
    change: (whole) => ({ append: (channel, drafts) => whole.append(channel, drafts) }),
  },
  {
    fault: "looks at the condition before it appends, not as it appends",
    breaks: "PUB-1",
    change: (whole) => ({
      async append(channel, drafts, ifMatch) {
        if (ifMatch !== undefined && (await whole.range(channel)).head !== ifMatch.offset) {
          return whole.append(channel, drafts, ifMatch);
        }
        return whole.append(channel, drafts);
      },
    }),
  },
  {
    fault: "names a new epoch for every look at an unwritten channel",
    breaks: "READ-1",
    change: (whole) => {
      let looks = 0;
      return {
        range: async (channel) => ({ ...(await whole.range(channel)), epoch: `look${looks++}` }),
      };
    },
  },
  {
    fault: "starts `latest` at the floor",
    breaks: "CUR-3",
    change: (whole) => ({
      read: (channel, after, limits) => whole.read(channel, after === "latest" ? "oldest" : after, limits),
    }),
  },
  {
    fault: "passes over the last event of a full page",
    breaks: "READ-3",
    change: (whole) =>
      changedPages(whole, (page) =>
        page.events.length < 999 ? page : { ...page, events: page.events.slice(0, -1) },
      ),
  },
  {
    fault: "repeats the event at the cursor",
    breaks: "READ-3",
    change: (whole) => ({
      read: (channel, after, limits) =>
        typeof after === "string" || after.offset === 0
          ? whole.read(channel, after, limits)
          : whole.read(channel, { ...after, offset: after.offset - 1 }, limits),
    }),
  },
  {
    fault: "reads the newest events of a long history, not the oldest",
    breaks: "READ-3",
    change: (whole) => ({
      async read(channel, after, limits) {
        const { at, epoch } = await whole.before(channel, limits.eventsMax);
        const asked = typeof after === "string" ? 0 : after.offset;
        return whole.read(channel, asked < at ? { epoch, offset: at } : after, limits);
      },
    }),
  },
  {
    fault: "ignores the limit in bytes",
    breaks: "READ-3",
    change: (whole) => ({
      read: (channel, after, limits) => whole.read(channel, after, { ...limits, bytesMax: 1_000_000 }),
    }),
  },
  {
    fault: "counts one event too few from the head",
    breaks: "READ-2",
    change: (whole) => ({ before: (channel, count) => whole.before(channel, count - 1) }),
  },
  {
    fault: "forgets the floor",
    breaks: "GAP-2",
    change: (whole) =>
      changedPages(whole, (page, asked) =>
        typeof asked === "string" || asked.epoch !== page.epoch ? page : { ...page, from: asked.offset },
      ),
  },
  {
    fault: "takes a cursor of another log for its own",
    breaks: "GAP-3",
    change: (whole) => ({
      async read(channel, after, limits) {
        const { epoch } = await whole.range(channel);
        return whole.read(channel, typeof after === "string" ? after : { ...after, epoch }, limits);
      },
    }),
  },
  {
    fault: "takes a cursor beyond the head for the head",
    breaks: "GAP-3",
    change: (whole) => ({
      async read(channel, after, limits) {
        const { epoch, head } = await whole.range(channel);
        const beyond = typeof after !== "string" && after.epoch === epoch && after.offset > head;
        return whole.read(channel, beyond ? "latest" : after, limits);
      },
    }),
  },
  {
    fault: "leaves events without a key out of the state",
    breaks: "STATE-1",
    change: (whole) => ({
      async state(channel) {
        const state = await whole.state(channel);
        return { ...state, events: state.events.filter(({ key }) => key !== undefined) };
      },
    }),
  },
  {
    fault: "takes the state's cursor later than the state",
    breaks: "STATE-1",
    change: (whole) => ({
      async state(channel) {
        const state = await whole.state(channel);
        return { ...state, to: (await whole.range(channel)).head };
      },
    }),
  },
  {
    fault: "lets retention take the state along",
    breaks: "STATE-2",
    change: (whole) => ({
      async state(channel) {
        const [state, { floor }] = await Promise.all([whole.state(channel), whole.range(channel)]);
        return { ...state, events: state.events.filter(({ offset }) => offset > floor) };
      },
    }),
  },
  {
    fault: "removes keys and does not say so",
    breaks: "STATE-2",
    change: (whole) => ({
      state: async (channel) => ({ ...(await whole.state(channel)), truncatedAt: 0 }),
    }),
  },
  {
    fault: "drops an event from what it tells",
    breaks: "ORD-1",
    change: (whole) =>
      changedBatches(whole, (batch) => ({
        ...batch,
        events: batch.events.slice(batch.events.length > 3 ? 1 : 0),
      })),
  },
  {
    fault: "tells a batch in another order",
    breaks: "ORD-1",
    change: (whole) => changedBatches(whole, (batch) => ({ ...batch, events: batch.events.toReversed() })),
  },
  {
    fault: "goes silent after a while",
    breaks: "ORD-1",
    change: (whole) => {
      let told = 0;
      return changedBatches(whole, (batch) => (told++ < 8 ? batch : undefined));
    },
  },
  {
    fault: "skips a batch and tells the next as if it followed",
    breaks: "ORD-1",
    change: (whole) => {
      let skipped: number | undefined;
      return changedBatches(whole, (batch) => {
        const from = skipped ?? batch.from;
        skipped = skipped === undefined ? batch.from : undefined;
        return skipped === undefined ? { ...batch, from } : undefined;
      });
    },
  },
  {
    fault: "begins to follow later than it says",
    breaks: "ORD-1",
    change: (whole) => ({
      async follow(channel, observer) {
        const range = await whole.range(channel);
        await Promise.resolve();
        return { ...(await whole.follow(channel, observer)), range };
      },
    }),
  },
  {
    fault: "lets an observer's error reach the publisher",
    breaks: "ORD-1",
    change: (whole) => {
      let failed = false;
      return {
        async append(channel, drafts, ifMatch) {
          const result = await whole.append(channel, drafts, ifMatch);
          if (failed) throw new HoldfastError("internal", "An observer failed.");
          return result;
        },
        follow: (channel, observer) =>
          whole.follow(channel, {
            ...nothing,
            appended(batch) {
              try {
                observer.appended(batch);
              } catch {
                failed = true;
              }
            },
          }),
      };
    },
  },
  {
    fault: "tells on after it was told to stop",
    breaks: "BND",
    change: (whole) => ({
      follow: async (channel, observer) => ({ ...(await whole.follow(channel, observer)), stop() {} }),
    }),
  },
  {
    fault: "closes on this node only",
    breaks: "PUB-2",
    change: (whole) => ({
      close: async (channel) => ({ ...(await whole.range(channel)), closed: true }),
    }),
  },
  {
    fault: "refuses to close twice",
    breaks: "PUB-2",
    change: (whole) => ({
      async close(channel) {
        assert.equal((await whole.range(channel)).closed, false);
        return whole.close(channel);
      },
    }),
  },
  {
    fault: "does not tell of the end",
    breaks: "END-1",
    change: (whole) => ({
      follow: (channel, observer) =>
        whole.follow(channel, { ...nothing, appended: (batch) => observer.appended(batch) }),
    }),
  },
  {
    fault: "tells of the end before the log has one",
    breaks: "END-1",
    change: (whole) => ({
      follow: (channel, observer) =>
        whole.follow(channel, {
          ...nothing,
          appended(batch) {
            observer.closed();
            observer.appended(batch);
          },
          closed: () => observer.closed(),
        }),
    }),
  },
  {
    fault: "calls itself well when it has been stopped",
    breaks: "SEE",
    change: () => ({ probe: async () => {} }),
  },
];

for (const { fault, breaks, change } of sabotages) {
  test(`the suite catches a broker that ${fault} [${breaks}]`, async () => {
    assert.deepEqual(await broken(() => ({}), breaks), [], "the same broker without the fault passes");
    assert.notDeepEqual(await broken(change, breaks), []);
  });
}
