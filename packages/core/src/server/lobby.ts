import { type ControlMessage, HoldfastError, type Limits, type Member } from "@holdfast/protocol";
import { Notice } from "./batch.ts";
import { ChangeTable } from "./change-table.ts";

/** What a lobby needs of the node it is part of. */
export interface LobbyHost {
  readonly limits: Limits;
  now(): number;
  /** Asks for `sweep` once the grace of a member that has left is over. */
  sweepAt(lobby: Lobby, at: number): void;
}

/** One session's ear in a lobby. */
export interface Listener {
  readonly full: boolean;
  notice(notice: Notice): void;
  readonly wantsSignals: boolean;
  readonly wantsPresence: boolean;
  /** Its place in what there is to hear; a new listener stands at the end of the signals, and before all presence. */
  signalsHeard: number;
  presenceHeard: number;
}

interface Attendance {
  readonly member: Member;
  /** Connections through which it is here. */
  connections: number;
  /** When it counts as gone, if no connection comes back. */
  leavesAt: number;
}

type Signal = Extract<ControlMessage, { type: "signal" }>;

/** What is in a channel but not in its log: who is here now, and what they signal to each other. */
export class Lobby {
  readonly #channel: string;
  readonly #host: LobbyHost;
  readonly #dirty: () => void;
  readonly #listeners = new Set<Listener>();
  readonly #attendances = new Map<string, Attendance>();
  readonly #presence: ChangeTable<Member>;
  readonly #signals: ChangeTable<Signal>;

  constructor(channel: string, host: LobbyHost, dirty: () => void) {
    this.#channel = channel;
    this.#host = host;
    this.#dirty = dirty;
    this.#presence = new ChangeTable(host.limits.presenceMembersMax);
    this.#signals = new ChangeTable(host.limits.signalKeysMax);
  }

  /** Passes a signal on; a later one of the same sender and key replaces it for listeners that lag. Rules SIG-1, SIG-2. */
  signal(key: string, data: unknown, sender: { from?: string; instance?: string }): void {
    if (this.#listeners.size === 0) return;
    const who = sender.instance ?? sender.from ?? "";
    this.#signals.set(`${who} ${key}`, { type: "signal", channel: this.#channel, key, data, ...sender });
    this.#dirty();
  }

  get members(): readonly Member[] {
    return [...this.#attendances.values()].map(({ member }) => member);
  }

  /** Comes in through one more connection; throws `overloaded` when the lobby is full. Rule PRS-1. */
  enter(instance: string, data: unknown, user?: string): void {
    const known = this.#attendances.get(instance);
    const { presenceMembersMax } = this.#host.limits;
    if (known === undefined && this.#attendances.size >= presenceMembersMax) {
      throw new HoldfastError("overloaded", `${this.#channel} holds at most ${presenceMembersMax} members.`);
    }
    const since = known?.member.since ?? this.#host.now();
    const member: Member = { instance, data, since, ...(user === undefined ? {} : { user }) };
    const connections = (known?.connections ?? 0) + 1;
    this.#attendances.set(instance, { member, connections, leavesAt: Number.POSITIVE_INFINITY });
    if (known === undefined || JSON.stringify(known.member) !== JSON.stringify(member)) {
      this.#tell(instance, member);
    }
  }

  /** One connection is gone; the member stays for the grace period, in case it comes back on another. */
  disconnect(instance: string): void {
    const known = this.#attendances.get(instance);
    if (known === undefined || --known.connections > 0) return;
    known.leavesAt = this.#host.now() + this.#host.limits.presenceGraceMs;
    this.#host.sweepAt(this, known.leavesAt);
  }

  /** The member says that it leaves. */
  leave(instance: string): void {
    if (this.#attendances.delete(instance)) this.#tell(instance, undefined);
  }

  /** Lets those go whose grace is over; returns when the next one's will be. */
  sweep(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const [instance, { leavesAt }] of this.#attendances) {
      if (now >= leavesAt) this.leave(instance);
      else next = Math.min(next, leavesAt);
    }
    return next;
  }

  #tell(instance: string, member: Member | undefined): void {
    this.#presence.set(instance, member);
    this.#dirty();
  }

  /** Lets a listener in: it hears who is here, and what is signalled from now on. Rule PRS-2. */
  listen(listener: Listener): void {
    listener.signalsHeard = this.#signals.version;
    listener.presenceHeard = -1;
    this.#listeners.add(listener);
    this.catchUp(listener);
  }

  dismiss(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  /** Tells all listeners what is new; those that stand at the same place share the bytes. */
  flush(): void {
    const notices = new Map<string, readonly Notice[]>();
    for (const listener of this.#listeners) {
      if (this.#isBehind(listener)) this.#tellListener(listener, notices);
    }
  }

  /** Tells one listener what is new, now that it has room. */
  catchUp(listener: Listener): void {
    if (this.#isBehind(listener)) this.#tellListener(listener, new Map());
  }

  #isBehind(listener: Listener): boolean {
    return (
      (listener.wantsSignals && listener.signalsHeard < this.#signals.version) ||
      (listener.wantsPresence && listener.presenceHeard < this.#presence.version)
    );
  }

  #tellListener(listener: Listener, shared: Map<string, readonly Notice[]>): void {
    const { signalsHeard, presenceHeard, wantsSignals, wantsPresence } = listener;
    if (listener.full) return;
    if (wantsPresence) {
      const key = `presence ${presenceHeard}`;
      const notices = shared.get(key) ?? this.#presenceAfter(presenceHeard);
      shared.set(key, notices);
      listener.presenceHeard = this.#presence.version;
      for (const notice of notices) listener.notice(notice);
    }
    if (wantsSignals) {
      const key = `signals ${signalsHeard}`;
      const notices = shared.get(key) ?? this.#signalsAfter(signalsHeard);
      shared.set(key, notices);
      listener.signalsHeard = this.#signals.version;
      for (const notice of notices) listener.notice(notice);
    }
  }

  #presenceAfter(version: number): readonly Notice[] {
    const full = version < 0 || !this.#presence.covers(version);
    const members: Member[] = full ? [...this.members] : [];
    const left: string[] = [];
    if (!full) {
      for (const [instance, member] of this.#presence.after(version)) {
        if (member === undefined) left.push(instance);
        else members.push(member);
      }
      if (members.length === 0 && left.length === 0) return [];
    }
    return [new Notice({ type: "presence", channel: this.#channel, full, members, left })];
  }

  #signalsAfter(version: number): readonly Notice[] {
    const notices: Notice[] = [];
    for (const [, signal] of this.#signals.after(version)) {
      if (signal !== undefined) notices.push(new Notice(signal));
    }
    return notices;
  }
}
