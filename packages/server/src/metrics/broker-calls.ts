import type { Broker } from "@holdfast/core/broker";
import { payloadBytes, toHoldfastError } from "@holdfast/protocol";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

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

/** Channels of the node's own, which nobody publishes to. */
const ownPrefix = "holdfast.";

/** The calls of one node to its broker, and what was published by them. */
export class BrokerCalls {
  readonly #inFlight = new Map<BrokerOperation, number>(brokerOperations.map((operation) => [operation, 0]));
  readonly #calls: Counter<"operation" | "outcome">;
  readonly #seconds: Histogram<"operation">;
  readonly #publishes: Counter<"outcome">;
  readonly #events: Counter;
  readonly #bytes: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#calls = new Counter({
      name: "holdfast_broker_calls_total",
      help: "Calls to the broker that have been answered, by operation and outcome: ok, or the code of the error.",
      labelNames: ["operation", "outcome"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "holdfast_broker_call_duration_seconds",
      help: "How long calls to the broker took, by operation; that of append is how long a publish waits for its acknowledgement.",
      labelNames: ["operation"],
      buckets: callSeconds,
      registers,
    });
    new Gauge({
      name: "holdfast_broker_calls_in_flight",
      help: "Calls to the broker that are not answered yet, by operation.",
      labelNames: ["operation"],
      registers,
      collect: gaugeOf(this.#inFlight),
    });
    this.#publishes = new Counter({
      name: "holdfast_publishes_total",
      help: "Publishes that reached the broker, by outcome: appended, duplicate, or the code of the error.",
      labelNames: ["outcome"],
      registers,
    });
    this.#events = new Counter({
      name: "holdfast_published_events_total",
      help: "Events that were appended to logs through this node.",
      registers,
    });
    this.#bytes = new Counter({
      name: "holdfast_published_bytes_total",
      help: "Payload bytes of the events that were appended through this node.",
      registers,
    });
  }

  inFlight(operation: BrokerOperation): number {
    return this.#inFlight.get(operation) ?? 0;
  }

  /** The same broker, with every call counted and timed. */
  measure(broker: Broker): Broker {
    const timed = this.#timed;
    return {
      name: broker.name,
      capabilities: broker.capabilities,
      append: (channel, drafts, ifMatch) => this.#append(broker, channel, drafts, ifMatch),
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

  readonly #timed = async <Answer>(operation: BrokerOperation, answer: Promise<Answer>): Promise<Answer> => {
    const startedAt = performance.now();
    this.#count(operation, 1);
    let outcome = "ok";
    try {
      return await answer;
    } catch (thrown) {
      outcome = toHoldfastError(thrown).code;
      throw thrown;
    } finally {
      this.#count(operation, -1);
      this.#calls.inc({ operation, outcome });
      this.#seconds.observe({ operation }, (performance.now() - startedAt) / 1000);
    }
  };

  #count(operation: BrokerOperation, by: number): void {
    this.#inFlight.set(operation, this.inFlight(operation) + by);
  }

  async #append(broker: Broker, ...given: Parameters<Broker["append"]>): ReturnType<Broker["append"]> {
    const [channel, drafts] = given;
    const answer = this.#timed("append", broker.append(...given));
    if (channel.startsWith(ownPrefix)) return await answer;
    try {
      const appended = await answer;
      let events = 0;
      let bytes = 0;
      for (const [index, { duplicate }] of appended.results.entries()) {
        const draft = drafts[index];
        if (duplicate || draft === undefined) continue;
        events++;
        bytes += payloadBytes(draft.payload);
      }
      this.#publishes.inc({ outcome: events === 0 && drafts.length > 0 ? "duplicate" : "appended" });
      this.#events.inc(events);
      this.#bytes.inc(bytes);
      return appended;
    } catch (thrown) {
      this.#publishes.inc({ outcome: toHoldfastError(thrown).code });
      throw thrown;
    }
  }
}

function gaugeOf(counts: ReadonlyMap<BrokerOperation, number>) {
  return function collect(this: Gauge<"operation">): void {
    for (const [operation, count] of counts) this.set({ operation }, count);
  };
}
