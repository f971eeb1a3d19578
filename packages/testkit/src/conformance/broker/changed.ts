import { type Broker, MemoryBroker, type Retention } from "@holdfast/core/broker";
import type { BrokerUnderTest } from "./subject.ts";

/** What is different about a broker. */
export type Change = (whole: Broker) => Partial<Broker>;

/** A broker that does what `whole` does, but for what is changed. */
export function changedBroker(whole: Broker, change: Change): Broker {
  return {
    name: whole.name,
    capabilities: whole.capabilities,
    append: (channel, drafts, ifMatch) => whole.append(channel, drafts, ifMatch),
    read: (channel, after, limits) => whole.read(channel, after, limits),
    before: (channel, count) => whole.before(channel, count),
    range: (channel) => whole.range(channel),
    state: (channel) => whole.state(channel),
    close: (channel) => whole.close(channel),
    follow: (channel, observer) => whole.follow(channel, observer),
    probe: () => whole.probe(),
    stop: () => whole.stop(),
    ...change(whole),
  };
}

/** The memory broker, changed, as two nodes see it, with a clock that is moved by hand. */
export function changedMemory(
  retention: Retention,
  change: Change,
): Required<Omit<BrokerUnderTest, "dispose">> {
  let now = 1_790_000_000_000;
  const clock = { now: () => now };
  const memory = new MemoryBroker({ clock, epochSeed: "k3v9x2", retention: () => retention });
  return {
    broker: changedBroker(memory, change),
    peer: changedBroker(memory, change),
    advance(ms) {
      now += ms;
    },
  };
}

/** A fault, and the id of a rule that it breaks. */
export interface Sabotage {
  readonly fault: string;
  readonly breaks: string;
  readonly change: Change;
}
