import type { Transport, TransportMemory } from "@holdfast/core/client";

const byOrigin = new Map<string, TransportMemory>();
/** Origins remembered; a client of many servers forgets the oldest. */
const originsMax = 100;

/** What this process has found out about the transports to an origin. */
export function memoryOf(origin: string): TransportMemory {
  const known = byOrigin.get(origin);
  if (known !== undefined) return known;
  const memory: TransportMemory = { blocked: new Map<Transport, number>() };
  const oldest = byOrigin.keys().next().value;
  if (byOrigin.size >= originsMax && oldest !== undefined) byOrigin.delete(oldest);
  byOrigin.set(origin, memory);
  return memory;
}
