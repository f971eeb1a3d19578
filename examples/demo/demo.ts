import { join } from "node:path";
import type { Holdfast } from "@holdfast/server";
import { Bench } from "./bench/bench.ts";
import { Ticker } from "./bench/ticker.ts";
import { Address } from "./fleet/address.ts";
import { Neighbourhood } from "./fleet/neighbourhood.ts";
import { Pool } from "./fleet/pool.ts";
import { createLaneNode, createLogs, createOwnNode, createPageNode } from "./nodes.ts";
import { createApplication } from "./requests.ts";
import { Site } from "./site/site.ts";
import { greet } from "./sources/chat.ts";
import { Jobs } from "./sources/job.ts";
import { publishMachine } from "./sources/machine.ts";
import { Visitors } from "./visitors/visitors.ts";

const host = "127.0.0.1";
const projectFolder = join(import.meta.dirname, "../..");
/** Nodes behind the page's address. */
const pageNodes = 2;

export interface DemoOptions {
  /** 0 takes any free one. */
  readonly port: number;
  /** How long a visitor's token lives. */
  readonly tokenSeconds: number;
}

export interface Demo {
  /** Where to look, as in `http://127.0.0.1:7070/`. */
  readonly url: string;
  /** Lets every client go, ends the jobs, and frees the ports. */
  stop(): Promise<void>;
}

/** Starts everything; rejects with the system's error for a port that is taken. */
export async function startDemo({ port: wantedPort, tokenSeconds }: DemoOptions): Promise<Demo> {
  const address = await Address.open(wantedPort);
  const { port } = address;
  const visitors = new Visitors(port, tokenSeconds);
  const { access } = visitors;
  const broker = createLogs();
  const holdfast = createOwnNode(broker, access);
  const neighbourhood = new Neighbourhood();
  const pool = await Pool.open({
    size: pageNodes,
    create: () => createPageNode(broker, access, neighbourhood),
    changed: (report) => tell(holdfast, "deploy:board", report),
  });
  const createLane = () => createLaneNode(broker, access, port);
  const bench = await Bench.open(holdfast, createLane, wantedPort === 0 ? 0 : port);
  const jobs = new Jobs(holdfast, projectFolder);
  const lines = Object.values(bench.ports).map((line) => `${host}:${line}`);
  const connectSources = lines.flatMap((line) => [`http://${line}`, `ws://${line}`]);
  const site = await Site.build(import.meta.dirname, connectSources);
  const pulse = new Ticker(holdfast, { channel: "pulse:page", perSecond: 10 });
  const stopMachine = publishMachine(holdfast);
  await greet(holdfast);
  address.serve(createApplication({ site, bench, jobs, pool, visitors, holdfast }), pool.pick);

  return {
    url: `http://${host}:${port}/`,
    async stop() {
      stopMachine();
      await pulse.stop();
      await jobs.stop();
      await bench.close();
      await pool.close();
      await address.close();
      await holdfast.close({ noticeMs: 0, deadlineMs: 1000 });
      await broker.stop();
    },
  };
}

function tell(holdfast: Holdfast, channel: string, board: object): void {
  holdfast.publish(channel, board).catch((error: unknown) => {
    console.error(`"${channel}" could not be published:`, error);
  });
}
