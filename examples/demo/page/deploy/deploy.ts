import type { PoolReport } from "../../fleet/pool.ts";
import { ask } from "../ask.ts";
import { listening } from "../connections.ts";
import { find } from "../find.ts";
import { formatCount, formatDuration } from "../format.ts";
import { follow } from "../visitor/following.ts";
import { NodeRow } from "./node-row.ts";
import { type Count, Readers } from "./readers.ts";

const figuresEveryMs = 200;

/** What this page is about: `joining` until its readers are there, `arriving` until they have what was published meanwhile. */
type Phase = "idle" | "joining" | "deploying" | "arriving";

/** Shows the nodes behind this page's address, and puts others in their place. */
export async function startDeploy(): Promise<void> {
  const view = new DeployView();
  const boards = follow<PoolReport>(listening, "deploy:board", { last: 1, onGap: () => {} });
  for await (const { data } of boards) view.show(data);
}

class DeployView {
  readonly #button = find("#deploy-start", HTMLButtonElement);
  readonly #status = find("#deploy-status", HTMLElement);
  readonly #nodes = find("#deploy-nodes", HTMLElement);
  readonly #error = find("#deploy-error", HTMLElement);
  readonly #verdict = find("#deploy-verdict", HTMLElement);
  readonly #rows = new Map<number, NodeRow>();
  readonly #readers = new Readers();
  #phase: Phase = "idle";
  #report: PoolReport = { version: 1, deploying: false, nodes: [] };

  constructor() {
    this.#button.addEventListener("click", () => void this.#press());
  }

  async #press(): Promise<void> {
    this.#error.textContent = "";
    this.#verdict.textContent = "";
    this.#verdict.dataset.before = "They count what they see.";
    delete this.#verdict.dataset.verdict;
    const timer = setInterval(() => this.#showCount(this.#readers.count), figuresEveryMs);
    try {
      await this.#deploy();
    } catch (error) {
      this.#error.textContent = error instanceof Error ? error.message : String(error);
    }
    clearInterval(timer);
    this.#enter("idle");
  }

  async #deploy(): Promise<void> {
    this.#enter("joining");
    await this.#readers.join();
    this.#enter("deploying");
    await ask("/demo/deploy", {});
    this.#enter("arriving");
    await this.#readers.caughtUp();
    this.#judge(this.#readers.count);
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#showStatus();
  }

  #judge(count: Count): void {
    this.#showCount(count);
    const { moved, seen, lost, repeated } = count;
    const isKept = lost === 0 && repeated === 0;
    this.#verdict.dataset.verdict = isKept ? "kept" : "broken";
    this.#verdict.textContent = isKept
      ? `${moved} readers moved. ${formatCount(seen)} events, none lost, none repeated.`
      : `A promise is broken: ${formatCount(lost)} events lost, ${formatCount(repeated)} repeated.`;
  }

  show(report: PoolReport): void {
    this.#report = report;
    const numbers = new Set(report.nodes.map(({ number }) => number));
    for (const [number, row] of this.#rows) {
      if (numbers.has(number)) continue;
      row.element.remove();
      this.#rows.delete(number);
    }
    for (const node of report.nodes) this.#row(node.number).show(node);
    this.#showStatus();
  }

  #row(number: number): NodeRow {
    const known = this.#rows.get(number);
    if (known !== undefined) return known;
    const row = new NodeRow(number);
    this.#rows.set(number, row);
    this.#nodes.append(row.element);
    return row;
  }

  #showStatus(): void {
    const { version, deploying } = this.#report;
    this.#button.disabled = deploying || this.#phase !== "idle";
    this.#button.textContent = `Deploy version ${deploying ? version : version + 1}`;
    this.#status.textContent = this.#words;
  }

  get #words(): string {
    const { version, deploying } = this.#report;
    if (deploying) return `Version ${version} goes out, node by node.`;
    if (this.#phase === "joining") return "Readers join, so that there is somebody to move.";
    return `Version ${version} serves.`;
  }

  #showCount({ readers, moved, seen, lost, repeated, latestMs }: Count): void {
    const show = (id: string, text: string) => {
      find(`#deploy-${id}`, HTMLElement).textContent = text;
    };
    show("moved", `${moved} of ${readers}`);
    show("seen", formatCount(seen));
    show("wrong", `${formatCount(lost)}, ${formatCount(repeated)}`);
    show("latest", formatDuration(latestMs));
  }
}
