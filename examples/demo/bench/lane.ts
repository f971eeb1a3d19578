import type { Holdfast } from "@holdfast/server";
import { Pool } from "../fleet/pool.ts";
import { isTransport } from "./faults.ts";
import { Line } from "./line.ts";

/** A node with a faulty line before it. */
export class Lane {
  readonly id: string;
  readonly line: Line;
  readonly #pool: Pool;

  private constructor(id: string, pool: Pool, line: Line) {
    this.id = id;
    this.#pool = pool;
    this.line = line;
  }

  /** Takes `port` for its line when that is free, and any other otherwise. */
  static async open(id: string, create: () => Holdfast, port: number): Promise<Lane> {
    const pool = await Pool.open({ size: 1, create, changed() {} });
    const line = await Line.open(pool.pick, port, isTransport(id) ? id : undefined);
    return new Lane(id, pool, line);
  }

  /** Puts another node in the place of its own, as a deploy does. */
  restart(): Promise<void> {
    return this.#pool.deploy();
  }

  async close(): Promise<void> {
    await this.line.close();
    await this.#pool.close();
  }
}
