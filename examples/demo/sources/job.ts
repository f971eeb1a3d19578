import { createHash, randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HoldfastError } from "@holdfast/protocol";
import type { Holdfast } from "@holdfast/server";
import { checksum, listFiles } from "./project-files.ts";

/** How far a job is, as its channel tells. */
export interface Progress {
  readonly files: number;
  readonly total: number;
  readonly bytes: number;
  /** The file it has just read. */
  readonly path: string;
}

/** What came of a job. */
export interface Outcome {
  /** SHA-256 over the lines "digest path" of all files, in hex. */
  readonly digest: string;
  readonly files: number;
  readonly bytes: number;
  readonly unreadable: number;
  readonly ms: number;
}

const jobsMax = 2;
/** Progress is told at most this often. */
const everyMs = 100;

/** Computes checksums of a folder's files, one job for each visitor that asks. */
export class Jobs {
  readonly #holdfast: Holdfast;
  readonly #folder: string;
  readonly #lastsMs: number;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();

  /** A job takes at least `lastsMs`: it would be over before anybody could reload a page. */
  constructor(holdfast: Holdfast, folder: string, lastsMs = 12_000) {
    this.#holdfast = holdfast;
    this.#folder = folder;
    this.#lastsMs = lastsMs;
  }

  /**
   * Starts a job and returns its id: its channel is `job:` and that. Who asked for it finds the outcome in their inbox.
   * Throws `overloaded`.
   */
  start(user?: string): string {
    if (this.#running.size >= jobsMax) {
      throw new HoldfastError("overloaded", `${jobsMax} jobs are running already. Wait until one has ended.`);
    }
    const id = randomUUID();
    const job = this.#run(`job:${id}`, user).finally(() => this.#running.delete(job));
    this.#running.add(job);
    return id;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  async #run(channel: string, user: string | undefined): Promise<void> {
    const holdfast = this.#holdfast;
    try {
      const outcome = await this.#check(channel);
      await holdfast.publish(channel, outcome, { type: "done" });
      const text = `Checksums of ${outcome.files} files are done`;
      if (user !== undefined) await holdfast.publish(`inbox:${user}`, { text });
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      console.error("A job failed:", error);
      await holdfast.publish(channel, { reason: "The files could not be read." }, { type: "failed" });
    }
    await holdfast.closeChannel(channel);
  }

  async #check(channel: string): Promise<Outcome> {
    const { signal } = this.#stopping;
    const startedAt = performance.now();
    const paths = await listFiles(this.#folder);
    const total = paths.length;
    const all = createHash("sha256");
    let bytes = 0;
    let unreadable = 0;
    let toldAt = 0;
    for (const [index, path] of paths.entries()) {
      const sum = await checksum(join(this.#folder, path), signal).catch(() => undefined);
      signal.throwIfAborted();
      if (sum === undefined) unreadable++;
      else all.update(`${sum.digest} ${path}\n`);
      bytes += sum?.bytes ?? 0;
      const files = index + 1;
      // #region publish
      if (performance.now() - toldAt >= everyMs || files === total) {
        toldAt = performance.now();
        const data: Progress = { files, total, bytes, path };
        const labels = { type: "progress", key: "progress" };
        await this.#holdfast.publish(channel, data, labels);
      }
      // #endregion
      const aheadMs = startedAt + (files / total) * this.#lastsMs - performance.now();
      if (aheadMs > 0) await sleep(aheadMs, undefined, { signal });
    }
    const ms = Math.round(performance.now() - startedAt);
    return { digest: all.digest("hex"), files: total, bytes, unreadable, ms };
  }
}
