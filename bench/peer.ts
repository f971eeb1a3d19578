import type { Dialect } from "./load/dialect.ts";
import type { PublishWay } from "./publish-way.ts";

/** What a scenario needs to know of a peer's server beforehand. */
export interface Setting {
  /** How many channels there will be. With one, whoever connects reads it. */
  readonly channels: number;
  readonly readers: number;
  /** Events that a channel must keep for those who come later; absent: what the peer keeps by itself. */
  readonly history?: number;
}

/** A peer's server, running. */
export interface Served {
  readonly port: number;
  /** The process that is measured, where it is not this one; with its children. */
  readonly pid?: number;
  /** Sends a payload to all who read the channel, as the peer's own documentation would have it done. */
  publish(channel: string, payload: string): Promise<unknown> | undefined;
  /** Bytes that were given to connections and that the system has not taken yet. */
  unsentBytes(): number;
  /** Kills all processes that serve, and resolves when others do; the log outlives them. */
  restart?(): Promise<void>;
  /** How long event loops were held up since they began, or since this was asked; absent: that of this process is looked at. */
  loopDelay?(): Promise<LoopDelay>;
  close(): Promise<void>;
}

/** How long an event loop was held up. */
export interface LoopDelay {
  readonly maxMs: number;
  readonly p99Ms: number;
}

/** Something that delivers events to many readers. */
export interface Peer {
  readonly name: string;
  /** How it is used here, in a few words. */
  readonly title: string;
  readonly transport: "WebSocket" | "SSE";
  /** Packages whose versions belong to a result. */
  readonly packages: readonly string[];
  /** It is Holdfast, in one of its faces. */
  readonly isOurs?: boolean;
  /** Not a system that anybody would use, but what Node's sockets allow. */
  readonly isLimit?: boolean;
  /** Flags for Node that its own documentation recommends. */
  readonly nodeFlags?: readonly string[];
  readonly dialect: Dialect;
  /** How clients publish to it; absent where they cannot. */
  readonly publishing?: readonly PublishWay[];
  /** Why it is not published to in one of the ways; where nothing is said, it knows no such way. */
  readonly notPublishing?: Partial<Readonly<Record<PublishWay["over"], string>>>;
  /** The scenarios that it is made for; absent: it takes part in all that want no special peers. */
  readonly only?: readonly string[];
  /** Its server can be killed and started again without losing its log. */
  readonly restarts?: boolean;
  /** Why it cannot take part, by scenario. */
  readonly cannot?: Readonly<Record<string, string>>;
  /** Why it cannot run on this machine now; undefined when it can. */
  absence?(): string | undefined;
  /** Starts its server in this process. What it is made of is imported only here: load generators do without it. */
  serve(setting: Setting): Promise<Served>;
}
