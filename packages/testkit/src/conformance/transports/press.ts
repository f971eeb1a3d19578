import assert from "node:assert/strict";
import { type Draft, formatDraft, type LogEvent, type PublishResult, parseCursor } from "@holdfast/protocol";
import { TruthLog } from "../../history/truth-log.ts";

/** Publishes over plain HTTP and keeps what was acknowledged: the log as it must be. */
export class Press {
  readonly #url: string;
  readonly #logs = new Map<string, Map<number, LogEvent>>();
  readonly #epochs = new Map<string, string>();
  #numbers = 0;

  constructor(url: string) {
    this.#url = url;
  }

  /** Publishes drafts as one batch. */
  async publish(channel: string, drafts: readonly Draft[]): Promise<readonly PublishResult[]> {
    const response = await fetch(`${this.#url}/channels/${channel}`, {
      method: "POST",
      headers: { "Content-Type": "application/x-ndjson" },
      body: drafts.map((draft) => `${formatDraft(draft)}\n`).join(""),
    });
    const answer = (await response.json()) as { results?: readonly PublishResult[] };
    assert.ok(answer.results, `${response.status}: ${JSON.stringify(answer)}`);
    this.record(channel, drafts, answer.results);
    return answer.results;
  }

  /** Notes what was acknowledged to somebody. */
  record(channel: string, drafts: readonly Draft[], results: readonly PublishResult[]): void {
    const log = this.#logs.get(channel) ?? new Map<number, LogEvent>();
    this.#logs.set(channel, log);
    for (const [index, { cursor, at }] of results.entries()) {
      const { epoch, offset } = parseCursor(cursor);
      this.#epochs.set(channel, epoch);
      log.set(offset, { ...(drafts[index] as Draft), offset, at });
    }
  }

  /** Publishes so many events, of which no two are alike; returns the cursor after the last. */
  async numbered(channel: string, count: number, labels: Omit<Draft, "payload"> = {}): Promise<string> {
    let cursor = "";
    for (let left = count; left > 0; left -= 1000) {
      const drafts = Array.from({ length: Math.min(left, 1000) }, () => this.draft(labels));
      const results = await this.publish(channel, drafts);
      cursor = results.at(-1)?.cursor ?? cursor;
    }
    return cursor;
  }

  /** A draft unlike every other of this press. */
  draft(labels: Omit<Draft, "payload"> = {}): Draft {
    return { payload: { encoding: "json", text: `{"n":${this.#numbers++}}` }, ...labels };
  }

  /** Closes a channel; returns the cursor of its end. */
  async close(channel: string): Promise<string> {
    const response = await fetch(`${this.#url}/channels/${channel}/close`, { method: "POST" });
    const { cursor, closed } = (await response.json()) as { cursor: string; closed: boolean };
    assert.equal(closed, true);
    return cursor;
  }

  /** The cursor of an event, by its place among those of the channel. */
  cursorOf(channel: string, index: number): string {
    const log = this.truth(channel);
    const event = log.events.at(index);
    assert.ok(event);
    return `${log.epoch}-${event.offset}`;
  }

  /** The channel's log, as it was acknowledged; `eventsMax` is what its retention keeps. */
  truth(channel: string, facts: { isClosed?: boolean; eventsMax?: number } = {}): TruthLog {
    const events = [...(this.#logs.get(channel)?.values() ?? [])].sort((a, b) => a.offset - b.offset);
    const log = new TruthLog(channel, this.#epochs.get(channel) ?? "", (events[0]?.offset ?? 1) - 1);
    log.push(events, events.at(-1)?.offset ?? log.origin);
    log.isClosed = facts.isClosed ?? false;
    const kept = facts.eventsMax ?? events.length;
    log.removedTo(events[events.length - kept - 1]?.offset ?? log.origin);
    return log;
  }
}
