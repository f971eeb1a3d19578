import assert from "node:assert/strict";
import type { Draft } from "@holdfast/protocol";
import type { Sabotage } from "../changed.ts";

function withoutId({ id: _, ...draft }: Draft): Draft {
  return draft;
}

export const publishingSabotages: readonly Sabotage[] = [
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
];
