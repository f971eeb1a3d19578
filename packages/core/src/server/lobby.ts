import { HoldfastError, type Limits, type Member } from "@holdfast/protocol";
import { Notice } from "./batch.ts";
import { ChangeTable } from "./change-table.ts";
import { type Guest, Guests } from "./guests.ts";
import { jsonBytes, MemberBytes, memberBytes } from "./member-bytes.ts";
import type { LobbyNews } from "./neighbours.ts";
import { type Listener, News } from "./news.ts";

/** What a lobby needs of the node it is part of. */
export interface LobbyHost {
  readonly limits: Limits;
  now(): number;
  /** Asks for `sweep` once the grace of a member that has left is over. */
  sweepAt(lobby: Lobby, at: number): void;
  /** Tells the other nodes, where there are any. */
  tell?(news: LobbyNews): void;
}

/** Who signals: the user id, and the instance of its client. */
export interface Sender {
  readonly from?: string;
  readonly instance?: string;
}

interface Attendance {
  member: Member;
  /** What it is here through; compared by identity. */
  readonly connections: Set<object>;
  /** When it counts as gone, if no connection comes back. */
  leavesAt: number;
}

const never = Number.POSITIVE_INFINITY;

/** Throws `too_large` for data that no signal or member may carry: it is kept for each, and not in the log. */
export function checkData(data: unknown, { signalBytesMax }: Limits): void {
  let bytes: number;
  try {
    bytes = jsonBytes(data);
  } catch (cause) {
    throw new HoldfastError("too_large", "The data of a signal or member is nested too deeply.", { cause });
  }
  if (bytes <= signalBytesMax) return;
  throw new HoldfastError(
    "too_large",
    `The data of a signal or member takes at most ${signalBytesMax} bytes; this has ${bytes}. Publish an event instead.`,
    { limit: "signalBytesMax" },
  );
}

/** What is in a channel but not in its log: who is here now, and what they signal to each other. */
export class Lobby {
  readonly #channel: string;
  readonly #host: LobbyHost;
  readonly #dirty: () => void;
  readonly #listeners = new Set<Listener>();
  readonly #attendances = new Map<string, Attendance>();
  readonly #guests = new Guests();
  readonly #memberBytes = new MemberBytes();
  readonly #presence: ChangeTable<Member>;
  readonly #signals: ChangeTable<Notice>;
  /** Something was said since the last flush. */
  #stale = false;

  constructor(channel: string, host: LobbyHost, dirty: () => void) {
    this.#channel = channel;
    this.#host = host;
    this.#dirty = dirty;
    const { presenceMembersMax, presenceBytesMax, signalKeysMax, signalsBytesMax } = host.limits;
    this.#presence = new ChangeTable({ keysMax: presenceMembersMax, bytesMax: presenceBytesMax });
    this.#signals = new ChangeTable({ keysMax: signalKeysMax, bytesMax: signalsBytesMax });
  }

  get members(): readonly Member[] {
    const members: Member[] = [];
    for (const instance of this.#attendances.keys()) members.push(this.#member(instance) as Member);
    for (const instance of this.#guests.instances) {
      if (!this.#attendances.has(instance)) members.push(this.#member(instance) as Member);
    }
    return members;
  }

  /** A member as it is shown: as its connection says, on whatever node that is, else as it was. */
  #member(instance: string): Member | undefined {
    const own = this.#attendances.get(instance);
    const guest = this.#guests.of(instance);
    if (own === undefined) return guest?.member;
    return own.leavesAt === never || guest === undefined || guest.isAway ? own.member : guest.member;
  }

  get isEmpty(): boolean {
    return this.#attendances.size === 0 && this.#listeners.size === 0;
  }

  /** Changes kept for listeners that lag. */
  get changes(): number {
    return this.#presence.size + this.#signals.size;
  }

  /** Passes a signal on; a later one of the same sender and key replaces it for listeners that lag. Rules SIG-1, SIG-2. */
  signal(key: string, data: unknown, sender: Sender): void {
    if (this.#listeners.size === 0) return;
    const { from, instance } = sender;
    const notice = new Notice({ type: "signal", channel: this.#channel, key, data, ...sender });
    const bytes = jsonBytes([from, instance, key, data]);
    this.#signals.set(JSON.stringify([from, instance, key]), notice, bytes);
    this.#changed();
  }

  /**
   * Comes in through a connection, or tells new data of a member that is in through it already. Rule PRS-1.
   *
   * Throws `overloaded` when the lobby is full, `forbidden` for an instance that is another user's, `too_large`; what
   * was known of the member stays. Rule PRS-3.
   */
  enter(connection: object, instance: string, data: unknown, user?: string): void {
    checkData(data, this.#host.limits);
    const known = this.#attendances.get(instance);
    const guest = this.#guests.of(instance);
    const isTaken =
      (known !== undefined && known.member.user !== user && isHereOtherwise(known, connection)) ||
      (guest !== undefined && guest.member.user !== user && !guest.isAway);
    if (isTaken) {
      throw new HoldfastError("forbidden", "This instance is another user's; draw one of your own.");
    }
    const since = known?.member.since ?? guest?.member.since ?? this.#host.now();
    const member: Member = { instance, data, since, ...(user === undefined ? {} : { user }) };
    this.#checkRoom(member);
    const shown = this.#shown(instance);
    const attendance = known ?? { member, connections: new Set(), leavesAt: never };
    const isNews = known?.leavesAt !== never || JSON.stringify(known.member) !== JSON.stringify(member);
    attendance.member = member;
    attendance.connections.add(connection);
    attendance.leavesAt = never;
    this.#attendances.set(instance, attendance);
    if (isNews) this.#host.tell?.({ is: "member", channel: this.#channel, member, isAway: false });
    this.#review(instance, shown);
  }

  #checkRoom(member: Member): void {
    const { presenceMembersMax, presenceBytesMax } = this.#host.limits;
    const before = this.#memberBytes.of(member.instance);
    if (before === 0 && this.#memberBytes.size >= presenceMembersMax) {
      throw new HoldfastError("overloaded", `${this.#channel} holds at most ${presenceMembersMax} members.`, {
        limit: "presenceMembersMax",
      });
    }
    const bytes = memberBytes(member);
    // Who takes no more than before is in already, on this node or another, and may stay whatever the others take.
    if (bytes <= before || this.#memberBytes.total - before + bytes <= presenceBytesMax) return;
    throw new HoldfastError(
      "overloaded",
      `The members of ${this.#channel} take at most ${presenceBytesMax} bytes; one of ${bytes} has no room. Say less of it, or wait until others leave.`,
      { limit: "presenceBytesMax" },
    );
  }

  /** A connection is gone; the member stays for the grace period, in case it comes back on another. */
  disconnect(connection: object, instance: string): void {
    const known = this.#attendances.get(instance);
    if (known === undefined || !known.connections.delete(connection) || known.connections.size > 0) return;
    const shown = this.#shown(instance);
    known.leavesAt = this.#host.now() + this.#host.limits.presenceGraceMs;
    this.#host.sweepAt(this, known.leavesAt);
    this.#host.tell?.({ is: "member", channel: this.#channel, member: known.member, isAway: true });
    this.#review(instance, shown);
  }

  /** The member says through a connection of its own that it leaves. */
  leave(connection: object, instance: string): void {
    if (this.#attendances.get(instance)?.connections.has(connection)) this.#remove(instance);
  }

  #remove(instance: string): void {
    const shown = this.#shown(instance);
    this.#attendances.delete(instance);
    this.#host.tell?.({ is: "left", channel: this.#channel, instance });
    this.#review(instance, shown);
  }

  /** Another node says who is here through it. Rule PRS-1. */
  welcome(node: string, guest: Guest): void {
    const { instance } = guest.member;
    const shown = this.#shown(instance);
    this.#guests.set(node, guest);
    this.#adoptSince(guest.member);
    this.#review(instance, shown);
  }

  /** One that was here before it was known to be is here since then, and not since it came to this node. */
  #adoptSince({ instance, since }: Member): void {
    const own = this.#attendances.get(instance);
    if (own === undefined || own.member.since <= since) return;
    own.member = { ...own.member, since };
    const isAway = own.leavesAt !== never;
    this.#host.tell?.({ is: "member", channel: this.#channel, member: own.member, isAway });
  }

  /** Nobody of this instance is here through another node any more. */
  miss(node: string, instance: string): void {
    const shown = this.#shown(instance);
    this.#guests.delete(node, instance);
    this.#review(instance, shown);
  }

  /** Lets those go whose grace is over; returns when the next one's will be. */
  sweep(now: number): number {
    let next = never;
    for (const [instance, { leavesAt }] of this.#attendances) {
      if (now >= leavesAt) this.#remove(instance);
      else next = Math.min(next, leavesAt);
    }
    return next;
  }

  #shown(instance: string): string {
    return JSON.stringify(this.#member(instance) ?? null);
  }

  /** Tells listeners what has become of a member, if that is not what was shown of it. Rule PRS-2. */
  #review(instance: string, shown: string): void {
    const own = this.#attendances.get(instance)?.member ?? [];
    const told = Array.from(this.#guests.told(instance), ({ member }) => member);
    this.#memberBytes.count(instance, told.concat(own));
    if (this.#shown(instance) === shown) return;
    const member = this.#member(instance);
    const bytes = member === undefined ? jsonBytes(instance) : memberBytes(member);
    this.#presence.set(instance, member, bytes);
    this.#changed();
  }

  #changed(): void {
    this.#stale = true;
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
    if (!this.#stale) return;
    this.#stale = false;
    const news = this.#news();
    let isHeard = true;
    for (const listener of this.#listeners) isHeard = news.tell(listener) && isHeard;
    // A listener may have caused more while it was told something.
    if (!isHeard || this.#stale) return;
    this.#presence.forget();
    this.#signals.forget();
  }

  /** Tells one listener what is new, now that it has room. */
  catchUp(listener: Listener): void {
    this.#news().tell(listener);
  }

  #news(): News {
    return new News(this.#channel, this.#presence, this.#signals, () => this.members);
  }
}

function isHereOtherwise({ connections }: Attendance, connection: object): boolean {
  return connections.size > (connections.has(connection) ? 1 : 0);
}
