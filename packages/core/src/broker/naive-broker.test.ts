import { type Cursor, type Draft, HoldfastError, type LogEvent, payloadBytes } from "@holdfast/protocol";
import { eventBytes, idBytes } from "./holdings.ts";
import type { MemoryLimits } from "./memory.ts";
import type { ReadLimits, Retention } from "./port.ts";

/** A log as arrays that are searched and copied: slow, and plain enough to be believed. */
interface Log {
  readonly epoch: string;
  readonly origin: number;
  retained: LogEvent[];
  state: LogEvent[];
  ids: { readonly name: string; readonly offset: number; readonly at: number }[];
  floor: number;
  head: number;
  closed: boolean;
  truncatedAt: number;
  limitedAt: number;
  followers: number;
  appendedAt: number;
}

const sizeOf = ({ payload }: Draft) => payloadBytes(payload);
const costOf = (draft: Draft) => eventBytes(draft, sizeOf(draft));
const nameOf = ({ from, id }: Draft) => (from === undefined ? `${id}` : `${from}\0${id}`);
const sum = (numbers: number[]) => numbers.reduce((total, n) => total + n, 0);

export class NaiveBroker {
  readonly logs = new Map<string, Log>();
  readonly retention: Retention;
  readonly limits: MemoryLimits;
  now = 0;
  created = 0;
  origin = 0;
  sweptAt = Number.NEGATIVE_INFINITY;
  appends = 0;
  /** What those who follow are told, by channel. */
  readonly notices: [channel: string, notice: unknown][] = [];
  /** Vacant channels, least recently used first. */
  vacant: string[] = [];

  constructor(retention: Retention, limits: MemoryLimits) {
    this.retention = retention;
    this.limits = limits;
  }

  open(name: string): Log {
    const log = this.logs.get(name) ?? this.create(name);
    this.expire(log);
    this.use(name);
    return log;
  }

  create(name: string): Log {
    if (this.logs.size >= this.limits.channelsMax) this.evict();
    const { origin } = this;
    const log: Log = {
      epoch: `seed00${(this.created++).toString(36)}`,
      origin,
      retained: [],
      state: [],
      ids: [],
      floor: origin,
      head: origin,
      closed: false,
      truncatedAt: origin,
      limitedAt: 0,
      followers: 0,
      appendedAt: 0,
    };
    this.logs.set(name, log);
    return log;
  }

  evict(): void {
    if (this.vacant.length === 0) this.sweepAtLimit();
    const name = this.vacant[0];
    if (name === undefined) throw new HoldfastError("overloaded");
    const { head, origin, closed } = this.logs.get(name)!;
    if (head > origin || closed) this.origin = 1;
    this.logs.delete(name);
    this.vacant = this.vacant.filter((other) => other !== name);
  }

  isVacant(log: Log): boolean {
    return log.retained.length + log.ids.length + log.followers === 0;
  }

  use(name: string): void {
    this.vacant = this.vacant.filter((other) => other !== name);
    if (this.isVacant(this.logs.get(name)!)) this.vacant.push(name);
  }

  noteVacancy(name: string): void {
    if (!this.vacant.includes(name)) this.use(name);
  }

  expire(log: Log): void {
    const { ageMsMax, idAgeMsMax } = this.retention;
    while (log.retained.length > 0 && this.now - log.retained[0]!.at >= ageMsMax) this.trim(log);
    while (log.ids.length > 0 && this.now - log.ids[0]!.at >= idAgeMsMax) log.ids.shift();
  }

  trim(log: Log): void {
    log.floor = log.retained.shift()!.offset;
  }

  sweep(): void {
    this.sweptAt = this.now;
    for (const [name, log] of this.logs) {
      this.expire(log);
      this.noteVacancy(name);
    }
  }

  sweepAtLimit(): void {
    if (this.now - this.sweptAt >= 1000) this.sweep();
  }

  idBytes(): number {
    return sum([...this.logs.values()].flatMap(({ ids }) => ids.map(({ name }) => idBytes(name))));
  }

  bytes(): number {
    const held = [...this.logs.values()].flatMap(({ retained, state }) => [
      ...new Set([...retained, ...state]),
    ]);
    return sum(held.map(costOf)) + this.idBytes();
  }

  append(name: string, drafts: readonly Draft[], ifMatch?: Cursor): { results: object[] } {
    const log = this.open(name);
    const known = (draft: Draft) =>
      draft.id === undefined ? undefined : log.ids.find((one) => one.name === nameOf(draft));
    const fresh = drafts.filter((draft) => known(draft) === undefined);
    const from = log.head;
    const events: LogEvent[] = [];
    if (fresh.length > 0) this.admit(log, fresh, ifMatch);
    const results = drafts.map((draft) => {
      const first = known(draft);
      if (first !== undefined) return this.result(log, first, true);
      log.head++;
      const event = { ...draft, offset: log.head, at: this.now };
      log.retained.push(event);
      events.push(event);
      if (draft.id !== undefined) log.ids.push({ name: nameOf(draft), offset: log.head, at: this.now });
      log.state = [...log.state.filter(({ key }) => key !== draft.key), event];
      log.appendedAt = ++this.appends;
      return this.result(log, event, false);
    });
    this.retain(log);
    this.reclaim();
    this.use(name);
    if (events.length > 0) this.notices.push([name, { epoch: log.epoch, from, to: log.head, events }]);
    return { results };
  }

  result({ epoch }: Log, { offset, at }: { offset: number; at: number }, duplicate: boolean): object {
    return { cursor: { epoch, offset }, at, duplicate };
  }

  admit(log: Log, fresh: Draft[], ifMatch?: Cursor): void {
    if (log.closed) throw new HoldfastError("channel_closed");
    if (ifMatch !== undefined && (ifMatch.offset !== log.head || ifMatch.epoch !== log.epoch)) {
      throw new HoldfastError("precondition_failed");
    }
    const ids = fresh.filter(({ id }) => id !== undefined).map((draft) => idBytes(nameOf(draft)));
    const needed = sum([...fresh.map(costOf), ...ids]);
    if (needed > this.limits.bytesMax) throw new HoldfastError("too_large");
    if (this.idBytes() + needed > this.limits.bytesMax) this.sweepAtLimit();
    if (this.idBytes() + needed > this.limits.bytesMax) throw new HoldfastError("overloaded");
  }

  retain(log: Log): void {
    const { eventsMax, bytesMax, stateKeysMax, idsMax } = this.retention;
    while (log.retained.length > eventsMax || sum(log.retained.map(sizeOf)) > bytesMax) this.trim(log);
    while (log.state.length > stateKeysMax) log.truncatedAt = log.state.shift()!.offset;
    while (log.ids.length > idsMax) log.ids.shift();
  }

  reclaim(): void {
    while (this.bytes() > this.limits.bytesMax) {
      const holding = [...this.logs].filter(([, { retained, state }]) => retained.length + state.length > 0);
      const [name, log] = holding.sort(([, a], [, b]) => a.appendedAt - b.appendedAt)[0]!;
      const oldest = Math.min(...[...log.retained, ...log.state].map(({ offset }) => offset));
      if (log.state[0]?.offset === oldest) log.truncatedAt = log.state.shift()!.offset;
      if (log.retained[0]?.offset === oldest) {
        this.trim(log);
        log.limitedAt = oldest;
      }
      this.noteVacancy(name);
    }
  }

  range(name: string): object {
    const { epoch, floor, head, closed } = this.open(name);
    return { epoch, floor, head, closed };
  }

  before(name: string, count: number): object {
    const range = this.range(name) as { floor: number; head: number };
    return { ...range, at: Math.max(range.floor, range.head - count) };
  }

  read(name: string, after: Cursor | "oldest" | "latest", limits: ReadLimits): object {
    const range = this.range(name);
    const { epoch, floor, head, limitedAt, retained } = this.logs.get(name)!;
    let from = after === "latest" ? head : floor;
    let gap = {};
    if (typeof after !== "string") {
      if (after.epoch !== epoch || after.offset > head) gap = { gap: "epoch" };
      else if (after.offset < floor) gap = { gap: after.offset < limitedAt ? "limit" : "expired" };
      else from = after.offset;
    }
    const events = retained.filter(({ offset }) => offset > from).slice(0, limits.eventsMax);
    while (events.length > 1 && sum(events.map(sizeOf)) > limits.bytesMax) events.pop();
    return { epoch, from, to: from + events.length, events, range, ...gap };
  }

  state(name: string): object {
    const { epoch, head, state, truncatedAt } = this.open(name);
    return { epoch, to: head, events: state, truncatedAt };
  }

  close(name: string): object {
    const log = this.open(name);
    if (!log.closed) this.notices.push([name, "closed"]);
    log.closed = true;
    this.use(name);
    return this.range(name);
  }

  follow(name: string): object {
    this.open(name).followers++;
    this.use(name);
    return this.range(name);
  }

  unfollow(name: string): void {
    const log = this.logs.get(name);
    if (log === undefined) return;
    log.followers--;
    this.use(name);
  }

  stats(): object {
    const logs = [...this.logs.values()];
    return {
      channels: logs.length,
      events: sum(logs.map(({ retained }) => retained.length)),
      bytes: this.bytes(),
      followers: sum(logs.map(({ followers }) => followers)),
    };
  }
}
