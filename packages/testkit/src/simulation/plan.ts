import type { Transport } from "@holdfast/core/client";
import type { TokenFault } from "./authority.ts";
import type { Obstacle } from "./line.ts";
import type { Reach } from "./node-broker.ts";
import type { WorldOptions } from "./options.ts";
import { Random } from "./random.ts";

/**
 * One thing that somebody does, or that goes wrong, as data: a plan can be kept, shortened and done again.
 * `which` picks among the lines that are open at that moment.
 */
export type Action =
  | {
      readonly do: "publish";
      readonly client: number;
      readonly channel: number;
      readonly events: number;
      /** That each payload is longer than it need be. */
      readonly bytes: number;
      readonly kind: "json" | "text" | "base64";
      readonly key: number | undefined;
      readonly isConditional: boolean;
    }
  | { readonly do: "subscribe"; readonly client: number; readonly channel: number; readonly start: StartKind }
  | { readonly do: "unsubscribe"; readonly client: number; readonly channel: number }
  | { readonly do: "pause"; readonly client: number; readonly isPaused: boolean }
  | { readonly do: "close"; readonly channel: number }
  | { readonly do: "cut"; readonly which: number; readonly told: "both" | "client" | "server" | "nobody" }
  | { readonly do: "stall"; readonly which: number; readonly way: "up" | "down"; readonly forMs: number }
  | { readonly do: "slow"; readonly which: number; readonly bytesPerMs: number; readonly forMs: number }
  | { readonly do: "crash"; readonly node: number; readonly isSilent: boolean; readonly forMs: number }
  | { readonly do: "drain"; readonly node: number; readonly withinMs: number; readonly forMs: number }
  | { readonly do: "partition"; readonly node: number; readonly reach: Reach; readonly forMs: number }
  | { readonly do: "loseLog"; readonly isTold: boolean }
  | { readonly do: "deafen"; readonly node: number; readonly isTold: boolean; readonly forMs: number }
  | {
      readonly do: "block";
      readonly client: number;
      readonly transport: Transport;
      readonly obstacle: Obstacle;
      readonly forMs: number;
    }
  | { readonly do: "offline"; readonly client: number; readonly isTold: boolean; readonly forMs: number }
  | { readonly do: "sleep"; readonly client: number; readonly forMs: number }
  /** All tokens of the client's user are taken back. */
  | { readonly do: "revoke"; readonly client: number }
  /** The client's user may read the channel, or may not any more. */
  | { readonly do: "permit"; readonly client: number; readonly channel: number; readonly isAllowed: boolean }
  /** The client's application is given no new token. */
  | { readonly do: "starve"; readonly client: number; readonly how: TokenFault; readonly forMs: number };

/** `resume`: where this application stood in the channel when it last read it. */
export type StartKind = "latest" | "oldest" | "resume" | "stale" | number;

export interface Step {
  /** How long after the step before. */
  readonly afterMs: number;
  readonly action: Action;
}

/** Draws what is done in a world, one step after the other. */
export function drawPlan(options: WorldOptions): Step[] {
  // Another sequence than the one that drew the world.
  const random = new Random(options.seed ^ 0x5bd1e995);
  const draw = new Draw(options, random);
  return Array.from({ length: options.steps }, (_, index) => ({
    afterMs: index < 2 ? 0 : random.below(options.stepMsMax),
    // Nothing is learned from a world in which nobody reads.
    action: index < options.clients.length ? draw.subscribe(index) : draw.action(),
  }));
}

class Draw {
  readonly #options: WorldOptions;
  readonly #random: Random;

  constructor(options: WorldOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  subscribe(client: number): Action {
    const random = this.#random;
    const start = random.pick(["latest", "oldest", "resume", "resume", "stale", random.below(10)] as const);
    return { do: "subscribe", client, channel: random.below(this.#options.channels), start };
  }

  action(): Action {
    const { clients, channels, nodes, weights } = this.#options;
    const random = this.#random;
    const client = random.below(clients.length);
    const channel = random.below(channels);
    const node = random.below(nodes);
    const which = random.below(1000);
    const forMs = random.pick([100, 1000, 5000, 15_000]);
    switch (random.weighted(weights)) {
      case "subscribe":
        return this.subscribe(client);
      case "unsubscribe":
        return { do: "unsubscribe", client, channel };
      case "pause":
        return { do: "pause", client, isPaused: random.chance(0.5) };
      case "close":
        return { do: "close", channel };
      case "cut":
        return { do: "cut", which, told: random.pick(["both", "client", "server", "nobody"]) };
      case "stall":
        return { do: "stall", which, way: random.pick(["up", "down", "down"]), forMs };
      case "slow":
        return { do: "slow", which, bytesPerMs: random.pick([0.02, 0.2, 2]), forMs };
      case "crash":
        return { do: "crash", node, isSilent: random.chance(0.3), forMs };
      case "drain":
        return { do: "drain", node, withinMs: random.pick([1, 500, 3000]), forMs };
      case "partition":
        return { do: "partition", node, reach: random.pick(["refused", "hanging"]), forMs };
      case "loseAnswers":
        return { do: "partition", node, reach: "mute", forMs };
      case "loseLog":
        return { do: "loseLog", isTold: random.chance(0.5) };
      case "deafen":
        return { do: "deafen", node, isTold: random.chance(0.3), forMs };
      case "block":
        return this.#block(client, forMs);
      case "offline":
        return { do: "offline", client, isTold: random.chance(0.6), forMs };
      case "sleep":
        return { do: "sleep", client, forMs: random.pick([1000, 6000, 20_000, 90_000]) };
      case "revoke":
        return { do: "revoke", client };
      case "permit":
        return { do: "permit", client, channel, isAllowed: random.chance(0.6) };
      case "starve":
        return { do: "starve", client, how: random.pick(["fails", "hangs", "repeats"]), forMs };
      default:
        return this.#publish(client, channel);
    }
  }

  #publish(client: number, channel: number): Action {
    const random = this.#random;
    return {
      do: "publish",
      client,
      channel,
      events: random.chance(0.8) ? 1 : random.between(2, 12),
      bytes: random.chance(0.7) ? 0 : random.below(this.#options.payloadBytesMax),
      kind: random.pick(["json", "json", "text", "base64"]),
      key: random.chance(0.3) ? undefined : random.below(4),
      isConditional: random.chance(0.05),
    };
  }

  #block(client: number, forMs: number): Action {
    const [transport, obstacle] = this.#random.pick([
      ["websocket", "swallowed"],
      ["websocket", "refused"],
      ["sse", "buffered"],
      ["sse", "refused"],
      ["long-poll", "refused"],
    ] as const);
    return { do: "block", client, transport, obstacle, forMs };
  }
}
