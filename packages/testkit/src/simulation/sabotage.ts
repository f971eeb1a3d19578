import type { AppendResult } from "@holdfast/core/broker";
import type { Effect } from "@holdfast/core/client";
import type { Hello } from "@holdfast/protocol";
import type { Promised } from "../history/violation.ts";
import type { Down } from "./line.ts";
import type { Engine } from "./log-engine.ts";
import { drawWorld, type Weights, type WorldOptions } from "./options.ts";
import type { Sabotage } from "./world.ts";

/** A way to break a promise, and how it must come to light. */
export interface KnownSabotage {
  readonly title: string;
  readonly promises: readonly Promised[];
  /** Made anew for each world. */
  make(): Sabotage;
  /** Worlds in which it can be noticed. */
  readonly options?: Partial<WorldOptions>;
}

type Events = Extract<Effect, { type: "events" }>;

/** Tampers with every so many-th batch that a client's core gives to its application. */
function everyBatch(nth: number, minimum: number, tamper: (effect: Events) => readonly Effect[]): Sabotage {
  let batches = 0;
  return {
    effect(effect) {
      if (effect.type !== "events" || effect.events.length < minimum) return [effect];
      return ++batches % nth === 0 ? tamper(effect) : [effect];
    },
  };
}

/** An engine of which some calls are answered otherwise. */
function withEngine(tamper: (engine: Engine) => Partial<Engine>): Sabotage {
  return {
    engine: (engine) => ({
      append: (...args) => engine.append(...args),
      read: (...args) => engine.read(...args),
      before: (...args) => engine.before(...args),
      range: (...args) => engine.range(...args),
      state: (...args) => engine.state(...args),
      close: (...args) => engine.close(...args),
      follow: (...args) => engine.follow(...args),
      lose: () => engine.lose(),
      ...tamper(engine),
    }),
  };
}

/** Says that events were appended, where nothing was. */
async function pretend(engine: Engine, channel: string, count: number): Promise<AppendResult> {
  const { epoch, head } = await engine.range(channel);
  const results = Array.from({ length: count }, (_, index) => ({
    cursor: { epoch, offset: head + index + 1 },
    at: 0,
    duplicate: false,
  }));
  return { results };
}

/** Holds a piece back that `isHeld` picks until the piece after it has been delivered. */
function lateDown(isHeld: (text: string) => boolean): Sabotage {
  const held = new Map<(item: Down) => void, Down>();
  return {
    down(item, deliver) {
      const before = held.get(deliver);
      held.delete(deliver);
      if (before === undefined && item.is === "bytes" && isHeld(Buffer.from(item.bytes).toString("latin1"))) {
        held.set(deliver, item);
        return;
      }
      deliver(item);
      if (before !== undefined) deliver(before);
    },
  };
}

/** Worlds in which all is well but what becomes of tokens. */
function onlyTokens(faults: Partial<Weights>): Weights {
  const { weights } = drawWorld(0);
  const none = Object.fromEntries(Object.keys(weights).map((name) => [name, 0])) as unknown as Weights;
  return { ...none, publish: 40, subscribe: 10, ...faults };
}

/** The checker's own proof: each of these must be caught. */
export const sabotages: readonly KnownSabotage[] = [
  {
    title: "[GAP] an event left out of a batch",
    promises: ["GAP"],
    make: () => everyBatch(5, 1, (effect) => [{ ...effect, events: effect.events.slice(1) }]),
    options: { mode: "every" },
  },
  {
    title: "[GAP] a gap that the application is not told",
    promises: ["GAP"],
    make: () => ({ effect: (effect) => (effect.type === "gap" ? [] : [effect]) }),
  },
  {
    title: "[DUP] a batch given twice",
    promises: ["DUP"],
    make: () => everyBatch(5, 1, (effect) => [effect, effect]),
  },
  {
    title: "[ORD] two events of a batch in each other's place",
    promises: ["ORD"],
    make: () => everyBatch(1, 2, (effect) => [{ ...effect, events: effect.events.toReversed() }]),
  },
  {
    title: "[ORD] an event whose payload is another's",
    promises: ["ORD"],
    make: () =>
      everyBatch(3, 2, (effect) => {
        const data = effect.events[0]?.data;
        return [{ ...effect, events: effect.events.map((event) => ({ ...event, data })) }];
      }),
  },
  {
    title: "[ACK] an acknowledgement of what was never appended",
    promises: ["ACK"],
    make: () => {
      let appends = 0;
      return withEngine((engine) => ({
        append: (channel, drafts, ifMatch) =>
          ++appends % 5 === 0
            ? pretend(engine, channel, drafts.length)
            : engine.append(channel, drafts, ifMatch),
      }));
    },
  },
  {
    title: "[ACK] a retry that is appended again",
    promises: ["ACK"],
    make: () => ({ isForgetful: true }),
  },
  {
    title: "[ACK] a batch that is appended in another order",
    promises: ["ACK"],
    make: () =>
      withEngine((engine) => ({
        async append(channel, drafts, ifMatch) {
          const { results } = await engine.append(channel, drafts.toReversed(), ifMatch);
          return { results: results.toReversed() };
        },
      })),
  },
  {
    title: "[GAP] a resume that forgets where it stood",
    promises: ["GAP", "LIVE"],
    make: () => ({
      hello: (hello) =>
        JSON.parse(JSON.stringify(hello).replaceAll(/"after":"[^"]*-[^"]*"/g, '"after":"latest"')) as Hello,
    }),
  },
  {
    title: "[GAP] a cursor of a lost log taken for one of the present log",
    promises: ["GAP"],
    make: () =>
      withEngine((engine) => ({
        async read(channel, after, limits) {
          if (typeof after === "string") return await engine.read(channel, after, limits);
          const { epoch, head } = await engine.range(channel);
          return await engine.read(channel, { epoch, offset: Math.min(after.offset, head) }, limits);
        },
      })),
  },
  {
    title: '[GAP] "subscribed" after the events',
    promises: ["WIRE"],
    make: () => lateDown((text) => /type(":"|.)subscribed/.test(text)),
  },
  {
    title: "[BND] a sink that is never full",
    promises: ["BND"],
    make: () => ({ isInsatiable: true }),
    options: { payloadBytesMax: 2000, sinkBytesMax: 300 },
  },
  {
    title: "[BND] a session that outlives its connection",
    promises: ["BND"],
    make: () => ({
      end: (end) => ({
        receive: (message) => end.receive(message),
        taken: () => end.taken(),
        gone: () => {},
      }),
    }),
  },
  {
    title: "[AUTH] [EXP-3] a node that forgets when tokens end",
    promises: ["AUTH"],
    make: () => ({ forgets: "expiry" }),
    options: { tokenLifeMs: 6000, steps: 120, stepMsMax: 300 },
  },
  {
    title: "[AUTH] a node that goes on with whom it knows to be revoked",
    promises: ["AUTH"],
    make: () => ({ forgets: "revocations" }),
    options: { tokenLifeMs: 60_000, weights: onlyTokens({ revoke: 5 }) },
  },
  {
    title: "[AUTH] a node that lets everybody read on who may not any more",
    promises: ["AUTH"],
    make: () => ({ forgets: "permissions" }),
    options: { tokenLifeMs: 60_000, weights: onlyTokens({ permit: 5 }) },
  },
  {
    title: "[MOVE] [CLI-11] a client that asks for a token once",
    promises: ["LIVE"],
    make: () => {
      let asked = 0;
      return { effect: (effect) => (effect.type === "token" && ++asked > 3 ? [] : [effect]) };
    },
    options: { tokenLifeMs: 6000, steps: 120, stepMsMax: 300 },
  },
  {
    title: "[MOVE] a client that never comes back",
    promises: ["LIVE"],
    make: () => {
      let opened = 0;
      return { effect: (effect) => (effect.type === "open" && ++opened > 6 ? [] : [effect]) };
    },
  },
];
