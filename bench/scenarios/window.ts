import type { Arrival, Bed, Window } from "../bed/bed.ts";
import type { CpuTime } from "../bed/stage.ts";
import type { Measure, Observation, Size } from "../scenario.ts";
import type { PublishJob } from "../serve/publisher.ts";

/** Publishes for a while unmeasured, then measures a window. */
export async function measure(bed: Bed, size: Size, job: Omit<PublishJob, "durationMs">): Promise<Window> {
  if (size.warmUpMs > 0) await bed.run({ ...job, durationMs: size.warmUpMs });
  return await bed.run({ ...job, durationMs: size.windowMs });
}

/** What `observe` tells. */
export const deliveryMeasures: readonly Measure[] = [
  { name: "deliveriesPerSecond", title: "deliveries/s", unit: "/s", better: "more" },
  { name: "deliveriesPerCpuSecond", title: "deliveries per server CPU second", unit: "/s", better: "more" },
  { name: "eventsPerRead", title: "events a socket read", unit: "" },
  { name: "loadCpu", title: "load generator's CPU to the server's", unit: "" },
];

/** Deliveries by the wall clock and by the server's processor, and what else says how far they can be trusted. */
export function observe(name: string, window: Window): Observation {
  const { deliveries, seconds } = window;
  const spent = spentIn(window);
  const { server = 0, load } = spent;
  return {
    case: name,
    spent,
    lost: window.lost,
    notes: notesOn(window),
    figures: {
      deliveriesPerSecond: deliveries / seconds,
      eventsPerRead: window.eventsPerRead,
      ...(server > 0 ? { deliveriesPerCpuSecond: deliveries / server } : {}),
      ...(server > 0 && load !== undefined ? { loadCpu: load / server } : {}),
    },
  };
}

type Spent = NonNullable<Observation["spent"]>;

/** Without what the system does not tell. */
export function spentIn({
  seconds,
  serverCpuSeconds,
  loadCpuSeconds,
}: CpuTime & { readonly seconds: number }): Spent {
  return {
    seconds,
    ...(serverCpuSeconds === undefined ? {} : { server: serverCpuSeconds }),
    ...(loadCpuSeconds === undefined ? {} : { load: loadCpuSeconds }),
  };
}

/** A process that uses more of a processor than this has nothing left to give. */
const busy = 0.9;

export function notesOn(window: Arrival & CpuTime & { readonly seconds: number }): string[] {
  const notes: string[] = [];
  const { lost, surplus, disordered, seconds, serverCpuSeconds, loadCpuSeconds, loadProcesses } = window;
  if (lost > 0) notes.push(`lost ${lost}`);
  if (surplus > 0) notes.push(`${surplus} too many`);
  if (disordered > 0) notes.push(`${disordered} out of order`);
  if (serverCpuSeconds === undefined || loadCpuSeconds === undefined) return notes;
  const load = loadCpuSeconds / seconds / loadProcesses;
  if (load > busy && serverCpuSeconds / seconds < busy) notes.push("limited by the load generator");
  return notes;
}
