import { arrivalTimeoutMs } from "../bed/bed.ts";
import { FleetBed } from "../bed/fleet-bed.ts";
import type { Observation, Place, Scenario, Size } from "../scenario.ts";
import { scaled } from "../scenario.ts";
import { comesBack } from "./coming-back.ts";

const payloadBytes = 128;
const perSecond = 2;
/** The windows of measuring, 1.2 s each by default, that a run takes: 24 s. */
const windows = 20;
/** Of AnyCable's benchmark. */
const cutEveryMs = 15_000;
const offlineMs = 2000;
/** With shorter windows than this everything goes faster. */
const usualWindowMs = 1200;

const count = new Intl.NumberFormat("en");

function weatherFor({ windowMs }: Size) {
  const speed = Math.min(1, windowMs / usualWindowMs);
  return { cutEveryMs: cutEveryMs * speed, offlineMs: offlineMs * speed, perSecond: perSecond / speed };
}

async function run(peer: string, clients: number, { size, execArgv }: Place): Promise<Observation> {
  const { perSecond: rate, ...weather } = weatherFor(size);
  return await FleetBed.with({ peer, clients, payloadBytes, execArgv }, async (bed) => {
    const { stage } = bed;
    await bed.connect(clients);
    await bed.publishSome(1, payloadBytes);
    await bed.arrived(arrivalTimeoutMs);
    await bed.begin();
    const cpuTime = stage.startCpuClock();
    await stage.everyLoad((load) => load.call("roam", weather));
    const pace = { kind: "rate", perSecond: rate } as const;
    const { events } = await bed.publish({ payloadBytes, durationMs: windows * size.windowMs, pace });
    await stage.everyLoad((load) => load.call("settle"));
    // What comes in order has come when one that was published later is there.
    await bed.publishSome(1, payloadBytes);
    await bed.arrived(arrivalTimeoutMs);
    const haul = await bed.haul();
    const cpu = cpuTime();
    const due = clients * (events + 1);
    const notes = [`${haul.opened} times come back`];
    if (haul.events < due) notes.push(`lost ${due - haul.events}`);
    if (haul.repeated > 0) notes.push(`${haul.repeated} came twice`);
    if (haul.refused > 0) notes.push(`${haul.refused} attempts refused`);
    return {
      case: `${count.format(clients)} clients`,
      lost: due - haul.events,
      notes,
      figures: {
        delivered: (100 * haul.events) / due,
        p50: haul.delays.quantile(0.5) / 1e6,
        p95: haul.delays.quantile(0.95) / 1e6,
        p99: haul.delays.quantile(0.99) / 1e6,
        openingP99: haul.openings.quantile(0.99) / 1000,
        ...(cpu.serverCpuSeconds === undefined ? {} : { cpuSeconds: cpu.serverCpuSeconds }),
      },
    };
  });
}

export const jitter: Scenario = {
  name: "jitter",
  title: "Jitter: connections are cut all the time",
  mayLose: true,
  about:
    "After AnyCable's public benchmark, scaled from 10,000 clients for 60 s to 5,000 for 24 s: two events a second; every connection is cut about every 15 s (7.5 to 22.5), and its client comes back after 2 s, whatever the peer. An event's delay counts from when it was published, the time offline included; so nothing that is delivered late can have a p99 much below 2 s, and only what is lost makes delays short.",
  bases: ["socket.io-recovery"],
  runsMax: 1,
  measures: [
    { name: "delivered", title: "events delivered", unit: "%", better: "more" },
    { name: "p50", title: "p50", unit: "s", better: "less" },
    { name: "p95", title: "p95", unit: "s", better: "less" },
    { name: "p99", title: "p99", unit: "s", better: "less" },
    { name: "openingP99", title: "coming back, p99", unit: "ms", better: "less" },
    { name: "cpuSeconds", title: "server's processor time", unit: "s", better: "less" },
  ],
  plotted: ["delivered", "p95"],
  targets: (["holdfast", "holdfast-session"] as const).flatMap((peer) => [
    {
      text: `${peer}: everything is delivered`,
      case: "5,000 clients",
      measure: "delivered",
      peer,
      atLeast: 100,
    },
    {
      text: `${peer}: p95 below half of Socket.IO with recovery`,
      case: "5,000 clients",
      measure: "p95",
      peer,
      base: "socket.io-recovery",
      atMost: 0.5,
    },
  ]),
  trials: (size) => {
    const clients = scaled(5000, size, 2);
    return [
      {
        name: `${count.format(clients)} clients`,
        refusal: comesBack,
        run: async ({ name }, place) => [await run(name, clients, place)],
      },
    ];
  },
};
