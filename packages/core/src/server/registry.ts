import { HoldfastError } from "@holdfast/protocol";
import type { Hub } from "./hub.ts";

/** How long a hub that nobody uses stays, in case they come back. */
const lingerMs = 30_000;
/** Beyond this many, those go first that nobody has used for longest. */
const idleHubsMax = 1000;

export interface RegistryHost {
  /** Hubs that may be open at once. */
  readonly hubsMax: number;
  /** Hears that this limit was the reason to refuse something. */
  refused(limit: string): void;
  now(): number;
  /** A hub that begins to follow its log; rejects as the broker does. */
  open(channel: string): Promise<Hub>;
  /** The hub is there no more. */
  dropped(hub: Hub): void;
}

/** A hub that begins to follow its log, and those who wait for it. */
interface Opening {
  readonly hub: Promise<Hub>;
  waiting: number;
}

/** The hubs of a node: opened when first needed, and dropped when nobody has used them for a while. */
export class Registry {
  readonly #host: RegistryHost;
  readonly #hubs = new Map<string, Hub>();
  readonly #openings = new Map<string, Opening>();
  /** Hubs that nobody uses, by when they began to be idle, oldest first. */
  readonly #idle = new Map<Hub, number>();
  #stopped = false;

  constructor(host: RegistryHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#hubs.size;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  get(channel: string): Hub | undefined {
    return this.#hubs.get(channel);
  }

  [Symbol.iterator](): Iterator<Hub> {
    return this.#hubs.values();
  }

  /** The hub of a channel, held until it is released. Rejects as the broker does, or with `draining` or `overloaded`. */
  async acquire(channel: string): Promise<Hub> {
    this.checkRunning();
    const known = this.#hubs.get(channel);
    if (known !== undefined) {
      this.#idle.delete(known);
      known.hold();
      return known;
    }
    const opening = this.#openings.get(channel) ?? this.#openAnother(channel);
    opening.waiting++;
    return await opening.hub;
  }

  #openAnother(channel: string): Opening {
    const { hubsMax, refused } = this.#host;
    if (this.#hubs.size + this.#openings.size >= hubsMax) this.#dropIdlest();
    if (this.#hubs.size + this.#openings.size < hubsMax) return this.#open(channel);
    refused("channelsFollowedMax");
    throw new HoldfastError("overloaded", `This node follows at most ${hubsMax} channels.`, {
      limit: "channelsFollowedMax",
    });
  }

  /** Makes room by the hub that nobody has used for longest, if there is one. */
  #dropIdlest(): void {
    for (const hub of this.#idle.keys()) {
      if (!hub.lobby.isEmpty) continue;
      this.#drop(hub);
      return;
    }
  }

  #open(channel: string): Opening {
    const hub = this.#host.open(channel).then(
      (opened) => this.#opened(opened, opening),
      (error: unknown) => {
        this.#openings.delete(channel);
        throw error;
      },
    );
    const opening: Opening = { hub, waiting: 0 };
    this.#openings.set(channel, opening);
    return opening;
  }

  #opened(hub: Hub, { waiting }: Opening): Hub {
    this.#openings.delete(hub.channel);
    if (this.#stopped) hub.stop();
    this.checkRunning();
    this.#hubs.set(hub.channel, hub);
    // On behalf of those who wait: until each of them goes on, it must not be dropped.
    hub.hold(waiting);
    return hub;
  }

  /** Throws `draining` when the node has stopped. */
  checkRunning(): void {
    if (this.#stopped) throw new HoldfastError("draining", "This node is going away.");
  }

  /** Nobody uses this hub any more. */
  idle(hub: Hub): void {
    this.#idle.delete(hub);
    this.#idle.set(hub, this.#host.now());
    if (this.#idle.size > idleHubsMax) this.dropIdle();
  }

  /** Drops the hubs that nobody has used for long, and those that are too many. */
  dropIdle(): void {
    const now = this.#host.now();
    for (const [hub, since] of this.#idle) {
      if (now - since < lingerMs && this.#idle.size <= idleHubsMax) return;
      // A member in its grace is still here.
      if (hub.lobby.isEmpty) this.#drop(hub);
    }
  }

  #drop(hub: Hub): void {
    this.#idle.delete(hub);
    this.#hubs.delete(hub.channel);
    hub.stop();
    this.#host.dropped(hub);
  }

  stop(): void {
    this.#stopped = true;
    for (const hub of this.#hubs.values()) this.#drop(hub);
  }
}
