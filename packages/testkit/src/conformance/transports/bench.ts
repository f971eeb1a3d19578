import { randomUUID } from "node:crypto";
import type { MessageForm } from "@holdfast/core/server";
import type { Draft, PublishResult } from "@holdfast/protocol";
import { FaultProxy } from "../../fault-proxy/fault-proxy.ts";
import type { Hearer, Lane, TransportName } from "./lane.ts";
import { Press } from "./press.ts";
import { Transcript } from "./transcript.ts";

/** A node with the namespaces that the suite needs: see `namespaces`. */
export interface NodeUnderTest {
  readonly url: string;
  stop(): Promise<void>;
  /** Bytes written for clients that have not left the process. */
  unsentBytes(): number | Promise<number>;
  /** Connections and held answers of the session protocol, and streams. */
  sessions(): number | Promise<number>;
  /** While true the node hears nothing of what is appended to its log, and is never told what it missed. */
  deafen(isDeaf: boolean): void;
}

/** How the channels of the suite are kept. Names without a ":" are kept as by default. */
export const namespaces = {
  /** Keeps few events. */
  short: { retention: { eventsMax: 10 } },
  /** The newest of each key. */
  latest: { mode: "latest" },
  /** Keeps few events, and a reader may not lag far. */
  hasty: { maxLag: 20 },
} as const;

/** A client of the session protocol, which may use these transports and no others, the first of them best. */
export interface SessionUnderTest {
  read(channel: string, after: string, hearer: Hearer): void;
  publish(channel: string, draft: Draft & { readonly id: string }): Promise<PublishResult>;
  /** The one in use. */
  readonly transport: TransportName | undefined;
  /** Is called whenever that changes. */
  onTransport(listener: () => void): void;
  close(): void;
}

/** What the suite is tried on. */
export interface TransportsUnderTest {
  /**
   * Starts a node whose channels are kept as `namespaces` says. With `tokens` its clients are who `conformancePrincipal`
   * says, and may do everything.
   */
  start(settings: { readonly heartbeatMs: number; readonly tokens?: boolean }): Promise<NodeUnderTest>;
  /**
   * Its delays are to be short: a backoff that begins with tens of ms, a first byte within a second, a climb after less.
   * Its WebSockets speak this form, its other transports JSON.
   */
  connect(
    url: string,
    transports: readonly TransportName[],
    form: MessageForm,
    token?: () => string,
  ): SessionUnderTest;
}

export interface BenchOptions {
  /** How long anything that must happen may take, in ms; 30,000. */
  readonly deadlineMs?: number;
  /** What the clients' WebSockets speak; JSON. */
  readonly form?: MessageForm;
  /** Titles of rules that are not tried, since nothing about this node can make a difference to them. */
  readonly leaveOut?: RegExp;
}

/** What one rule is tried with: a proxy of its own before the node, and everything that it opened. */
export class Bench {
  readonly node: NodeUnderTest;
  readonly proxy: FaultProxy;
  readonly press: Press;
  /** How long anything that must happen may take. */
  readonly deadlineMs: number;
  readonly #form: MessageForm;
  readonly #open = new Set<() => void>();

  readonly #under: TransportsUnderTest;

  private constructor(
    under: TransportsUnderTest,
    node: NodeUnderTest,
    proxy: FaultProxy,
    { deadlineMs = 30_000, form = "json" }: BenchOptions,
  ) {
    this.#under = under;
    this.node = node;
    this.proxy = proxy;
    this.press = new Press(node.url);
    this.deadlineMs = deadlineMs;
    this.#form = form;
  }

  static async open(
    under: TransportsUnderTest,
    node: NodeUnderTest,
    options: BenchOptions = {},
  ): Promise<Bench> {
    return new Bench(under, node, await FaultProxy.start(node.url), options);
  }

  /** A name that no channel had before. */
  channel(namespace?: keyof typeof namespaces): string {
    return `${namespace === undefined ? "" : `${namespace}:`}${randomUUID()}`;
  }

  /** Reads through the proxy, or past it. */
  read(lane: Lane, channel: string, after: string, { url = this.proxy.url } = {}): Transcript {
    const transcript = this.transcript(lane.name, channel, after);
    const close = lane.read({ url, channel, after }, transcript);
    transcript.close = () => {
      this.#open.delete(close);
      close();
    };
    this.#open.add(close);
    return transcript;
  }

  /** A transcript of a reading that is the rule's own affair. */
  transcript(name: string, channel: string, after: string): Transcript {
    return new Transcript(name, { channel, after }, this.deadlineMs);
  }

  /** A client of the session protocol, closed at the end. */
  connect(
    transports: readonly TransportName[],
    { url = this.proxy.url, token }: { url?: string; token?: () => string } = {},
  ): SessionUnderTest {
    const session = this.#under.connect(url, transports, this.#form, token);
    this.#open.add(() => session.close());
    return session;
  }

  async stop(): Promise<void> {
    for (const close of this.#open) close();
    await this.proxy.stop();
  }
}
