import type { Broker } from "@holdfast/core/broker";
import { HoldfastError } from "@holdfast/protocol";
import type { Deadlines, Timed } from "./deadlines.ts";

/** One call that has not been answered. */
interface Call {
  /** By what has passed: a clock that was set must neither keep a call waiting nor cut it short. */
  readonly giveUpAt: number;
  giveUp(): void;
}

const never = Number.POSITIVE_INFINITY;

/** Calls in the order in which they were made, which is that of their deadlines: one look finds those that are due. */
class Calls implements Timed {
  readonly #deadlines: Deadlines;
  readonly #deadlineMs: number;
  readonly #open = new Set<Call>();

  constructor(deadlines: Deadlines, deadlineMs: number) {
    this.#deadlines = deadlines;
    this.#deadlineMs = deadlineMs;
    deadlines.add(this);
  }

  get deadline(): number {
    for (const { giveUpAt } of this.#open) return this.#deadlines.deadlineFor(giveUpAt);
    return never;
  }

  tick(): void {
    const now = this.#deadlines.passed();
    for (const call of this.#open) {
      if (call.giveUpAt > now) return;
      this.#open.delete(call);
      call.giveUp();
    }
  }

  begin(giveUp: () => void): Call {
    const call = { giveUpAt: this.#deadlines.passed() + this.#deadlineMs, giveUp };
    this.#open.add(call);
    if (this.#open.size === 1) this.#deadlines.expect(this, this.deadline);
    return call;
  }

  /** Returns whether the call was still open. */
  end(call: Call): boolean {
    return this.#open.delete(call);
  }
}

/**
 * A broker whose every call settles within `deadlineMs`: a call that is still out then rejects with `broker_unavailable`.
 *
 * What an abandoned call brings later is dropped, and a following that begins too late is stopped. An append that was
 * given up may still have happened, as with any lost answer: retry it with its `id`.
 */
export function withDeadline(broker: Broker, deadlineMs: number, deadlines: Deadlines): Broker {
  const calls = new Calls(deadlines, deadlineMs);
  const bounded = <T>(name: string, answer: Promise<T>, tooLate: (value: T) => void = ignore): Promise<T> =>
    new Promise((resolve, reject) => {
      const call = calls.begin(() => {
        const detail = `The broker ${broker.name} did not answer "${name}" within ${deadlineMs} ms.`;
        reject(new HoldfastError("broker_unavailable", detail));
      });
      answer.then(
        (value) => {
          if (calls.end(call)) resolve(value);
          else tooLate(value);
        },
        (error: unknown) => {
          calls.end(call);
          reject(error);
        },
      );
    });
  return {
    name: broker.name,
    capabilities: broker.capabilities,
    append: (channel, drafts, ifMatch) => bounded("append", broker.append(channel, drafts, ifMatch)),
    read: (channel, after, limits) => bounded("read", broker.read(channel, after, limits)),
    before: (channel, count) => bounded("before", broker.before(channel, count)),
    range: (channel) => bounded("range", broker.range(channel)),
    state: (channel) => bounded("state", broker.state(channel)),
    close: (channel) => bounded("close", broker.close(channel)),
    follow: (channel, observer) =>
      bounded("follow", broker.follow(channel, observer), (following) => following.stop()),
    probe: () => bounded("probe", broker.probe()),
    stop: () => broker.stop(),
  };
}

function ignore(): void {}
