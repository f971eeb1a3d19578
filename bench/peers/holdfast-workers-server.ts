import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { familyOf } from "../bed/memory.ts";
import type { LoopDelay, Served, Setting } from "../peer.ts";
import { buildProgram } from "../serve/built-program.ts";
import { holdfastFlags } from "./holdfast-flags.ts";

/** Connections beside those of the readers. */
const spare = 10;

/** Starts the command line's server; its workers and the primary are the family of `pid`. */
export async function serveWorkers(workers: number, { readers }: Setting): Promise<Served> {
  // They are not dealt out evenly to the last. What one worker takes at most, its file descriptors say.
  const connectionsMax = readers + spare;
  const flags = ["--port", "0", "--workers", String(workers), "--log", "silent"];
  const settings = [
    "--set",
    `limits.connectionsMax=${connectionsMax}`,
    "--set",
    "limits.messagesPerSecond=0",
  ];
  const program = await buildProgram();
  const child = spawn(process.execPath, [...holdfastFlags, program.path, "serve", ...flags, ...settings], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  // Without their primary the workers end as well.
  process.once("exit", () => {
    child.kill("SIGKILL");
    program.remove();
  });
  const url = await addressOf(child.stdout);
  if (child.pid === undefined) throw new Error("`holdfast serve` did not start.");
  const { pid } = child;
  const workersNow = () => familyOf(pid).slice(1);
  let agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    port: Number(url.port),
    pid,
    publish: (channel, payload) => post(agent, new URL(`/channels/${channel}`, url), payload),
    // They keep their own measure; a publisher waits for its acknowledgements.
    unsentBytes: () => 0,
    async restart() {
      const killed = new Set(workersNow());
      for (const worker of killed) process.kill(worker, "SIGKILL");
      agent.destroy();
      agent = new Agent({ keepAlive: true, maxSockets: 1 });
      while (workersNow().filter((worker) => !killed.has(worker)).length < workers) await sleep(50);
      // They are asked in turn.
      for (let ready = 0; ready < 2 * workers; await sleep(20)) ready = (await isReady(url)) ? ready + 1 : 0;
    },
    loopDelay: () => loopDelayOf(url),
    async close() {
      agent.destroy();
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function isReady(url: URL): Promise<boolean> {
  try {
    const answer = await fetch(new URL("/health/ready", url), { headers: { Connection: "close" } });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

/** The worst of all workers, as `/metrics` has it. */
async function loopDelayOf(url: URL): Promise<LoopDelay> {
  const exposition = await (await fetch(new URL("/metrics", url))).text();
  const worst = (quantile: string) => {
    const samples = exposition.matchAll(/^holdfast_event_loop_delay_seconds{([^}]*)} (\S+)$/gm);
    const own = [...samples].filter(([, labels = ""]) => labels.includes(`quantile="${quantile}"`));
    if (own.length === 0) throw new Error("The metrics have no delay of the event loop.");
    return 1000 * Math.max(...own.map(([, , seconds]) => Number(seconds)));
  };
  return { maxMs: worst("1"), p99Ms: worst("0.99") };
}

/** What it prints first, once it listens. */
async function addressOf(stdout: Readable): Promise<URL> {
  let printed = "";
  for await (const part of stdout.iterator({ destroyOnReturn: false })) {
    printed += String(part);
    const [address] = /http:\S+/.exec(printed.slice(0, printed.lastIndexOf("\n") + 1)) ?? [];
    if (address === undefined) continue;
    stdout.resume();
    return new URL(address);
  }
  throw new Error("`holdfast serve` ended before it listened.");
}

async function post(agent: Agent, url: URL, payload: string): Promise<void> {
  const outgoing = request(url, {
    method: "POST",
    agent,
    headers: { "Content-Type": "application/json" },
  });
  outgoing.end(JSON.stringify(payload));
  const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
  const said = await text(answer);
  if (answer.statusCode !== 201) throw new Error(`Publishing was answered ${answer.statusCode}: ${said}`);
}
