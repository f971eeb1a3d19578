import { HoldfastError } from "@holdfast/protocol";
import type { Holdfast } from "@holdfast/server";
import { changeFaults, type Faults, sound } from "./faults.ts";
import { Lane } from "./lane.ts";
import { Storm } from "./storm.ts";
import { Ticker } from "./ticker.ts";

/** The lanes by their names: four that take a single transport, and one that takes any. */
const laneIds = ["websocket", "sse", "long-poll", "poll", "auto"] as const;

/** Events of about a kilobyte, so that a slow line really fills up. */
const ticks = { channel: "bench:ticks", perSecond: 20, ballastBytes: 900 };

/** The positions of all switches, as the channel `bench:board` tells them to every open page. */
export interface Board {
  readonly perSecond: number;
  readonly storm: boolean;
  readonly lanes: Readonly<Record<string, Faults & { readonly restarting: boolean }>>;
  /** Where each lane's line is, on 127.0.0.1. */
  readonly ports: Readonly<Record<string, number>>;
}

/** The proof bench: one ticker, and lanes whose lines visitors may break. */
export class Bench {
  readonly #holdfast: Holdfast;
  readonly #lanes: ReadonlyMap<string, Lane>;
  readonly #ticker: Ticker;
  readonly #storm: Storm;
  readonly #restarting = new Set<Lane>();
  #isClosed = false;

  private constructor(holdfast: Holdfast, lanes: readonly Lane[]) {
    this.#holdfast = holdfast;
    this.#lanes = new Map(lanes.map((lane) => [lane.id, lane]));
    this.#ticker = new Ticker(holdfast, ticks);
    this.#storm = new Storm(lanes, {
      restart: (lane) => this.#restart(lane),
      changed: () => this.#tell(),
    });
    this.#tell();
  }

  /** `createNode` makes a node on the log that `holdfast` publishes to; `port` is that before the lanes' own, or 0. */
  static async open(holdfast: Holdfast, createNode: () => Holdfast, port: number): Promise<Bench> {
    const lanes = laneIds.map((id, index) => Lane.open(id, createNode, port === 0 ? 0 : port + 1 + index));
    return new Bench(holdfast, await Promise.all(lanes));
  }

  /** Where each lane's line is. */
  get ports(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#lanes.values()].map(({ id, line }) => [id, line.port]));
  }

  /** Throws `bad_parameter`, or `not_found` for a lane that there is not. */
  setFaults(laneId: string, change: unknown): void {
    const { line } = this.#lane(laneId);
    line.faults = changeFaults(line.faults, change);
    this.#tell();
  }

  /** Resolves when the lane's new node is there. */
  async restart(laneId: string): Promise<void> {
    await this.#restart(this.#lane(laneId));
  }

  setRate(perSecond: unknown): void {
    this.#ticker.perSecond = perSecond;
    this.#tell();
  }

  shake(): void {
    this.#storm.start();
  }

  mend(): void {
    this.#storm.end();
    for (const { line } of this.#lanes.values()) line.faults = sound;
    this.#tell();
  }

  async close(): Promise<void> {
    this.#storm.end();
    this.#isClosed = true;
    await this.#ticker.stop();
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()));
  }

  #lane(id: string): Lane {
    const lane = this.#lanes.get(id);
    if (lane === undefined) throw new HoldfastError("not_found", `The lanes are ${laneIds.join(", ")}.`);
    return lane;
  }

  async #restart(lane: Lane): Promise<void> {
    this.#restarting.add(lane);
    this.#tell();
    await lane.restart();
    this.#restarting.delete(lane);
    this.#tell();
  }

  #tell(): void {
    // A node that was being replaced is there only now.
    if (this.#isClosed) return;
    const lanes = [...this.#lanes.values()].map((lane) => {
      return [lane.id, { ...lane.line.faults, restarting: this.#restarting.has(lane) }] as const;
    });
    const board: Board = {
      perSecond: this.#ticker.perSecond,
      storm: this.#storm.isOn,
      lanes: Object.fromEntries(lanes),
      ports: this.ports,
    };
    this.#holdfast.publish("bench:board", board).catch((error: unknown) => {
      console.error("The switches could not be published:", error);
    });
  }
}
