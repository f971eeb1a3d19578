import { answerParent } from "../bed/operations.ts";
import type { Served, Setting } from "../peer.ts";
import { peerNamed } from "../peers/index.ts";
import { type Published, Publisher, type PublishJob } from "./publisher.ts";

let served: Served | undefined;
let publisher: Publisher | undefined;

const operations = {
  /** Starts the server of a peer; `pid` is that of the process to be measured. */
  async serve({ peer, ...setting }: Setting & { readonly peer: string }) {
    served = await peerNamed(peer).serve(setting);
    publisher = new Publisher(served, setting.readers);
    return { port: served.port, pid: served.pid ?? process.pid };
  },
  async publish(job: PublishJob): Promise<Published> {
    if (publisher === undefined) throw new Error("No server is running.");
    return await publisher.run(job);
  },
  async stop(): Promise<void> {
    await served?.close();
    served = undefined;
  },
};

/** What the process of the system under test can be asked to do. */
export type ServeOperations = typeof operations;

answerParent(operations);
