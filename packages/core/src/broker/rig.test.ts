import assert from "node:assert/strict";
import { type Cursor, type Draft, type ErrorCode, HoldfastError } from "@holdfast/protocol";
import { MemoryBroker, type MemoryBrokerOptions, type MemoryLimits } from "./memory.ts";
import { defaultRetention, type LogObserver, type Retention } from "./port.ts";

export const page = { eventsMax: 1000, bytesMax: 1_000_000 };

export function draft(text: string, labels: Omit<Draft, "payload"> = {}): Draft {
  return { payload: { encoding: "text", text }, ...labels };
}

export interface Setting {
  readonly broker: MemoryBroker;
  advance(ms: number): void;
  publish(channel: string, ...texts: string[]): Promise<Cursor>;
}

export function setting(
  retention: Partial<Retention> = {},
  limits: Partial<MemoryLimits> = {},
  options: Partial<MemoryBrokerOptions> = {},
): Setting {
  let now = 1_790_000_000_000;
  const broker = new MemoryBroker({
    clock: { now: () => now },
    epochSeed: "k3v9x2",
    retention: () => ({ ...defaultRetention, ...retention }),
    limits,
    ...options,
  });
  return {
    broker,
    advance(ms) {
      now += ms;
    },
    async publish(channel, ...texts) {
      const { results } = await broker.append(
        channel,
        texts.map((text) => draft(text)),
      );
      return results.at(-1)?.cursor ?? assert.fail();
    },
  };
}

export async function refusal(call: Promise<unknown>, code: ErrorCode): Promise<string> {
  const error = await call.then(
    () => assert.fail(`not refused; expected ${code}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof HoldfastError);
  assert.equal(error.code, code);
  return error.message;
}

export async function texts(broker: MemoryBroker, channel: string): Promise<string[]> {
  const { events } = await broker.read(channel, "oldest", page);
  return events.map(({ payload }) => (payload.encoding === "text" ? payload.text : assert.fail()));
}

export const nobody: LogObserver = { appended() {}, closed() {}, disturbed() {} };
