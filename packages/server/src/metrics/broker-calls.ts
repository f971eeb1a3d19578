import type { AppendResult, Broker } from "@holdfast/core/broker";
import { isReserved } from "@holdfast/core/server";
import { type Draft, payloadBytes, toHoldfastError } from "@holdfast/protocol";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { retellAll } from "./retell.ts";

/** The calls that are counted: all that wait for an answer. */
export const brokerOperations = [
  "append",
  "read",
  "before",
  "range",
  "state",
  "close",
  "follow",
  "probe",
] as const;
export type BrokerOperation = (typeof brokerOperations)[number];

/** From what a memory takes to the deadline of a call. */
const callSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What became of the calls of one operation. Plain numbers: prom-client looks its labels up each time. */
class Operation {
  inFlight = 0;
  readonly outcomes = new Map<string, number>();
}

/** The calls of one node to its broker, and what was published by them. */
export class BrokerCalls {
  readonly #operations = new Map<BrokerOperation, Operation>(
    brokerOperations.map((operation) => [operation, new Operation()]),
  );
  readonly #publishes = new Map<string, number>();
  #events = 0;
  #bytes = 0;
  readonly #seconds: Histogram<"operation">;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = <Label extends string>(
      name: string,
      help: string,
      labelNames: Label[],
      values: () => Iterable<readonly [Partial<Record<Label, string>>, number]>,
    ) =>
      new Counter({
        name,
        help,
        labelNames,
        registers,
        collect() {
          retellAll(this as Counter<Label>, values());
        },
      });
    counter(
      "holdfast_broker_calls_total",
      "Calls to the broker that have been answered, by operation and outcome: ok, or the code of the error.",
      ["operation", "outcome"],
      () =>
        [...this.#operations].flatMap(([operation, { outcomes }]) =>
          Array.from(outcomes, ([outcome, count]) => [{ operation, outcome }, count] as const),
        ),
    );
    this.#seconds = new Histogram({
      name: "holdfast_broker_call_duration_seconds",
      help: "How long calls to the broker took, by operation; that of append is how long a publish waits for its acknowledgement.",
      labelNames: ["operation"],
      buckets: callSeconds,
      registers,
    });
    const operations = this.#operations;
    new Gauge({
      name: "holdfast_broker_calls_in_flight",
      help: "Calls to the broker that are not answered yet, by operation.",
      labelNames: ["operation"],
      registers,
      collect() {
        for (const [operation, { inFlight }] of operations) this.set({ operation }, inFlight);
      },
    });
    counter(
      "holdfast_publishes_total",
      "Publishes that reached the broker, by outcome: appended, duplicate, or the code of the error.",
      ["outcome"],
      () => Array.from(this.#publishes, ([outcome, count]) => [{ outcome }, count]),
    );
    counter(
      "holdfast_published_events_total",
      "Events that were appended to logs through this node.",
      [],
      () => [[{}, this.#events]],
    );
    counter(
      "holdfast_published_bytes_total",
      "Payload bytes of the events that were appended through this node.",
      [],
      () => [[{}, this.#bytes]],
    );
  }

  inFlight(operation: BrokerOperation): number {
    return this.#operations.get(operation)?.inFlight ?? 0;
  }

  /** The same broker, with every call counted and timed. */
  measure(broker: Broker): Broker {
    const timed = this.#timed;
    return {
      name: broker.name,
      capabilities: broker.capabilities,
      append: (channel, drafts, ifMatch) => {
        const answer = broker.append(channel, drafts, ifMatch);
        return timed("append", answer, isReserved(channel) ? undefined : this.#published(drafts));
      },
      read: (channel, after, limits) => timed("read", broker.read(channel, after, limits)),
      before: (channel, count) => timed("before", broker.before(channel, count)),
      range: (channel) => timed("range", broker.range(channel)),
      state: (channel) => timed("state", broker.state(channel)),
      close: (channel) => timed("close", broker.close(channel)),
      follow: (channel, observer) => timed("follow", broker.follow(channel, observer)),
      probe: () => timed("probe", broker.probe()),
      stop: () => broker.stop(),
    };
  }

  /** `settled` is told the answer, or the code of the error. */
  readonly #timed = async <Answer>(
    operation: BrokerOperation,
    answer: Promise<Answer>,
    settled?: (answer: Answer | string) => void,
  ): Promise<Answer> => {
    const startedAt = performance.now();
    const counts = this.#operations.get(operation) ?? new Operation();
    counts.inFlight++;
    let outcome = "ok";
    try {
      const given = await answer;
      settled?.(given);
      return given;
    } catch (thrown) {
      outcome = toHoldfastError(thrown).code;
      settled?.(outcome);
      throw thrown;
    } finally {
      counts.inFlight--;
      increase(counts.outcomes, outcome);
      this.#seconds.observe({ operation }, (performance.now() - startedAt) / 1000);
    }
  };

  #published(drafts: readonly Draft[]): (answer: AppendResult | string) => void {
    return (answer) => {
      if (typeof answer === "string") {
        increase(this.#publishes, answer);
        return;
      }
      const before = this.#events;
      for (const [index, { duplicate }] of answer.results.entries()) {
        const draft = drafts[index];
        if (duplicate || draft === undefined) continue;
        this.#events++;
        this.#bytes += payloadBytes(draft.payload);
      }
      increase(this.#publishes, this.#events === before ? "duplicate" : "appended");
    };
  }
}

function increase(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
