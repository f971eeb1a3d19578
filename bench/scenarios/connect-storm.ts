import { setTimeout as sleep } from "node:timers/promises";
import { arrivalTimeoutMs } from "../bed/bed.ts";
import { FleetBed } from "../bed/fleet-bed.ts";
import { nowUs } from "../clock.ts";
import type { Observation, Place, Scenario } from "../scenario.ts";
import { scaled } from "../scenario.ts";
import { comesBack } from "./coming-back.ts";
import { runRestart } from "./restart-storm.ts";

const payloadBytes = 128;
const missedEvents = 10;
/** As many as leave room for the server's own descriptors where a process has 20,000. */
const clientsWanted = 18_500;
/** With two processes that serve there is room for all. */
const returningWanted = 20_000;
/** How long all stay away, of a second at most. */
const offlineMsMax = 1000;

const count = new Intl.NumberFormat("en");

async function run(
  peer: string,
  clients: number,
  resumes: boolean,
  { size, execArgv }: Place,
): Promise<Observation> {
  return await FleetBed.with({ peer, clients, payloadBytes, execArgv }, async (bed) => {
    const { stage } = bed;
    await bed.connect(clients);
    await bed.publishSome(1, payloadBytes);
    await bed.arrived(arrivalTimeoutMs);
    await bed.cutAll();
    const cutUs = nowUs();
    await bed.publishSome(missedEvents, payloadBytes);
    await sleep(Math.max(0, Math.min(offlineMsMax, size.windowMs) - (nowUs() - cutUs) / 1000));
    await bed.begin();
    // That all left at once has held it up as well, which no server can help.
    await stage.serve.call("watchLoop");
    const cpuTime = stage.startCpuClock();
    const startUs = nowUs();
    const liveUs = await bed.connect(clients);
    if (resumes) await bed.arrived(arrivalTimeoutMs);
    const { lastUs } = await bed.haul();
    const loopDelay = await stage.serve.call("loopDelay");
    const cpu = cpuTime();
    // One more shows that those who came back are there.
    await bed.publishSome(1, payloadBytes);
    await bed.arrived(arrivalTimeoutMs);
    const haul = await bed.haul();
    const lost = clients * (missedEvents + 1) - haul.events;
    const notes = lost > 0 ? [`lost ${lost}`] : [];
    if (haul.repeated > 0) notes.push(`${haul.repeated} came twice`);
    if (haul.refused > 0) notes.push(`${haul.refused} attempts refused`);
    return {
      case: `${count.format(clients)} clients`,
      lost,
      notes,
      figures: {
        seconds: (Math.max(liveUs, lastUs) - startUs) / 1e6,
        delivered: (100 * haul.events) / (clients * (missedEvents + 1)),
        openingP99: haul.openings.quantile(0.99) / 1000,
        loopDelayMs: loopDelay.maxMs,
        loopDelayP99Ms: loopDelay.p99Ms,
        ...(cpu.serverCpuSeconds === undefined ? {} : { cpuSeconds: cpu.serverCpuSeconds }),
      },
    };
  });
}

export const connectStorm: Scenario = {
  name: "connect-storm",
  title: "Connect storm: everybody comes back at once",
  mayLose: true,
  about:
    "All connections are cut at the same time, ten events are published, and a second later all clients come back, as fast as the listening socket takes them (200 connections of each load generator under way at a time). Clients resume from where they stood if their peer knows of that. 18,500 of the 20,000 clients are what one process with 20,000 file descriptors has room for. After a restart: `holdfast serve --workers 2`, whose workers are killed together; ten events are published when there are others, and then 20,000 clients of two load generators come back, every one at once, while 100 who are there read two events a second.",
  bases: ["ws"],
  runsMax: 2,
  measures: [
    { name: "seconds", title: "until all are live and have what they missed", unit: "s", better: "less" },
    { name: "delivered", title: "events delivered", unit: "%", better: "more" },
    { name: "openingP99", title: "opening one connection, p99", unit: "ms", better: "less" },
    { name: "loopDelayMs", title: "longest hold-up of the server's event loop", unit: "ms", better: "less" },
    { name: "loopDelayP99Ms", title: "hold-ups of it, p99", unit: "ms", better: "less" },
    { name: "readersP50", title: "delay to readers who are there, p50", unit: "ms", better: "less" },
    { name: "readersP99", title: "delay to readers who are there, p99", unit: "ms", better: "less" },
    { name: "cpuSeconds", title: "server's processor time", unit: "s", better: "less" },
  ],
  plotted: ["seconds", "delivered"],
  targets: [
    {
      text: "a storm loses nothing",
      case: "18,500 clients",
      measure: "delivered",
      peer: "holdfast-session",
      atLeast: 100,
    },
    {
      text: "20,000 clients return after a restart and miss nothing",
      case: "20,000 clients after a restart",
      measure: "delivered",
      peer: "holdfast-restarted",
      atLeast: 100,
    },
    {
      text: "the event loops meanwhile: at most 250 ms at p99",
      case: "20,000 clients after a restart",
      measure: "loopDelayP99Ms",
      peer: "holdfast-restarted",
      atMost: 250,
    },
  ],
  trials: (size) => {
    const clients = scaled(clientsWanted, size, 2);
    const returning = scaled(returningWanted, size, 4);
    return [
      {
        name: `${count.format(clients)} clients`,
        refusal: (peer) =>
          comesBack(peer) ?? (peer.restarts === true ? "it has a trial of its own" : undefined),
        run: async ({ name, dialect }, place) => [
          await run(name, clients, dialect.resuming !== undefined, place),
        ],
      },
      {
        name: `${count.format(returning)} clients after a restart`,
        refusal: ({ restarts }) =>
          restarts === true ? undefined : "its clients would have nothing to come back to",
        run: async ({ name }, place) => [await runRestart(name, returning, place)],
      },
    ];
  },
};
