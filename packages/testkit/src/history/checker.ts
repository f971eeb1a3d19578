import type { Appended, LogRange } from "@holdfast/core/broker";
import { type Draft, formatCursor, type LogEvent, type Start } from "@holdfast/protocol";
import { PublishAudit } from "./publish-audit.ts";
import { ReaderAudit, type ReadingRules } from "./reader-audit.ts";
import type { TruthLog } from "./truth-log.ts";
import type { Fail, Promised, Violation } from "./violation.ts";

/** Holds what happens to logs, publishers and readers against the promises, as it happens. */
export class Checker {
  readonly violations: Violation[] = [];
  readonly readers: ReaderAudit[] = [];
  readonly publishers: PublishAudit[] = [];
  readonly #rules: ReadingRules;
  readonly #logs = new Map<string, TruthLog[]>();

  constructor(rules: ReadingRules) {
    this.#rules = rules;
  }

  readonly fail: Fail = (promise: Promised, what: string): void => {
    // The first says what is wrong; what follows from it would only bury it.
    if (this.violations.length < 10) this.violations.push({ promise, what });
  };

  /** A quantity that a configuration bounds. */
  bound(what: () => string, value: number, max: number): void {
    if (value > max) this.fail("BND", `${what()} is ${value}, and ${max} at most`);
  }

  reader(name: string, channel: string, start: Start): ReaderAudit {
    const audit = new ReaderAudit({ name, channel, start }, this.logs(channel), this.#rules, this.fail);
    this.readers.push(audit);
    return audit;
  }

  publisher(name: string, user?: string): PublishAudit {
    const audit = new PublishAudit(name, user, (channel) => this.logs(channel), this.fail);
    this.publishers.push(audit);
    return audit;
  }

  /** The incarnations of a channel's log, oldest first. */
  logs(channel: string): TruthLog[] {
    let logs = this.#logs.get(channel);
    if (logs === undefined) {
      logs = [];
      this.#logs.set(channel, logs);
    }
    return logs;
  }

  /** The present one. */
  log(channel: string): TruthLog | undefined {
    return this.logs(channel).at(-1);
  }

  /** A log begins, after which an earlier one of the channel is no more. */
  began(log: TruthLog): void {
    const logs = this.logs(log.channel);
    if (logs.some(({ epoch }) => epoch === log.epoch))
      this.fail("GAP", `${log} begins with an epoch that was used before`);
    logs.push(log);
  }

  /** The log answered an append so. Rules ACK-1 to ACK-3. */
  appended(log: TruthLog, drafts: readonly Draft[], results: readonly Appended[]): void {
    if (results.length !== drafts.length)
      this.fail("ACK", `${log}: ${drafts.length} drafts, ${results.length} results`);
    const events: LogEvent[] = [];
    let head = log.head;
    for (const [index, { cursor, at, duplicate }] of results.entries()) {
      const draft = drafts[index] as Draft;
      const where = `${draft.id} at ${formatCursor(cursor)}`;
      const known = draft.id === undefined ? undefined : log.byId(draft.from, draft.id);
      const twin = events.find(
        (event) => draft.id !== undefined && event.id === draft.id && event.from === draft.from,
      );
      const first = known ?? twin;
      if (cursor.epoch !== log.epoch) this.fail("ACK", `${log}: ${where} is of another log`);
      if (duplicate) {
        if (first?.offset !== cursor.offset || first.at !== at)
          this.fail("ACK", `${log}: ${where} is no duplicate`);
        continue;
      }
      if (first !== undefined) this.fail("ACK", `${log}: ${where} was appended before, at ${first.offset}`);
      if (cursor.offset <= head) this.fail("ORD", `${log}: ${where} is not after the head`);
      if (log.isClosed) this.fail("ACK", `${log}: ${where} was appended although it is closed`);
      events.push({ ...draft, offset: cursor.offset, at });
      head = cursor.offset;
    }
    log.push(events, head);
  }

  /** The log says that it reaches from here to there. */
  ranged(log: TruthLog, range: LogRange): void {
    const { epoch, floor, head, closed } = range;
    const isRight = epoch === log.epoch && head === log.head && closed === log.isClosed && floor <= log.floor;
    if (!isRight) this.fail("GAP", `${log} says of itself: ${JSON.stringify(range)}`);
  }

  /** Called when nothing goes wrong any more, and everything had time to heal. */
  checkFinal(): void {
    for (const reader of this.readers) reader.checkArrived();
    for (const publisher of this.publishers) publisher.checkFinal();
  }
}
