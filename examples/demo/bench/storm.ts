import { type Faults, sound, transports } from "./faults.ts";
import type { Lane } from "./lane.ts";

const lastsMs = 20_000;
/** A new fault somewhere about this often, and each lasts about this long. */
const everyMs = 700;
const faultMs = 1600;

interface StormHost {
  restart(lane: Lane): Promise<void>;
  /** The faults of a lane are others now, or the storm is over. */
  changed(): void;
}

/** Random faults on random lanes, for a while. */
export class Storm {
  readonly #lanes: readonly Lane[];
  readonly #host: StormHost;
  /** Lanes that this storm has broken. */
  readonly #struck = new Set<Lane>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #endsAt: number | undefined;

  constructor(lanes: readonly Lane[], host: StormHost) {
    this.#lanes = lanes;
    this.#host = host;
  }

  get isOn(): boolean {
    return this.#endsAt !== undefined;
  }

  /** Begins, or begins anew. */
  start(): void {
    const isNew = !this.isOn;
    this.#endsAt = performance.now() + lastsMs;
    if (isNew) this.#strike();
    this.#host.changed();
  }

  /** Ends at once, and mends what it broke. */
  end(): void {
    if (!this.isOn) return;
    this.#endsAt = undefined;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const { line } of this.#struck) line.faults = sound;
    this.#struck.clear();
    this.#host.changed();
  }

  #strike(): void {
    if (this.#endsAt === undefined || performance.now() >= this.#endsAt) {
      this.end();
      return;
    }
    const lane = pick(this.#lanes);
    if (Math.random() < 0.2) {
      this.#host.restart(lane).catch((error: unknown) => console.error("A node did not restart:", error));
    } else if (lane.line.faults === sound) {
      this.#strikeLine(lane);
    }
    this.#after(everyMs * (0.5 + Math.random()), () => this.#strike());
  }

  #strikeLine(lane: Lane): void {
    lane.line.faults = draw(lane.id);
    this.#struck.add(lane);
    this.#host.changed();
    this.#after(faultMs * (0.4 + Math.random()), () => {
      lane.line.faults = sound;
      this.#struck.delete(lane);
      this.#host.changed();
    });
  }

  #after(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }
}

function draw(laneId: string): Faults {
  const own = transports.find((transport) => transport === laneId) ?? pick(transports);
  return pick([
    { ...sound, cut: true },
    { ...sound, slow: true },
    { ...sound, blocked: [own] },
  ]);
}

function pick<T>(choices: readonly T[]): T {
  return choices[Math.floor(Math.random() * choices.length)] as T;
}
