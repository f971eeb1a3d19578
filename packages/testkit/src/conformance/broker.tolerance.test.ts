import assert from "node:assert/strict";
import { test } from "node:test";
import type { Broker, LogBatch, LogObserver, LogRange, Retention } from "@holdfast/core/broker";
import { type Cursor, HoldfastError, type LogEvent, type Position } from "@holdfast/protocol";
import { type Change, changedMemory } from "./broker/changed.ts";
import { brokerRules, tryRule } from "./broker.ts";

/** Real engines count other things as well, so that not every offset is an event's. */
const stride = 7;

function spread<T extends { readonly offset: number }>(at: T): T {
  return { ...at, offset: at.offset * stride };
}

function spreadRange<T extends LogRange>(range: T): T {
  return { ...range, floor: range.floor * stride, head: range.head * stride };
}

function spreadEvents(events: readonly LogEvent[]): LogEvent[] {
  return events.map(spread);
}

/** Where the dense log stands when the sparse one stands here. */
async function dense(whole: Broker, channel: string, { epoch, offset }: Cursor): Promise<Cursor> {
  const { head } = await whole.range(channel);
  return { epoch, offset: offset > head * stride ? head + 1 : Math.floor(offset / stride) };
}

const sparse: Change = (whole) => ({
  async append(channel, drafts, ifMatch) {
    const between = ifMatch !== undefined && ifMatch.offset % stride !== 0;
    const wanted = ifMatch && {
      ...ifMatch,
      offset: between ? Number.MAX_SAFE_INTEGER : ifMatch.offset / stride,
    };
    const { results } = await whole.append(channel, drafts, wanted).catch(async (error: unknown) => {
      if (!(error instanceof HoldfastError && error.code === "precondition_failed")) throw error;
      const { epoch, head } = await whole.range(channel);
      throw new HoldfastError(error.code, error.message, { cursor: `${epoch}-${head * stride}` });
    });
    return { results: results.map((result) => ({ ...result, cursor: spread(result.cursor) })) };
  },
  async read(channel, after: Position, limits) {
    const asked = typeof after === "string" ? after : await dense(whole, channel, after);
    const page = await whole.read(channel, asked, limits);
    const exact = typeof after !== "string" && typeof asked !== "string" && page.from === asked.offset;
    return {
      ...page,
      from: exact && page.epoch === after.epoch ? after.offset : page.from * stride,
      to: page.to * stride,
      events: spreadEvents(page.events),
      range: spreadRange(page.range),
    };
  },
  async before(channel, count) {
    const range = await whole.before(channel, count);
    return { ...spreadRange(range), at: range.at * stride };
  },
  range: async (channel) => spreadRange(await whole.range(channel)),
  close: async (channel) => spreadRange(await whole.close(channel)),
  async state(channel) {
    const { epoch, to, events, truncatedAt } = await whole.state(channel);
    return { epoch, to: to * stride, events: spreadEvents(events), truncatedAt: truncatedAt * stride };
  },
  async follow(channel, observer) {
    const late = new LateObserver(observer);
    const { range, stop } = await whole.follow(channel, late);
    return {
      range: spreadRange(range),
      stop() {
        late.stopped = true;
        stop();
      },
    };
  },
});

/** Tells late, every batch twice, and loses every third, which it admits. */
class LateObserver implements LogObserver {
  stopped = false;
  readonly #observer: LogObserver;
  #batches = 0;

  constructor(observer: LogObserver) {
    this.#observer = observer;
  }

  appended({ epoch, from, to, events }: LogBatch): void {
    const batch = { epoch, from: from * stride, to: to * stride, events: spreadEvents(events) };
    const lost = ++this.#batches % 3 === 0;
    for (let times = 0; times < 2; times++) {
      this.#later(() => (lost ? this.#observer.disturbed() : this.#observer.appended(batch)));
    }
  }

  closed(): void {
    this.#later(() => this.#observer.closed());
  }

  disturbed(): void {
    this.#later(() => this.#observer.disturbed());
  }

  #later(tell: () => void): void {
    setImmediate(() => {
      if (this.stopped) return;
      try {
        tell();
      } catch {
        // As in the port: what an observer throws is not the broker's trouble.
      }
    });
  }
}

const incapable: Change = (whole) => ({
  capabilities: { conditionalAppend: false, durable: false, state: false, shared: false },
  async append(channel, drafts, ifMatch) {
    if (ifMatch !== undefined) throw new HoldfastError("unsupported", "This broker looks at no condition.");
    return whole.append(channel, drafts);
  },
  async state() {
    throw new HoldfastError("unsupported", "This broker keeps no state.");
  },
});

for (const rule of brokerRules) {
  const options = { historyEvents: 3000 };

  test(`the suite accepts sparse offsets and late, repeated or lost notices: ${rule.title}`, async () => {
    const outcome = await tryRule(rule, async (retention) => changedMemory(retention, sparse), options);
    assert.equal(outcome, "proven");
  });

  test(`the suite asks of a broker no more than it declares: ${rule.title}`, async () => {
    const modest = async (retention: Retention) => {
      const { advance: _, ...under } = changedMemory(retention, incapable);
      return under;
    };
    const outcome = await tryRule(rule, modest, options);
    const { capability, clock } = rule.needs;
    assert.equal(outcome === "proven", capability === undefined && clock === undefined, outcome);
  });
}
