import { HoldfastError } from "@holdfast/protocol";
import type { Notice } from "./batch.ts";
import type { Hub } from "./hub.ts";
import type { Hubs } from "./hubs.ts";
import type { Listener } from "./lobby.ts";
import type { Action, Principal } from "./principal.ts";

/** What a session offers to its part in lobbies. */
export interface CompanyHost {
  readonly full: boolean;
  readonly hubs: Hubs;
  readonly instance: string;
  readonly principal: Principal;
  notice(notice: Notice): void;
  /** The hub of a channel that the session reads. */
  reads(channel: string): Hub | undefined;
  /** Throws `forbidden`. */
  demand(action: Action, channel: string): Promise<void>;
  refuse(error: unknown, about: { channel: string }): void;
}

class Ear implements Listener {
  readonly #host: CompanyHost;
  readonly wantsSignals: boolean;
  readonly wantsPresence: boolean;
  signalsHeard = 0;
  presenceHeard = -1;

  constructor(host: CompanyHost, wants: { signals: boolean; presence: boolean }) {
    this.#host = host;
    this.wantsSignals = wants.signals;
    this.wantsPresence = wants.presence;
  }

  get full(): boolean {
    return this.#host.full;
  }

  notice(notice: Notice): void {
    this.#host.notice(notice);
  }
}

interface Attendance {
  readonly hub: Hub;
  readonly ear: Ear;
  /** The instance it has joined as. */
  joined: string | undefined;
}

/** A session's part in the lobbies of its channels: what it listens to, and where it has joined. */
export class Company {
  readonly #host: CompanyHost;
  readonly #attendances = new Map<string, Attendance>();

  constructor(host: CompanyHost) {
    this.#host = host;
  }

  /** Listens on a channel that is read. */
  attend(hub: Hub, wants: { signals: boolean; presence: boolean }): Attendance {
    const ear = new Ear(this.#host, wants);
    const attendance: Attendance = { hub, ear, joined: undefined };
    this.#attendances.set(hub.channel, attendance);
    if (wants.signals || wants.presence) hub.lobby.listen(ear);
    return attendance;
  }

  /** Signals to those who listen now; a refusal is told in band. Rule SIG-1. */
  async signal(channel: string, key: string, data: unknown): Promise<void> {
    const { hubs, instance, principal } = this.#host;
    try {
      await this.#host.demand("signal", channel);
      const from = principal.user === undefined ? {} : { from: principal.user };
      await hubs.signal(channel, key, data, { instance, ...from });
    } catch (error) {
      this.#host.refuse(error, { channel });
    }
  }

  /** Joins a channel that is read, or tells new data of this member, or leaves with null; a refusal is told in band. Rule PRS-1. */
  async presence(channel: string, data: unknown): Promise<void> {
    try {
      if (data === null) this.#leave(channel);
      else await this.#join(channel, data);
    } catch (error) {
      this.#host.refuse(error, { channel });
    }
  }

  async #join(channel: string, data: unknown): Promise<void> {
    await this.#host.demand("presence", channel);
    const hub = this.#host.reads(channel);
    if (hub === undefined) {
      throw new HoldfastError("not_subscribed", `Subscribe to ${channel} before you join it.`);
    }
    const attendance =
      this.#attendances.get(channel) ?? this.attend(hub, { signals: false, presence: false });
    const { instance, principal } = this.#host;
    hub.lobby.enter(instance, data, principal.user);
    // Joining again is an update, not one more connection.
    if (attendance.joined !== undefined) hub.lobby.disconnect(attendance.joined);
    attendance.joined = instance;
  }

  #leave(channel: string): void {
    const attendance = this.#attendances.get(channel);
    if (attendance?.joined === undefined) return;
    attendance.hub.lobby.leave(attendance.joined);
    attendance.joined = undefined;
  }

  /** The subscription is over; a member stays for its grace, since the client may be on another connection already. */
  depart(channel: string): void {
    const attendance = this.#attendances.get(channel);
    if (attendance === undefined) return;
    this.#attendances.delete(channel);
    attendance.hub.lobby.dismiss(attendance.ear);
    if (attendance.joined !== undefined) attendance.hub.lobby.disconnect(attendance.joined);
  }

  drained(): void {
    for (const { hub, ear } of this.#attendances.values()) hub.lobby.catchUp(ear);
  }
}
