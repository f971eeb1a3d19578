import type { Holdfast } from "@holdfast/server";
import { isTransport } from "./faults.ts";
import { Line } from "./line.ts";

/** A node with a faulty line before it. */
export class Lane {
  readonly id: string;
  readonly line: Line;
  readonly #create: () => Holdfast;
  #node: Holdfast;
  #url: string;
  #restarting: Promise<void> | undefined;

  private constructor(id: string, create: () => Holdfast, node: Holdfast, url: string, line: Line) {
    this.id = id;
    this.line = line;
    this.#create = create;
    this.#node = node;
    this.#url = url;
  }

  /** Takes `port` for its line when that is free, and any other otherwise. */
  static async open(id: string, create: () => Holdfast, port: number): Promise<Lane> {
    const node = create();
    const { url } = await node.listen({ port: 0 });
    const line: Line = await Line.open(() => lane.#url, port, isTransport(id) ? id : undefined);
    const lane: Lane = new Lane(id, create, node, url, line);
    return lane;
  }

  /** Stops the node as a deployment would, and starts another one that knows nothing of it but the log. */
  async restart(): Promise<void> {
    this.#restarting ??= this.#restart().finally(() => {
      this.#restarting = undefined;
    });
    await this.#restarting;
  }

  async #restart(): Promise<void> {
    // #region restart
    await this.#node.close({ spreadMs: 1000, deadlineMs: 300 });
    this.#node = this.#create();
    this.#url = (await this.#node.listen({ port: 0 })).url;
    // #endregion
  }

  async close(): Promise<void> {
    await this.#restarting;
    await this.line.close();
    await this.#node.close({ deadlineMs: 0 });
  }
}
