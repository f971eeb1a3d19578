import type { ChannelEvent } from "@holdfast/client";
import type { Outcome, Progress } from "../sources/job.ts";
import { ask } from "./ask.ts";
import { listening } from "./connections.ts";
import { find } from "./find.ts";
import { formatBytes, formatCount, formatDuration } from "./format.ts";
import { follow } from "./visitor/following.ts";

const openedAt = Date.now();

/** Starts a job on the server, and follows the one that the address names. */
export function startJob(): void {
  const view = new JobView();
  const followed = new URLSearchParams(location.search).get("job") ?? "";
  if (/^[\w-]{36}$/.test(followed)) view.follow(followed);
}

class JobView {
  readonly #start = find("#job-start", HTMLButtonElement);
  readonly #reload = find("#job-reload", HTMLButtonElement);
  readonly #status = find("#job-status", HTMLElement);
  readonly #error = find("#job-error", HTMLElement);
  readonly #bar = find("#job-bar", HTMLElement);
  #first: { readonly at: number; readonly files: number } | undefined;
  #replayed = 0;

  constructor() {
    this.#start.addEventListener("click", () => void this.#begin());
    this.#reload.addEventListener("click", () => location.reload());
  }

  async #begin(): Promise<void> {
    this.#start.disabled = true;
    this.#error.textContent = "";
    try {
      const { id } = (await ask("/demo/jobs", {})) as { id: string };
      // The address carries the job over a reload.
      history.replaceState(null, "", `?job=${encodeURIComponent(id)}#job`);
      this.follow(id);
    } catch (error) {
      this.#fail(error);
    }
  }

  follow(id: string): void {
    this.#first = undefined;
    this.#replayed = 0;
    this.#status.textContent = "Nothing was heard of this job yet.";
    this.#read(id).catch((error: unknown) => this.#fail(error));
  }

  async #read(id: string): Promise<void> {
    // #region read
    const job = follow(listening, `job:${id}`, {
      after: "oldest",
      onGap: ({ reason }) => this.#missed(reason),
    });
    for await (const event of job) this.#show(event);
    // The channel was closed, and has been read to its end.
    this.#ended();
    // #endregion
  }

  /** A log of another epoch is that of a server that has started since, and knows nothing of this job. */
  #missed(reason: string): void {
    if (reason === "epoch")
      this.#fail(new Error("The server was started anew, and the job with it is gone."));
  }

  #show({ type, data, at }: ChannelEvent): void {
    if (at < openedAt) this.#text("#job-replayed", formatCount(++this.#replayed));
    if (type === "progress") this.#showProgress(data as Progress, at);
    else if (type === "done") this.#showOutcome(data as Outcome);
    else if (type === "failed") this.#fail(new Error((data as { reason: string }).reason));
  }

  #began(): void {
    this.#start.disabled = true;
    this.#reload.disabled = false;
    this.#status.textContent = "Running";
  }

  #showProgress({ files, total, bytes, path }: Progress, at: number): void {
    if (this.#first === undefined) this.#began();
    this.#first ??= { at, files };
    const seconds = (at - this.#first.at) / 1000;
    const speed = seconds > 0 ? (files - this.#first.files) / seconds : 0;
    const part = total === 0 ? 1 : files / total;
    this.#bar.setAttribute("aria-valuenow", String(Math.round(part * 100)));
    find("span", HTMLElement, this.#bar).style.transform = `scaleX(${part})`;
    this.#text("#job-files", `${formatCount(files)} of ${formatCount(total)}`);
    this.#text("#job-bytes", formatBytes(bytes));
    this.#text("#job-speed", `${formatCount(speed)} files/s`);
    this.#text("#job-path", path);
  }

  #showOutcome({ digest, files, ms }: Outcome): void {
    this.#status.textContent = `${formatCount(files)} files in ${formatDuration(ms)}`;
    this.#text("#job-path", `SHA-256 of all: ${digest}`);
  }

  #ended(): void {
    this.#start.disabled = false;
    this.#reload.disabled = true;
  }

  #fail(error: unknown): void {
    this.#status.textContent = "Failed";
    this.#error.textContent = error instanceof Error ? error.message : String(error);
    this.#start.disabled = false;
    this.#reload.disabled = true;
  }

  #text(selector: string, text: string): void {
    find(selector, HTMLElement).textContent = text;
  }
}
