import {
  type ControlLog,
  controlChannels,
  type KnownRevocation,
  type Principal,
  type Revocation,
  type RevocationKind,
  RevocationTable,
  revocationKinds,
} from "@holdfast/core/server";
import {
  type Cursor,
  type Draft,
  HoldfastError,
  isRecord,
  type LogEvent,
  parseJson,
} from "@holdfast/protocol";
import type { Timed } from "../deadlines.ts";
import { thrownField } from "../log.ts";
import type { ControlHost } from "./control.ts";

/** What is revoked: exactly one of them. */
export type RevocationTarget =
  | { readonly user: string }
  | { readonly token: string }
  | { readonly session: string };

/** How often those are forgotten whose time is over; until then they cost nothing but their memory. */
const expireEveryMs = 60_000;
/** How long after what could not be revoked it is tried again. */
const retryMs = 1000;
/** As long as any user id or claim may be. */
const valueCharactersMax = 256;

const sentences: Readonly<Record<RevocationKind, string>> = {
  user: "All tokens of this user were revoked. Sign in again.",
  token: "This token was revoked. Come back with another.",
  session: "This session was ended. Sign in again.",
};

/** What was revoked on any node, as this one has read it. Rules REV-1 to REV-4, REV-8, REV-9. */
export class Revocations implements Timed {
  readonly #host: ControlHost;
  readonly #table = new RevocationTable();
  readonly #log: ControlLog;
  readonly #enforce: () => void;
  /** When each was said that the log still has, oldest first: repetitions count, since they fill it as well. */
  readonly #said: number[] = [];
  /** The log is another one, which may not say what this node knows. */
  #isLost = false;
  deadline: number;

  constructor(host: ControlHost, enforce: () => void) {
    this.#host = host;
    this.#enforce = enforce;
    this.deadline = host.clock.now() + expireEveryMs;
    this.#log = host.openLog({
      channel: controlChannels.revocations,
      start: "oldest",
      take: (event, epoch) => this.#take(event, epoch),
      missed: (reason) => this.#missed(reason),
      arrived: () => void this.#restore(),
    });
  }

  /** Why a principal may not be here, if it may not; `connection` is the id of its connection. Rule REV-2. */
  refusalOf(principal: Principal, connection?: string): HoldfastError | undefined {
    const found = this.#table.refusing(principal, this.#host.clock.now(), connection);
    return found && new HoldfastError("token_revoked", sentences[found.kind]);
  }

  /**
   * Revokes on every node, until `until` (ms since 1970) or for as long as any token could need it. Resolves once it holds here.
   *
   * Rejects with `bad_parameter`, with `overloaded` beyond `revocationsMax`, and with `broker_unavailable`.
   */
  async add(target: RevocationTarget, until?: number): Promise<Revocation> {
    const at = this.#host.clock.now();
    const { kind, value } = readTarget(target);
    const last = at + this.#host.node.settings.revocationMs;
    if (until !== undefined && !(until > at && until <= last)) {
      throw new HoldfastError(
        "bad_parameter",
        `"until" is in ms since 1970, after now and at most ${last}: longer than that nothing is remembered (limits.revocationMs).`,
      );
    }
    const revocation = { kind, value, at, until: until ?? last };
    this.#checkRoom(at);
    await this.#log.post([draftOf(revocation)]);
    return revocation;
  }

  #checkRoom(now: number): void {
    const { limits, meters } = this.#host.node;
    this.#forgetSaid(now);
    if (this.#said.length < limits.revocationsMax) return;
    meters.refused("revocationsMax");
    throw new HoldfastError(
      "overloaded",
      `${limits.revocationsMax} revocations are remembered, which is the limit (revocationsMax). Revoke a whole user or session, or give "until".`,
    );
  }

  #forgetSaid(now: number): void {
    const { revocationMs } = this.#host.node.settings;
    const firstKept = this.#said.findIndex((at) => at + revocationMs > now);
    this.#said.splice(0, firstKept === -1 ? this.#said.length : firstKept);
  }

  /** Revokes the token of a connection that was ended by its id: it must not come back on another. Rule REV-9. */
  ended({ tokenId }: Principal, connection: string): void {
    const ending = this.#table.get("session", connection);
    const now = this.#host.clock.now();
    if (tokenId === undefined || ending === undefined || ending.until <= now) return;
    if (this.#table.get("token", tokenId) !== undefined) return;
    // For as long as was asked for, by whatever clock.
    const until = Math.min(ending.until, now + this.#host.node.settings.revocationMs);
    this.add({ token: tokenId }, until).catch((error: unknown) => {
      this.#failed(
        "The token of a connection that was ended could not be revoked; that is tried again.",
        error,
      );
      this.#host.node.deadlines.after(retryMs, () => this.ended({ tokenId }, connection));
    });
  }

  /** Those behind a place in the log, and whether there are more. Rule REV-8. */
  page(after: Cursor | undefined, limit: number): { page: readonly KnownRevocation[]; more: boolean } {
    this.#table.expire(this.#host.clock.now());
    const found = this.#table.after(after, limit + 1);
    return { page: found.slice(0, limit), more: found.length > limit };
  }

  get size(): number {
    return this.#table.size;
  }

  #take({ payload, offset }: LogEvent, epoch: string): void {
    const revocation = parseRevocation(payload.encoding === "json" ? parseJson(payload.text) : undefined);
    this.#said.push(revocation.at);
    if (revocation.until <= this.#host.clock.now()) return;
    this.#table.add({ ...revocation, cursor: { epoch, offset } });
    this.#enforce();
  }

  #missed(reason: string): void {
    this.#isLost = true;
    this.#host.node.log({
      level: "error",
      message:
        "Revocations were lost from the log; what this node knows of them holds on, and is said again.",
      reason,
      known: this.#table.size,
    });
  }

  /** Says again what another log does not say: nodes that start later must know it too. Rule REV-1. */
  async #restore(): Promise<void> {
    if (!this.#isLost) return;
    this.#isLost = false;
    const { limits } = this.#host.node;
    this.#table.expire(this.#host.clock.now());
    const missing = this.#table.notIn(this.#log.epoch ?? "");
    try {
      for (let done = 0; done < missing.length; done += limits.publishEventsMax) {
        await this.#log.post(missing.slice(done, done + limits.publishEventsMax).map(draftOf));
      }
    } catch (error) {
      this.#isLost = true;
      this.#failed("Revocations could not be said again; that is tried again.", error);
    }
  }

  #failed(message: string, error: unknown): void {
    this.#host.node.log({ level: "error", message, error: thrownField(error) });
  }

  /** The clock was set. */
  clockSet(now: number): void {
    this.deadline = now;
  }

  tick(now: number): void {
    this.deadline = now + expireEveryMs;
    this.#table.expire(now);
    this.#forgetSaid(now);
    void this.#restore();
  }
}

/** A revocation as the wire and the log have it. */
export function formatRevocation({ kind, value, at, until }: Revocation): Record<string, unknown> {
  return { [kind]: value, at, until };
}

function draftOf(revocation: Revocation): Draft {
  return { payload: { encoding: "json", text: JSON.stringify(formatRevocation(revocation)) } };
}

function parseRevocation(json: unknown): Revocation {
  if (!isRecord(json)) throw new Error("A revocation is an object.");
  const { at, until, ...target } = json;
  if (!Number.isSafeInteger(at) || !Number.isSafeInteger(until)) {
    throw new Error("A revocation has its times.");
  }
  return { ...readTarget(target), at: at as number, until: until as number };
}

/** Throws `bad_message` for what is not exactly one target. Rule REV-8. */
export function readTarget(target: unknown): { kind: RevocationKind; value: string } {
  const entries = isRecord(target) ? Object.entries(target) : [];
  const [[name, value] = [undefined, undefined]] = entries;
  const kind = revocationKinds.find((one) => one === name);
  if (entries.length === 1 && kind !== undefined && isValue(value)) return { kind, value };
  throw new HoldfastError(
    "bad_message",
    `A revocation names one of {"user":"…"}, {"token":"…"} (its "jti") and {"session":"…"}, with 1 to ${valueCharactersMax} characters.`,
  );
}

function isValue(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= valueCharactersMax;
}
