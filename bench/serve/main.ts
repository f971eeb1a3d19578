import { monitorEventLoopDelay } from "node:perf_hooks";
import { answerParent } from "../bed/operations.ts";
import type { LoopDelay, Served, Setting } from "../peer.ts";
import { peerNamed } from "../peers/index.ts";
import { type Published, Publisher, type PublishJob } from "./publisher.ts";

let served: Served | undefined;
let publisher: Publisher | undefined;
let loopDelay: ReturnType<typeof monitorEventLoopDelay> | undefined;

const operations = {
  /** Starts the server of a peer; `pid` is that of the process to be measured. */
  async serve({ peer, ...setting }: Setting & { readonly peer: string }) {
    const { dialect, serve } = peerNamed(peer);
    served = await serve(setting);
    publisher = new Publisher(served, setting.readers, dialect);
    return { port: served.port, pid: served.pid ?? process.pid };
  },
  async publish(job: PublishJob): Promise<Published> {
    if (publisher === undefined) throw new Error("No server is running.");
    return await publisher.run(job);
  },
  /** Begins to watch how long this process's event loop is held up. */
  watchLoop(): void {
    loopDelay?.disable();
    loopDelay = monitorEventLoopDelay({ resolution: 5 });
    loopDelay.enable();
  },
  /** How long since then, in ms: at the longest, and for all but one look in a hundred. */
  async loopDelay(): Promise<LoopDelay> {
    if (served?.loopDelay !== undefined) return await served.loopDelay();
    if (loopDelay === undefined) throw new Error("Nobody watches the event loop.");
    return { maxMs: loopDelay.max / 1e6, p99Ms: loopDelay.percentile(99) / 1e6 };
  },
  async restart(): Promise<void> {
    if (served?.restart === undefined) throw new Error("This server cannot be restarted.");
    await served.restart();
  },
  async stop(): Promise<void> {
    await served?.close();
    served = undefined;
  },
};

/** What the process of the system under test can be asked to do. */
export type ServeOperations = typeof operations;

answerParent(operations);
