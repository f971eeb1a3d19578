import {
  type Cursor,
  type Draft,
  formatCursor,
  HoldfastError,
  type PublishResult,
  parseCursor,
} from "@holdfast/protocol";
import type { Logs } from "./reader-audit.ts";
import type { TruthLog } from "./truth-log.ts";
import type { Fail } from "./violation.ts";

interface Publish {
  readonly ref: number;
  readonly channel: string;
  readonly drafts: readonly Draft[];
  readonly ifMatch: string | undefined;
  /** Repeats ids that were published before, so that its place in the order is that of the first time. */
  readonly isRepeat: boolean;
  results: readonly PublishResult[] | undefined;
}

/** Holds what one publisher was told against what the logs hold: ACK. */
export class PublishAudit {
  /** The publisher's user id, when it has one. */
  readonly #user: string | undefined;
  readonly #logsOf: (channel: string) => Logs;
  readonly #fail: Fail;
  readonly #pending = new Map<number, Publish>();
  readonly #acknowledged: Publish[] = [];

  constructor(name: string, user: string | undefined, logsOf: (channel: string) => Logs, fail: Fail) {
    this.#user = user;
    this.#logsOf = logsOf;
    this.#fail = (promise, what) => fail(promise, `${name}: ${what}`);
  }

  get pending(): number {
    return this.#pending.size;
  }

  get acknowledged(): number {
    return this.#acknowledged.length;
  }

  publish(ref: number, channel: string, drafts: readonly Draft[], ifMatch?: string, isRepeat = false): void {
    this.#pending.set(ref, { ref, channel, drafts, ifMatch, isRepeat, results: undefined });
  }

  /** Acknowledged: each draft is in a log, at that place, as it was published. Rules ACK-1 and ACK-3. */
  published(ref: number, results: readonly PublishResult[]): void {
    const publish = this.#take(ref);
    if (publish === undefined) return;
    const { channel, drafts, ifMatch } = publish;
    if (results.length !== drafts.length) {
      this.#fail("ACK", `${drafts.length} events were published on ${channel}, ${results.length} answered`);
      return;
    }
    let last = -1;
    for (const [index, result] of results.entries()) {
      this.#checkResult(channel, drafts[index] as Draft, result);
      const { offset } = parseCursor(result.cursor);
      if (offset <= last) this.#fail("ACK", `a batch is in the log in another order, at ${result.cursor}`);
      last = offset;
    }
    if (ifMatch !== undefined) this.#checkCondition(channel, ifMatch, results);
    publish.results = results;
    this.#acknowledged.push(publish);
  }

  #checkResult(channel: string, draft: Draft, result: PublishResult): void {
    const cursor = parseCursor(result.cursor);
    const event = this.#log(channel, cursor)?.at(cursor.offset);
    if (event === undefined) {
      this.#fail("ACK", `${draft.id} was acknowledged at ${result.cursor}, where nothing is`);
    } else if (event.id !== draft.id || event.at !== result.at) {
      this.#fail("ACK", `${draft.id} was acknowledged at ${result.cursor}, where ${event.id} is`);
    }
  }

  /** Rule PUB-1. */
  #checkCondition(channel: string, ifMatch: string, results: readonly PublishResult[]): void {
    const first = parseCursor(results[0]?.cursor);
    const before =
      this.#log(channel, first)
        ?.between(0, first.offset - 1)
        .at(-1)?.offset ?? this.#log(channel, first)?.origin;
    if (ifMatch !== `${first.epoch}-${before}`) {
      this.#fail(
        "ACK",
        `was to be appended at ${ifMatch} only, and was acknowledged at ${formatCursor(first)}`,
      );
    }
  }

  /** The client did not even take it, for a reason that it may have. */
  declined(ref: number, error: unknown): void {
    this.#pending.delete(ref);
    const code = error instanceof HoldfastError ? error.code : String(error);
    if (code !== "overloaded") this.#fail("ACK", `could not even be asked to publish: ${code}`);
  }

  /** Refused, or nobody knows. Rules PUB-2, PUB-3. */
  unpublished(ref: number, error: Error): void {
    const publish = this.#take(ref);
    if (publish === undefined || !(error instanceof HoldfastError)) return;
    const { channel, drafts, ifMatch } = publish;
    const log = this.#logsOf(channel).at(-1);
    switch (error.code) {
      case "timed_out":
      case "unauthenticated":
      case "token_expired":
      case "token_revoked":
        return;
      case "channel_closed":
        if (!this.#logsOf(channel).some((one) => one.isClosed))
          this.#fail("ACK", `${channel} is not closed: ${error.message}`);
        break;
      case "precondition_failed":
        if (ifMatch === undefined) this.#fail("ACK", `set no condition: ${error.message}`);
        break;
      default:
        this.#fail("ACK", `was refused with ${error.code}: ${error.message}`);
    }
    for (const { id } of drafts) {
      if (id !== undefined && log?.byId(this.#user, id) !== undefined) {
        this.#fail("ACK", `${id} was refused with ${error.code}, and is in the log`);
      }
    }
  }

  /** Once everything has settled: what was acknowledged is still there, and in the order of publishing. Rule ACK-4. */
  checkFinal(): void {
    for (const { ref } of this.#pending.values()) this.#fail("LIVE", `publish ${ref} was never answered`);
    const last = new Map<string, { ref: number; cursor: Cursor }>();
    for (const publish of this.#acknowledged.sort((a, b) => a.ref - b.ref)) {
      const { ref, channel, drafts, results, isRepeat } = publish;
      for (const [index, draft] of drafts.entries()) {
        const result = results?.[index];
        if (result !== undefined) this.#checkResult(channel, draft, result);
      }
      const cursor = parseCursor(results?.[0]?.cursor);
      const before = last.get(channel);
      if (isRepeat || this.#wasLost(publish)) continue;
      if (before?.cursor.epoch === cursor.epoch && before.cursor.offset > cursor.offset) {
        this.#fail(
          "ACK",
          `publish ${ref} at ${formatCursor(cursor)} came before ${before.ref} at ${formatCursor(before.cursor)}`,
        );
      }
      last.set(channel, { ref, cursor });
    }
  }

  /** What was lost with a log and published again comes later than what was published meanwhile. */
  #wasLost({ channel, drafts }: Publish): boolean {
    const logs = this.#logsOf(channel);
    return drafts.some(
      ({ id }) => id !== undefined && logs.filter((log) => log.byId(this.#user, id)).length > 1,
    );
  }

  #take(ref: number): Publish | undefined {
    const publish = this.#pending.get(ref);
    this.#pending.delete(ref);
    if (publish === undefined) this.#fail("ACK", `publish ${ref} was answered twice, or never made`);
    return publish;
  }

  #log(channel: string, { epoch }: Cursor): TruthLog | undefined {
    return this.#logsOf(channel).findLast((log) => log.epoch === epoch);
  }
}
