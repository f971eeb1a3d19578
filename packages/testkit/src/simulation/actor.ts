import type { Draft } from "@holdfast/protocol";
import type { Authority } from "./authority.ts";
import type { Client } from "./client.ts";
import type { Cluster } from "./cluster.ts";
import type { Engine } from "./log-engine.ts";
import type { Network } from "./network.ts";
import type { Action, StartKind } from "./plan.ts";
import type { Timeline } from "./timeline.ts";

export interface ActorParts {
  readonly timeline: Timeline;
  readonly engine: Engine;
  /** Undefined: everybody may do everything. */
  readonly authority: Authority | undefined;
  readonly cluster: Cluster;
  readonly network: Network;
  readonly clients: readonly Client[];
  trace(line: () => string): void;
}

/** Does what a plan says, to whom it says. */
export class Actor {
  readonly #parts: ActorParts;
  /** Where applications stood when they left a channel. */
  readonly #left = new Map<string, string>();
  #payloads = 0;
  #isHealed = false;

  constructor(parts: ActorParts) {
    this.#parts = parts;
  }

  /** Nothing goes wrong any more. */
  get isHealed(): boolean {
    return this.#isHealed;
  }

  act(action: Action): void {
    switch (action.do) {
      case "publish":
        this.#publish(action);
        return;
      case "subscribe":
        this.#subscribe(action.client, channelName(action.channel), action.start);
        return;
      case "unsubscribe":
        this.#unsubscribe(action.client, channelName(action.channel));
        return;
      case "pause":
        this.#parts.clients[action.client]?.pause(action.isPaused);
        return;
      case "close":
        // By somebody who is not part of this world.
        void this.#parts.engine.close(channelName(action.channel));
        return;
      case "loseLog":
        this.#loseLog(action.isTold);
        return;
      case "cut":
      case "stall":
      case "slow":
        this.#disturb(action);
        return;
      case "block":
      case "offline":
      case "sleep":
        this.#disturbClient(action);
        return;
      case "revoke":
      case "permit":
      case "starve":
        this.#authorize(action);
        return;
      default:
        this.#parts.cluster.act(action);
        return;
    }
  }

  /** Undoes something after a while, unless all was undone by then. */
  #later(forMs: number, end: () => void): void {
    this.#parts.timeline.after(forMs, () => {
      if (!this.#isHealed) end();
    });
  }

  #loseLog(isTold: boolean): void {
    const followers = this.#parts.engine.lose();
    if (isTold) for (const observer of followers) observer.disturbed();
  }

  #disturb(action: Extract<Action, { do: "cut" | "stall" | "slow" }>): void {
    const line = this.#parts.network.line(action.which);
    if (line === undefined) return;
    this.#parts.trace(() => `that is ${line}`);
    if (action.do === "cut") {
      const { told } = action;
      line.cut({
        client: told === "both" || told === "client",
        server: told === "both" || told === "server",
      });
    } else if (action.do === "stall") {
      line[action.way].hold("fault");
      this.#later(action.forMs, () => line[action.way].release("fault"));
    } else {
      line.down.throttle(action.bytesPerMs);
      this.#later(action.forMs, () => line.down.throttle(Number.POSITIVE_INFINITY));
    }
  }

  #disturbClient(action: Extract<Action, { do: "block" | "offline" | "sleep" }>): void {
    const client = this.#parts.clients[action.client];
    if (client === undefined) return;
    const { name } = client;
    if (action.do === "block") {
      this.#parts.network.block(name, action.transport, action.obstacle);
      this.#later(action.forMs, () => this.#parts.network.block(name, action.transport, undefined));
    } else if (action.do === "sleep") {
      client.device.sleep();
      this.#later(action.forMs, () => client.device.wake());
    } else {
      const set = (isOffline: boolean) => {
        this.#parts.network.setOffline(name, isOffline);
        client.device.setOffline(isOffline, action.isTold);
      };
      set(true);
      this.#later(action.forMs, () => set(false));
    }
  }

  #authorize(action: Extract<Action, { do: "revoke" | "permit" | "starve" }>): void {
    const { authority, cluster, clients } = this.#parts;
    const client = clients[action.client];
    if (client === undefined || authority === undefined) return;
    const { name } = client;
    if (action.do === "revoke") cluster.tell(authority.revoke(name));
    else if (action.do === "permit")
      cluster.tell(authority.permit(name, channelName(action.channel), action.isAllowed));
    else {
      authority.setFault(name, action.how);
      this.#later(action.forMs, () => authority.setFault(name, undefined));
    }
  }

  #publish(action: Extract<Action, { do: "publish" }>): void {
    const channel = channelName(action.channel);
    const client = this.#parts.clients[action.client];
    const drafts = Array.from({ length: action.events }, () => this.#draft(action));
    client?.publish(channel, drafts, action.isConditional ? client.positionOf(channel) : undefined);
  }

  /** Every payload is unlike every other. */
  #draft({ kind, key, bytes }: Extract<Action, { do: "publish" }>): Omit<Draft, "id"> {
    const n = this.#payloads++;
    const labels = {
      ...(key === undefined ? {} : { key: `k${key}` }),
      ...(n % 3 === 0 ? { type: `t.${n}` } : {}),
    };
    const filling = "x".repeat(bytes);
    if (kind === "base64") {
      const filled = Uint8Array.from({ length: 3 + bytes }, (_, index) => (n >> (8 * index)) ^ 0xa5);
      return { ...labels, payload: { encoding: kind, bytes: filled } };
    }
    const text = kind === "json" ? `{"n":${n},"ä":"\\n${filling}"}` : `no ${n}\r\n€${filling}`;
    return { ...labels, payload: { encoding: kind, text } };
  }

  #subscribe(index: number, channel: string, start: StartKind): void {
    const client = this.#parts.clients[index];
    if (client === undefined) return;
    const left = this.#left.get(`${index} ${channel}`);
    if (typeof start === "number") client.subscribe(channel, { last: start });
    else if (start === "stale") client.subscribe(channel, { after: { epoch: "gone0", offset: 7 } });
    else if (start !== "resume") client.subscribe(channel, { after: start });
    else if (left !== undefined) client.resume(channel, left);
    else client.subscribe(channel, { after: "oldest" });
  }

  #unsubscribe(index: number, channel: string): void {
    const left = this.#parts.clients[index]?.unsubscribe(channel);
    if (left !== undefined) this.#left.set(`${index} ${channel}`, left);
  }

  /** Nothing goes wrong any more, and every application wants to know how things stand. */
  heal(): void {
    this.#isHealed = true;
    this.#parts.network.heal();
    this.#parts.cluster.heal();
    for (const change of this.#parts.authority?.heal() ?? []) this.#parts.cluster.tell(change, true);
    for (const client of this.#parts.clients) client.heal();
  }
}

function channelName(index: number): string {
  return index === 0 ? "news" : `room:${index}`;
}
