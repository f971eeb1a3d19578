import type { Broker } from "@holdfast/core/broker";
import { HoldfastError } from "@holdfast/protocol";
import { Calls } from "./calls.ts";
import type { Deadlines } from "./deadlines.ts";

/**
 * A broker whose every call settles within `deadlineMs`: a call that is still out then rejects with `broker_unavailable`.
 *
 * What an abandoned call brings later is dropped, and a following that begins too late is stopped. An append that was
 * given up may still have happened, as with any lost answer: retry it with its `id`.
 */
export function withDeadline(broker: Broker, deadlineMs: number, deadlines: Deadlines): Broker {
  const calls = new Calls(deadlines, deadlineMs);
  const bounded = <T>(name: string, answer: Promise<T>, tooLate?: (value: T) => void): Promise<T> =>
    calls.settle(answer, () => lateAnswer(broker.name, name, deadlineMs), tooLate);
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

function lateAnswer(broker: string, name: string, deadlineMs: number): HoldfastError {
  const detail = `The broker ${broker} did not answer "${name}" within ${deadlineMs} ms.`;
  return new HoldfastError("broker_unavailable", detail);
}
