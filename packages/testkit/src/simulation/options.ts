import type { Transport } from "@holdfast/core/client";
import { transports } from "@holdfast/core/client";
import type { MessageForm, Mode } from "@holdfast/core/server";
import { Random } from "./random.ts";

/** What may happen in a step of the plan, each with its weight; a weight of 0 leaves it out of this world. */
export interface Weights {
  readonly publish: number;
  readonly subscribe: number;
  readonly unsubscribe: number;
  /** The application stops taking events, or goes on. */
  readonly pause: number;
  /** A channel ends. */
  readonly close: number;
  /** A connection dies; either side may be told, or both, or none. */
  readonly cut: number;
  /** Nothing arrives in one direction for a while. */
  readonly stall: number;
  /** A reader takes few bytes for a while. */
  readonly slow: number;
  /** A node dies, and another comes in its place. */
  readonly crash: number;
  /** A node sends its clients away before it ends. */
  readonly drain: number;
  /** A node cannot reach the log, or gets no answers. */
  readonly partition: number;
  /** All logs are lost. */
  readonly loseLog: number;
  /** A node hears nothing of what is appended, and is not told so. */
  readonly deafen: number;
  /** Something on the way lets a transport through no more. */
  readonly block: number;
  /** A device loses its network. */
  readonly offline: number;
  /** A machine sleeps: its clock jumps. */
  readonly sleep: number;
  /** Answers to appends are lost, the appends are not. */
  readonly loseAnswers: number;
  /** The tokens of a user are taken back. */
  readonly revoke: number;
  /** A user may read a channel, or may not any more. */
  readonly permit: number;
  /** An application is given no new token. */
  readonly starve: number;
}

/** One world: how large it is, how tight its limits are, and what goes wrong in it. */
export interface WorldOptions {
  readonly seed: number;
  readonly steps: number;
  /** Time between two steps is drawn up to this. */
  readonly stepMsMax: number;
  readonly nodes: number;
  readonly clients: readonly ClientShape[];
  readonly channels: number;
  readonly mode: Mode;
  readonly maxLag: number;
  readonly payloadBytesMax: number;
  readonly retainedEventsMax: number;
  readonly retainedMsMax: number;
  readonly stride: number;
  readonly tailEventsMax: number;
  readonly pageEventsMax: number;
  readonly sinkBytesMax: number;
  readonly heartbeatMs: number;
  /** 0 never closes a stalled connection. */
  readonly stalledMsMax: number;
  /** Of one way between a client and a node, and between a node and the log. */
  readonly delayMsMax: number;
  readonly logDelayMsMax: number;
  readonly untidyNotices: number;
  readonly lateDelivery: number;
  /** The probability that events or a gap vanish on their way to a client's core: by a defect, since no network does that. */
  readonly messageLoss: number;
  readonly bufferedEventsMax: number;
  readonly thinkMsMax: number;
  /** Undefined: nobody needs a token. */
  readonly tokenLifeMs: number | undefined;
  readonly expiryGraceMs: number;
  readonly weights: Weights;
}

export interface ClientShape {
  readonly transports: readonly Transport[];
  readonly toleranceMs: number;
  /** What its WebSockets speak; JSON unless given. */
  readonly form?: MessageForm;
}

/** In every world something is published and read; what goes wrong differs. */
const everyday = { publish: 40, subscribe: 10, unsubscribe: 4, pause: 4 };

/** Where clients have tokens. */
const tokenFaults = { revoke: 3, permit: 4, starve: 3 };

const faults: Readonly<
  Record<Exclude<keyof Weights, keyof typeof everyday | keyof typeof tokenFaults>, number>
> = {
  close: 0.5,
  cut: 8,
  stall: 5,
  slow: 4,
  crash: 2,
  drain: 2,
  partition: 3,
  loseLog: 0.7,
  deafen: 3,
  block: 3,
  offline: 3,
  sleep: 2,
  loseAnswers: 3,
};

/** Draws a world. Each knows few faults, so that some know none and some know one alone. */
export function drawWorld(seed: number, overrides: Partial<WorldOptions> = {}): WorldOptions {
  const random = new Random(seed);
  const present = random.next();
  const weights = Object.fromEntries(
    Object.entries(faults).map(([fault, weight]) => [fault, random.chance(present) ? weight : 0]),
  );
  // Apart from the rest, which every known seed counts on.
  const forms = new Random(seed ^ 0x2c1b3c6d);
  const tokens = new Random(seed ^ 0x71d67fff);
  const isStrict = random.chance(0.75);
  const world: WorldOptions = {
    seed,
    steps: random.between(40, 120),
    stepMsMax: random.pick([50, 300, 1000]),
    nodes: random.between(1, 2),
    clients: Array.from({ length: random.between(1, 3) }, () => drawClient(random, forms)),
    channels: random.between(1, 3),
    mode: isStrict ? "every" : "latest",
    maxLag: isStrict && random.chance(0.2) ? random.between(5, 30) : 0,
    payloadBytesMax: random.pick([1, 100, 2000]),
    retainedEventsMax: random.pick([5, 20, 1000]),
    retainedMsMax: random.pick([3000, 20_000, 3_600_000]),
    stride: random.pick([1, 1, 3]),
    tailEventsMax: random.pick([1, 4, 16, 100]),
    pageEventsMax: random.pick([1, 3, 8, 50]),
    sinkBytesMax: random.pick([300, 2000, 64_000]),
    heartbeatMs: random.pick([1000, 2500, 5000]),
    stalledMsMax: random.pick([0, 8000]),
    delayMsMax: random.pick([2, 20, 150]),
    logDelayMsMax: random.pick([0, 2, 50]),
    untidyNotices: random.pick([0, 0, 0.1]),
    lateDelivery: random.pick([0, 0.5]),
    messageLoss: random.pick([0, 0, 0, 0.05]),
    bufferedEventsMax: random.pick([2, 10, 1000]),
    thinkMsMax: random.pick([0, 20, 500]),
    tokenLifeMs: random.chance(0.25) ? random.between(32_000, 60_000) : undefined,
    expiryGraceMs: 0,
    weights: { ...everyday, revoke: 0, permit: 0, starve: 0, ...weights } as Weights,
  };
  return { ...world, ...drawTokens(world, tokens), ...overrides };
}

/** What tokens there are, and what becomes of them: of short ones many end in a world. */
function drawTokens({ tokenLifeMs, weights }: WorldOptions, random: Random): Partial<WorldOptions> {
  const present = random.next();
  const lifeMs = random.chance(0.6) ? random.between(6000, 20_000) : tokenLifeMs;
  if (tokenLifeMs === undefined || lifeMs === undefined) return {};
  const drawn = Object.entries(tokenFaults).map(([fault, weight]) => [
    fault,
    random.chance(present) ? weight : 0,
  ]);
  return {
    tokenLifeMs: lifeMs,
    expiryGraceMs: random.pick([0, 0, 3000]),
    weights: { ...weights, ...(Object.fromEntries(drawn) as typeof tokenFaults) },
  };
}

function drawClient(random: Random, forms: Random): ClientShape {
  const chosen = transports.filter(() => random.chance(0.5));
  const rungs = chosen.length === 0 ? [random.pick(transports)] : chosen;
  if (random.chance(0.3)) rungs.reverse();
  return {
    transports: rungs,
    toleranceMs: random.pick([50, 500, 2000]),
    form: forms.pick(["json", "msgpack"]),
  };
}
