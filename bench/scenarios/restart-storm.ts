import { setTimeout as sleep } from "node:timers/promises";
import { arrivalTimeoutMs } from "../bed/bed.ts";
import { FleetBed } from "../bed/fleet-bed.ts";
import { nowUs } from "../clock.ts";
import type { Observation, Place } from "../scenario.ts";

const payloadBytes = 128;
const missedEvents = 10;
/** Each goes to all who are back, so more would be a test of the fan-out. */
const eventsPerSecond = 2;
const clientsPerLoad = 10_000;
/** `/metrics` looks at event loops no more often. */
const metricsStaleMs = 5100;
/** Clients that are back before the others, and read while these come. */
const watchersMost = 100;

const count = new Intl.NumberFormat("en");

/**
 * All processes that serve are killed at once; events are published once there are others, and then all clients come back
 * together, as fast as they can: each with what it has missed, while a few read on.
 */
export async function runRestart(peer: string, clients: number, { execArgv }: Place): Promise<Observation> {
  const storms = Math.ceil(clients / clientsPerLoad);
  const watchers = Math.min(watchersMost, clients);
  const spec = { peer, clients: clients + watchers, payloadBytes, execArgv };
  return await FleetBed.with({ ...spec, loads: storms + 1, openingMax: clients }, async (bed) => {
    const { stage } = bed;
    const storm = stage.loads.slice(0, storms);
    const [watching] = stage.loads.slice(storms);
    if (watching === undefined) throw new Error("There is no load generator for those who watch.");
    const everyStorm = async <T>(what: (load: (typeof storm)[number], share: number) => Promise<T>) =>
      await Promise.all(storm.map((load, index) => what(load, Math.floor((clients + index) / storms))));
    const comeBack = () => everyStorm((load, share) => load.call("connect", { clients: share }));
    await comeBack();
    await watching.call("connect", { clients: watchers });
    await bed.publishSome(1, payloadBytes);
    await bed.arrived(arrivalTimeoutMs);
    await everyStorm((load) => load.call("cutAll"));
    await stage.serve.call("restart");
    await watching.call("connect", { clients: watchers });
    const before = bed.published;
    await bed.publishSome(missedEvents, payloadBytes);
    await bed.arrivedAt([watching], arrivalTimeoutMs);
    await bed.begin();
    // Without what starting has cost; and the metrics tell the same for a while.
    await stage.serve.call("loopDelay");
    const told = sleep(clients < 1000 ? 0 : metricsStaleMs);
    const startUs = nowUs();
    const liveUs = Math.max(...(await whilePublishing(bed, comeBack)));
    await bed.arrived(arrivalTimeoutMs);
    await told;
    const { maxMs, p99Ms } = await stage.serve.call("loopDelay");
    const came = await bed.haul(storm);
    const { delays } = await bed.haul([watching]);
    const due = clients * (bed.published - before);
    const lost = due - came.events;
    const notes = [`${storms} load generators`, `${came.refused} connections were tried in vain before`];
    if (lost > 0) notes.push(`lost ${lost}`);
    if (came.repeated > 0) notes.push(`${came.repeated} came twice`);
    return {
      case: `${count.format(clients)} clients after a restart`,
      lost,
      notes,
      figures: {
        seconds: (liveUs - startUs) / 1e6,
        delivered: (100 * came.events) / due,
        openingP99: came.openings.quantile(0.99) / 1000,
        loopDelayMs: maxMs,
        loopDelayP99Ms: p99Ms,
        readersP50: delays.quantile(0.5) / 1000,
        readersP99: delays.quantile(0.99) / 1000,
      },
    };
  });
}

/** Publishes for as long as something takes. */
async function whilePublishing<T>(bed: FleetBed, what: () => Promise<T>): Promise<T> {
  let isOver = false;
  const publish = async () => {
    do {
      await bed.publishSome(1, payloadBytes);
      await sleep(1000 / eventsPerSecond);
    } while (!isOver);
  };
  const published = publish();
  try {
    return await what();
  } finally {
    isOver = true;
    await published;
  }
}
