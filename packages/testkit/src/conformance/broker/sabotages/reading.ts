import type { Broker, LogPage } from "@holdfast/core/broker";
import type { Sabotage } from "../changed.ts";

function changedPages(
  whole: Broker,
  change: (page: LogPage, asked: Parameters<Broker["read"]>[1]) => LogPage,
): Partial<Broker> {
  return { read: async (channel, after, limits) => change(await whole.read(channel, after, limits), after) };
}

export const readingSabotages: readonly Sabotage[] = [
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
];
