import type { Member } from "@holdfast/protocol";
import { Notice } from "./batch.ts";
import type { Change, ChangeTable } from "./change-table.ts";

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

/** What listeners are told at one moment, made once for all that stand at the same place. */
export class News {
  readonly #channel: string;
  readonly #presence: ChangeTable<Member>;
  readonly #signals: ChangeTable<Notice>;
  readonly #members: () => readonly Member[];
  /** By the version after which they are, with the one they reach. */
  readonly #presenceNotices = new Map<number, { readonly notice: Notice; readonly version: number }>();
  readonly #signalChanges = new Map<number, readonly Change<Notice>[]>();

  constructor(
    channel: string,
    presence: ChangeTable<Member>,
    signals: ChangeTable<Notice>,
    members: () => readonly Member[],
  ) {
    this.#channel = channel;
    this.#presence = presence;
    this.#signals = signals;
    this.#members = members;
  }

  /** Tells a listener as much as it takes; true when that was all. Rules SIG-2, PRS-2. */
  tell(listener: Listener): boolean {
    return this.#tellPresence(listener) && this.#tellSignals(listener);
  }

  #tellPresence(listener: Listener): boolean {
    const { presenceHeard, wantsPresence } = listener;
    if (!wantsPresence || presenceHeard === this.#presence.version) return true;
    if (listener.full) return false;
    const news = this.#presenceNotices.get(presenceHeard) ?? this.#presenceAfter(presenceHeard);
    this.#presenceNotices.set(presenceHeard, news);
    listener.presenceHeard = news.version;
    listener.notice(news.notice);
    return true;
  }

  #presenceAfter(heard: number): { notice: Notice; version: number } {
    const { version } = this.#presence;
    const full = heard < 0 || !this.#presence.covers(heard);
    const changes = full ? [] : this.#presence.after(heard);
    const members = full ? this.#members() : changes.flatMap(({ value }) => value ?? []);
    const left = changes.flatMap(({ key, value }) => (value === undefined ? key : []));
    return { notice: new Notice({ type: "presence", channel: this.#channel, full, members, left }), version };
  }

  #tellSignals(listener: Listener): boolean {
    const { signalsHeard, wantsSignals } = listener;
    if (!wantsSignals || signalsHeard === this.#signals.version) return true;
    const changes = this.#signalChanges.get(signalsHeard) ?? this.#signals.after(signalsHeard);
    this.#signalChanges.set(signalsHeard, changes);
    for (const { value, version } of changes) {
      if (listener.full) return false;
      listener.signalsHeard = version;
      if (value !== undefined) listener.notice(value);
    }
    return true;
  }
}
