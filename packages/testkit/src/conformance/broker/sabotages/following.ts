import type { Broker, LogBatch, LogObserver } from "@holdfast/core/broker";
import { HoldfastError } from "@holdfast/protocol";
import type { Sabotage } from "../changed.ts";

const nothing: LogObserver = { appended() {}, closed() {}, disturbed() {} };

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

export const followingSabotages: readonly Sabotage[] = [
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
