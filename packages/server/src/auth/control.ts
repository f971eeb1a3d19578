import {
  type Clock,
  ControlLog,
  type ControlLogOptions,
  controlChannels,
  Hubs,
  type Principal,
} from "@holdfast/core/server";
import { HoldfastError } from "@holdfast/protocol";
import { thrownField } from "../log.ts";
import type { Node } from "../node.ts";
import { Enforcement } from "./enforcement.ts";
import { PermissionChanges } from "./permission-changes.ts";
import { Revocations } from "./revocations.ts";
import { Tickets } from "./tickets.ts";

/** How often a node looks for what it was not told of: what is revoked holds everywhere within a second. Rule REV-1. */
const auditMs = 1000;

/** What a node decides for one of the control logs. */
export type LogSettings = Pick<ControlLogOptions, "channel" | "start" | "take" | "missed" | "arrived">;

/** What the parts of a node's control need of it. */
export interface ControlHost {
  readonly node: Node;
  readonly clock: Clock;
  readonly hubs: Hubs;
  openLog(settings: LogSettings): ControlLog;
}

/**
 * What the nodes behind one broker tell each other about who may go on: revocations, changed permissions, used tickets.
 * Rule REV-1.
 */
export class Control implements ControlHost {
  readonly node: Node;
  readonly clock: Clock;
  /** Of their own: no crowd delays them, and what a node counts as read is what its clients read. */
  readonly hubs: Hubs;
  readonly revocations: Revocations;
  readonly permissions: PermissionChanges;
  readonly tickets: Tickets;
  readonly #logs: ControlLog[] = [];
  /** Those who wait for the logs to be read: they are forgotten one by one, since that may take as long as an outage does. */
  readonly #awaiting = new Set<() => void>();
  #isStopped = false;

  constructor(node: Node) {
    const { broker, clock, limits, settings, deadlines, log } = node;
    this.node = node;
    this.clock = clock;
    this.hubs = new Hubs({
      broker,
      clock,
      limits: { ...limits, heartbeatMs: Math.min(auditMs, limits.heartbeatMs) },
      settings: (namespace) => settings.namespace(namespace),
      schedule: () => setImmediate(() => !this.#isStopped && this.hubs.flush()),
      onError: (fault) =>
        log({ level: "error", message: "A control log failed.", error: thrownField(fault) }),
    });
    const enforcement = new Enforcement({
      node,
      refusalOf: (principal, connection) => this.revocations.refusalOf(principal, connection),
      ended: (principal, connection) => this.revocations.ended(principal, connection),
    });
    this.revocations = new Revocations(this, () => enforcement.revoked());
    this.permissions = new PermissionChanges(this, (user) => {
      node.gatekeeper.permissionsChanged(user);
      enforcement.changed(user);
    });
    this.tickets = new Tickets(this);
    deadlines.add(this.hubs);
    deadlines.add(this.revocations);
    deadlines.add(this.tickets);
  }

  openLog(settings: LogSettings): ControlLog {
    const { node } = this;
    const log = new ControlLog({
      ...settings,
      hubs: this.hubs,
      deadlineMs: node.settings.brokerDeadlineMs,
      after: (ms, run) => node.deadlines.after(ms, run),
      troubled: (thrown) =>
        node.log({
          level: "error",
          message: "A control log cannot be followed, or says what is not understood.",
          channel: settings.channel,
          error: thrownField(thrown),
        }),
    });
    this.#logs.push(log);
    return log;
  }

  /** Begins to read what is said. */
  begin(): void {
    for (const log of this.#logs) void log.begin();
    void Promise.all(this.#logs.map(({ read }) => read)).then(() => {
      for (const done of this.#awaiting) done();
    });
  }

  /** How many wait for what was said before. */
  get awaiting(): number {
    return this.#awaiting.size;
  }

  /** Whether this node knows what the others had said when it came. */
  get isRead(): boolean {
    return this.#logs.every(({ isRead }) => isRead);
  }

  /** Resolves when `isRead`; rejects with `broker_unavailable` where that takes too long. */
  async read(): Promise<void> {
    if (this.isRead) return;
    const { deadlines, settings } = this.node;
    await new Promise<void>((resolve, reject) => {
      const cancel = deadlines.after(settings.brokerDeadlineMs, () => {
        this.#awaiting.delete(done);
        reject(unread());
      });
      const done = () => {
        this.#awaiting.delete(done);
        cancel();
        resolve();
      };
      this.#awaiting.add(done);
    });
  }

  /** Throws `token_revoked` for a principal that may not be here any more. Rules REV-2, REV-3. */
  check(principal: Principal): void {
    const refusal = this.revocations.refusalOf(principal);
    if (refusal !== undefined) throw refusal;
  }

  /** The clock was set. */
  clockSet(now: number): void {
    this.hubs.clockSet(now);
    this.revocations.clockSet(now);
    this.tickets.clockSet(now);
  }

  stop(): void {
    this.#isStopped = true;
    for (const log of this.#logs) log.stop();
    this.hubs.stop();
  }
}

function unread(): HoldfastError {
  return new HoldfastError(
    "broker_unavailable",
    `This node has not read yet who may come in (${controlChannels.revocations}). Come back later with the same token.`,
  );
}
