import {
  type Draft,
  decodeUtf8,
  defaultLimits,
  type Limits,
  type ServerMessage,
  type Start,
  type Subscription,
} from "@holdfast/protocol";
import type { Broker } from "../broker/port.ts";
import type { Batch, Framing } from "./batch.ts";
import { Dialogue } from "./dialogue.ts";
import { framings } from "./framings.ts";
import { Hubs } from "./hubs.ts";
import { type Gate, openGate, type Principal } from "./principal.ts";
import { ScriptedBroker } from "./scripted-broker.test-support.ts";
import { Session } from "./session.ts";
import { defaultNamespace, type NamespaceSettings } from "./settings.ts";
import type { Farewell, Retracted, Sink } from "./sink.ts";
import { StreamCheck } from "./stream-check.test-support.ts";

export class VirtualClock {
  time = 1_790_000_000_000;

  now(): number {
    return this.time;
  }
}

/** An event whose payload is a number. */
export function numbered(value: number, key?: string): Draft {
  const payload = { encoding: "json", text: String(value) } as const;
  return key === undefined ? { payload } : { payload, key };
}

/** `count` events whose payloads count on from `first`. */
export function numbers(count: number, first = 1): Draft[] {
  return Array.from({ length: count }, (_, index) => numbered(first + index));
}

/** Writes the bare JSON of each message, and counts how often it had to encode a batch. */
export class CountingFraming implements Framing {
  readonly slot: number;
  encodings = 0;

  constructor(slot = framings.sessionText.slot) {
    this.slot = slot;
  }

  events(batch: Batch): ReturnType<Framing["events"]> {
    this.encodings++;
    return framings.sessionText.events(batch);
  }

  control(message: Parameters<Framing["control"]>[0]): ReturnType<Framing["control"]> {
    return framings.sessionText.control(message);
  }
}

/** A sink that remembers what it was given, and is full when the test says so. */
export class RecordingSink implements Sink {
  readonly messages: ServerMessage[] = [];
  readonly writes: Uint8Array[] = [];
  /** What was written after it had said that it is full. */
  readonly excess: ServerMessage[] = [];
  farewell: Farewell | undefined;
  isPaused = false;
  /** Writes that it takes until it is full, that one included. */
  room = Number.POSITIVE_INFINITY;
  /** Called for each message, while it is being written. */
  onWrite: (message: ServerMessage) => void = () => {};

  get isFull(): boolean {
    return this.room <= 0;
  }

  write(bytes: Uint8Array): boolean {
    if (this.farewell !== undefined) throw new Error("Written to after it was closed.");
    const message = JSON.parse(decodeUtf8(bytes)) as ServerMessage;
    if (this.isFull) this.excess.push(message);
    this.messages.push(message);
    this.writes.push(bytes);
    this.room--;
    this.onWrite(message);
    return !this.isFull;
  }

  /** What becomes of what was written, when it is taken back. */
  retracts: Retracted = "nothing";

  retract(): Retracted {
    return this.retracts;
  }

  close(farewell: Farewell): void {
    if (this.farewell !== undefined) throw new Error("Closed twice.");
    this.farewell = farewell;
  }

  /** How often it was told that its session is over. */
  closes = 0;
  onClose = () => {};

  over(): void {
    this.closes++;
    this.onClose();
  }

  pauseInput(paused: boolean): void {
    if (paused === this.isPaused) throw new Error("Told what it knows.");
    this.isPaused = paused;
  }

  /** What was said of one type. */
  of<T extends ServerMessage["type"]>(type: T): Extract<ServerMessage, { type: T }>[] {
    return this.messages.filter(
      (message): message is Extract<ServerMessage, { type: T }> => message.type === type,
    );
  }
}

export interface ClientOptions {
  readonly gate?: Gate;
  readonly principal?: Principal;
  readonly framing?: Framing;
  readonly hears?: boolean;
  readonly renews?: boolean;
  readonly token?: string;
  readonly address?: string;
  readonly moves?: boolean;
  readonly ageMsMax?: number;
  /** Speaks the session protocol, beginning with `hello`. */
  readonly greets?: boolean;
}

/** A connection of the world: its session, what speaks for it, and what it was told. */
export class Client {
  readonly sink = new RecordingSink();
  readonly session: Session;
  readonly dialogue: Dialogue;
  /** Whose deadlines count. */
  readonly timed: Session | Dialogue;
  readonly #world: World;
  readonly #checks = new Map<string, StreamCheck>();
  #checked = 0;

  constructor(world: World, id: string, options: ClientOptions) {
    this.#world = world;
    const { hubs, limits, clock } = world;
    const { gate = openGate, principal = {}, framing = framings.sessionText, hears = true } = options;
    const { token, address, moves = false, renews = false, ageMsMax } = options;
    const { sink } = this;
    this.session = new Session({
      id,
      hubs,
      sink,
      framing,
      gate,
      limits,
      clock,
      address,
      principal,
      hears,
      moves,
      renews,
      ageMsMax,
    });
    this.dialogue = new Dialogue({
      session: this.session,
      gate,
      limits,
      clock,
      ...(token === undefined ? {} : { token }),
    });
    this.timed = options.greets === true ? this.dialogue : this.session;
  }

  get messages(): readonly ServerMessage[] {
    return this.sink.messages;
  }

  /** One word for each message: its type, and for what moves a position the cursors or offsets. */
  get told(): string[] {
    return this.messages.map(brief);
  }

  say(message: unknown): void {
    this.dialogue.receive(typeof message === "string" ? message : JSON.stringify(message));
  }

  subscribe(
    channel: string,
    start: Start = { after: "latest" },
    more: Partial<Subscription> = {},
  ): Promise<void> {
    return this.session.subscribe({ channel, start, signals: false, presence: false, ...more });
  }

  /** The sink has room again. */
  drain(room = Number.POSITIVE_INFINITY): void {
    this.sink.room = room;
    this.session.drained();
  }

  /** Checks what was told since the last time against the log. Rules ORD-1, DUP-1, GAP-1, MODE-1, MODE-2, END-1, SUB-5, BEAT-2. */
  check(channel: string): StreamCheck {
    for (const message of this.messages.slice(this.#checked)) {
      if ("channel" in message && message.channel !== undefined) this.#checkOf(message.channel);
      for (const [name, check] of this.#checks) check.hear(message, this.#world.log(name).history);
    }
    this.#checked = this.messages.length;
    return this.#checkOf(channel);
  }

  #checkOf(channel: string): StreamCheck {
    let check = this.#checks.get(channel);
    if (check === undefined) {
      check = new StreamCheck(channel, this.#world.namespace.mode);
      this.#checks.set(channel, check);
    }
    return check;
  }
}

function brief(message: ServerMessage): string {
  switch (message.type) {
    case "subscribed":
      return `subscribed ${message.cursor}`;
    case "events":
      return `events ${message.from} ${message.to}`;
    case "gap":
      return `gap ${message.from} ${message.to} ${message.reason}`;
    case "end":
      return `end ${message.cursor}`;
    case "error":
      return `error ${message.code}`;
    default:
      return message.type;
  }
}

export interface WorldOptions {
  readonly limits?: Partial<Limits>;
  readonly namespace?: Partial<NamespaceSettings>;
  readonly broker?: Broker;
}

/** One node with virtual time, whose log and connections are in the hands of the test. */
export class World {
  readonly clock = new VirtualClock();
  readonly broker = new ScriptedBroker();
  readonly limits: Limits;
  readonly namespace: NamespaceSettings;
  readonly hubs: Hubs;
  readonly clients: Client[] = [];
  /** What was reported as a fault. */
  readonly faults: unknown[] = [];
  /** The limits that were the reason to refuse something. */
  readonly refusals: string[] = [];
  #scheduled = false;

  constructor(options: WorldOptions = {}) {
    this.limits = { ...defaultLimits, ...options.limits };
    this.namespace = { ...defaultNamespace, ...options.namespace };
    this.hubs = new Hubs({
      broker: options.broker ?? this.broker,
      clock: this.clock,
      limits: this.limits,
      settings: () => this.namespace,
      schedule: () => {
        if (this.#scheduled) throw new Error("Scheduled twice.");
        this.#scheduled = true;
      },
      onError: (error) => this.faults.push(error),
      onRefusal: (limit) => this.refusals.push(limit),
    });
  }

  log(channel = "a"): ReturnType<ScriptedBroker["log"]> {
    return this.broker.log(channel);
  }

  client(options: ClientOptions = {}): Client {
    const client = new Client(this, `session-${this.clients.length}`, options);
    this.clients.push(client);
    return client;
  }

  /** A client that reads one channel. */
  async reader(
    start: Start = { after: "latest" },
    channel = "a",
    options: ClientOptions = {},
  ): Promise<Client> {
    const client = this.client(options);
    void client.subscribe(channel, start);
    await this.settle();
    return client;
  }

  get isScheduled(): boolean {
    return this.#scheduled;
  }

  /** Ends the tick, if anything asked for that. */
  flush(isBusy = false): void {
    if (!this.#scheduled) return;
    this.#scheduled = false;
    this.hubs.flush(isBusy);
  }

  /** Lets promises settle; the tick goes on. */
  async wait(): Promise<void> {
    // More turns than any chain of promises between two calls of the broker is long.
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
  }

  /** Lets everything happen that waits for nothing but its turn. */
  async settle(): Promise<void> {
    let calls: number;
    do {
      calls = this.broker.calls.length;
      this.flush();
      await this.wait();
    } while (this.#scheduled || calls < this.broker.calls.length);
  }

  /** Lets time pass, stopping at every deadline on the way. */
  async pass(ms: number): Promise<void> {
    const until = this.clock.time + ms;
    await this.settle();
    for (;;) {
      const timed = [this.hubs, ...this.clients.map((client) => client.timed)];
      const next = Math.min(...timed.map(({ deadline }) => deadline));
      if (next > until) break;
      const { time } = this.clock;
      this.clock.time = Math.max(time, next);
      for (const one of timed) if (one.deadline <= this.clock.time) one.tick(this.clock.time);
      await this.settle();
      const overdue = timed.find(({ deadline }) => deadline <= time);
      if (overdue !== undefined) throw new Error("A deadline that has passed does not go away.");
    }
    this.clock.time = until;
  }
}
