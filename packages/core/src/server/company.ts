import { HoldfastError } from "@holdfast/protocol";
import type { Notice } from "./batch.ts";
import type { Hub } from "./hub.ts";
import type { Hubs } from "./hubs.ts";
import type { Listener } from "./news.ts";
import type { Action, Principal } from "./principal.ts";
import type { Source } from "./publish-rates.ts";

/** What a session offers to its part in lobbies. */
export interface CompanyHost {
  readonly full: boolean;
  readonly hubs: Hubs;
  readonly instance: string;
  readonly principal: Principal;
  /** Who publishes and signals, as far as that is counted. */
  readonly source: Source;
  notice(notice: Notice): void;
  /** Rejects with `forbidden` or `unauthenticated`. */
  demand(action: Action, channel: string): Promise<void>;
  refuse(error: unknown, about: { channel: string }): void;
}

/** A session's place in one lobby: an ear there, and a member of it once it has joined. */
class Attendance implements Listener {
  readonly hub: Hub;
  readonly wantsSignals: boolean;
  readonly wantsPresence: boolean;
  signalsHeard = 0;
  presenceHeard = -1;
  /** What it has joined as. */
  joined: { readonly instance: string; readonly data: unknown } | undefined;
  readonly #host: CompanyHost;

  constructor(host: CompanyHost, hub: Hub, wants: { signals: boolean; presence: boolean }) {
    this.#host = host;
    this.hub = hub;
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

/** A session's part in the lobbies of its channels: what it listens to, and where it has joined. */
export class Company {
  readonly #host: CompanyHost;
  /** The hub of a channel that the session reads. */
  readonly #hubOf: (channel: string) => Hub | undefined;
  readonly #attendances = new Map<string, Attendance>();
  /** Requests follow each other: a permission that takes its time must not let an older signal replace a newer one. */
  #last: Promise<void> = Promise.resolve();

  constructor(host: CompanyHost, hubOf: (channel: string) => Hub | undefined) {
    this.#host = host;
    this.#hubOf = hubOf;
  }

  /** Listens on a channel that is read. */
  attend(hub: Hub, wants: { signals: boolean; presence: boolean }): Attendance {
    const attendance = new Attendance(this.#host, hub, wants);
    this.#attendances.set(hub.channel, attendance);
    if (wants.signals || wants.presence) hub.lobby.listen(attendance);
    return attendance;
  }

  /** Signals to those who listen now; a refusal is told in band. Rule SIG-1. */
  signal(channel: string, key: string, data: unknown): Promise<void> {
    return this.#inTurn(channel, async () => {
      await this.#host.demand("signal", channel);
      const { hubs, instance, principal, source } = this.#host;
      hubs.spend(source, undefined, 1);
      const from = principal.user === undefined ? {} : { from: principal.user };
      hubs.lobbies.signal(channel, key, data, { instance, ...from });
    });
  }

  /** Joins a channel that is read, or tells new data of this member, or leaves with null; a refusal is told in band. Rule PRS-1. */
  presence(channel: string, data: unknown): Promise<void> {
    return this.#inTurn(channel, async () => {
      if (data === null) this.leave(channel);
      else await this.#join(channel, data);
    });
  }

  #inTurn(channel: string, work: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(work).catch((error) => this.#host.refuse(error, { channel }));
    return this.#last;
  }

  async #join(channel: string, data: unknown): Promise<void> {
    await this.#host.demand("presence", channel);
    const hub = this.#hubOf(channel);
    if (hub === undefined) {
      throw new HoldfastError("not_subscribed", `Subscribe to ${channel} before you join it.`);
    }
    const attendance =
      this.#attendances.get(channel) ?? this.attend(hub, { signals: false, presence: false });
    const { hubs, instance, principal } = this.#host;
    hubs.counting(() => hub.lobby.enter(attendance, instance, data, principal.user));
    attendance.joined = { instance, data };
  }

  /** Leaves a channel's members at once, without grace. */
  leave(channel: string): void {
    const attendance = this.#attendances.get(channel);
    if (attendance?.joined === undefined) return;
    attendance.hub.lobby.leave(attendance, attendance.joined.instance);
    attendance.joined = undefined;
  }

  /** Leaves where the principal may not be any more, and goes on under its name where it may. Rule AUTH-1. */
  async review(): Promise<void> {
    for (const [channel, attendance] of [...this.#attendances]) {
      const { joined } = attendance;
      if (joined === undefined) continue;
      await this.#inTurn(channel, async () => {
        if (this.#attendances.get(channel) !== attendance || attendance.joined !== joined) return;
        try {
          await this.#join(channel, joined.data);
        } catch (error) {
          this.leave(channel);
          throw error;
        }
      });
    }
  }

  /** The subscription is over; a member stays for its grace, since the client may be on another connection already. */
  depart(channel: string): void {
    const attendance = this.#attendances.get(channel);
    if (attendance === undefined) return;
    this.#attendances.delete(channel);
    const { hub, joined } = attendance;
    hub.lobby.dismiss(attendance);
    if (joined !== undefined) hub.lobby.disconnect(attendance, joined.instance);
  }

  drained(): void {
    for (const attendance of this.#attendances.values()) attendance.hub.lobby.catchUp(attendance);
  }
}
