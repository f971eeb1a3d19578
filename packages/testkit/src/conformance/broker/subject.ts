import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { AppendResult, Broker, LogRange, Retention } from "@holdfast/core/broker";
import type { Cursor, Draft, GapReason, LogEvent, Position } from "@holdfast/protocol";
import { formatCursor, HoldfastError } from "@holdfast/protocol";
import { Listener } from "./listener.ts";

export interface BrokerUnderTest {
  readonly broker: Broker;
  /** The broker of a second node on the same logs; absent where there can be only one. */
  readonly peer?: Broker;
  /** Moves the log's clock forward; absent where it is the engine's own. */
  advance?(ms: number): void | Promise<void>;
  /** Releases what was made beside the brokers, after they were stopped. */
  dispose?(): Promise<void>;
}

export interface BrokerConformanceOptions {
  /** Events of the long history that READ-3 reads back; 100,000. */
  readonly historyEvents?: number;
  /** Events appended at most until retention is seen to have removed some, where the engine is lazy; 10,000. */
  readonly trimEventsMax?: number;
  /** How long what must happen may take; 10 s. */
  readonly deadlineMs?: number;
}

/** What a rule asks of the broker it is tried on. */
export interface Needs {
  readonly retention?: Partial<Retention>;
  readonly capability?: "conditionalAppend" | "state";
  /** A clock that can be moved. */
  readonly clock?: true;
}

export interface BrokerRule {
  readonly title: string;
  readonly needs: Needs;
  prove(subject: Subject): Promise<void>;
}

export function rule(title: string, needs: Needs, prove: BrokerRule["prove"]): BrokerRule {
  return { title, needs, prove };
}

/** The broker a rule is tried on, with the steps that many rules share. */
export class Subject {
  readonly broker: Broker;
  /** Another node's broker where there is one, else the same. */
  readonly peer: Broker;
  readonly historyEvents: number;
  readonly #under: BrokerUnderTest;
  readonly #trimEventsMax: number;
  readonly #deadlineMs: number;

  constructor(under: BrokerUnderTest, options: BrokerConformanceOptions) {
    this.broker = under.broker;
    this.peer = under.peer ?? under.broker;
    this.historyEvents = options.historyEvents ?? 100_000;
    this.#under = under;
    this.#trimEventsMax = options.trimEventsMax ?? 10_000;
    this.#deadlineMs = options.deadlineMs ?? 10_000;
  }

  /** A name that no channel had before, in this run or an earlier one. */
  channel(): string {
    return `conformance:${randomUUID()}`;
  }

  async advance(ms: number): Promise<void> {
    await this.#under.advance?.(ms);
  }

  listen(broker: Broker, channel: string): Promise<Listener> {
    return Listener.open(broker, channel, this.#deadlineMs);
  }

  /** Appends the drafts that `draft` makes until retention has removed the event at `cursor`; returns all that were acknowledged. */
  async outgrow(channel: string, cursor: Cursor, draft: (n: number) => Draft): Promise<Cursor[]> {
    const acknowledged: Cursor[] = [];
    while (acknowledged.length < this.#trimEventsMax) {
      const first = acknowledged.length;
      const drafts = Array.from({ length: 50 }, (_, index) => draft(first + index));
      acknowledged.push(...cursorsOf(await this.broker.append(channel, drafts)));
      const { floor } = await this.broker.range(channel);
      if (floor >= cursor.offset) return acknowledged;
    }
    return assert.fail(`retention removed nothing while ${acknowledged.length} events were appended`);
  }
}

/** A draft that says its number. */
export function numbered(n: number, labels: Omit<Draft, "payload"> = {}): Draft {
  return { payload: { encoding: "json", text: `{"n":${n}}` }, ...labels };
}

export function numberedBatch(from: number, count: number): Draft[] {
  return Array.from({ length: count }, (_, index) => numbered(from + index));
}

/** The numbers that numbered events say. */
export function numbers(events: readonly LogEvent[]): number[] {
  return events.map(({ payload }) => {
    assert.equal(payload.encoding, "json");
    return (JSON.parse(payload.encoding === "json" ? payload.text : "null") as { n: number }).n;
  });
}

export function cursorsOf({ results }: AppendResult): Cursor[] {
  return results.map(({ cursor }) => cursor);
}

export function headOf({ epoch, head }: LogRange): Cursor {
  return { epoch, offset: head };
}

export function floorOf({ epoch, floor }: LogRange): Cursor {
  return { epoch, offset: floor };
}

/** An event in a form that can be compared: which class its bytes are of does not matter. */
export function comparable({ payload, ...rest }: LogEvent): object {
  if (payload.encoding !== "base64") return { payload, ...rest };
  return { payload: { encoding: "base64", bytes: [...payload.bytes] }, ...rest };
}

export interface ReadBack {
  readonly events: LogEvent[];
  /** Where the first page began. */
  readonly from: Cursor;
  readonly gap: GapReason | undefined;
  /** The log as the last page saw it. */
  readonly range: LogRange;
}

const pageLimits = { eventsMax: 1000, bytesMax: 1024 * 1024 };

/** Reads to the head in pages, and sees to it that they follow each other. Rules DUP-1, READ-3. */
export async function readBack(
  broker: Broker,
  channel: string,
  after: Position = "oldest",
  limits = pageLimits,
): Promise<ReadBack> {
  const events: LogEvent[] = [];
  let page = await broker.read(channel, after, limits);
  const from = { epoch: page.epoch, offset: page.from };
  const { gap } = page;
  for (;;) {
    assert.ok(page.events.length <= limits.eventsMax, `a page holds ${page.events.length} events`);
    assert.equal(page.epoch, page.range.epoch, "a page is of the log that its range is of");
    let last = page.from;
    for (const { offset } of page.events) {
      assert.ok(offset > last && offset <= page.to, `offset ${offset} after ${last} in a page to ${page.to}`);
      last = offset;
    }
    events.push(...page.events);
    if (page.to >= page.range.head) return { events, from, gap, range: page.range };
    const at = { epoch: page.epoch, offset: page.to };
    const next = await broker.read(channel, at, limits);
    assert.deepEqual(
      { epoch: next.epoch, offset: next.from },
      at,
      "a page begins where the one before ended",
    );
    assert.ok(next.to > at.offset, `reading does not get beyond ${formatCursor(at)}`);
    page = next;
  }
}

/** Expects a call to be refused with this code, and returns the refusal. */
export async function refused(call: Promise<unknown>, code: HoldfastError["code"]): Promise<HoldfastError> {
  const thrown = await call.then(
    () => assert.fail(`not refused; expected ${code}`),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof HoldfastError, `expected ${code}, not ${String(thrown)}`);
  assert.equal(thrown.code, code);
  return thrown;
}
