import type { HoldfastError } from "@holdfast/protocol";
import type { Turn } from "./effects.ts";
import type { Transport } from "./ladder.ts";

/** Why a connection is closed for good: by the application, or because the server will not have it as it is. */
export type CloseReason =
  | { readonly type: "closed" }
  | { readonly type: "reauthenticate"; readonly error: HoldfastError }
  | { readonly type: "never"; readonly error: HoldfastError };

/** The application closed the connection while something was asked of it. */
export class ClosedError extends Error {
  override readonly name = "ClosedError";
  /** Whether it had left, so that it may have been done all the same. */
  readonly sent: boolean;

  constructor(sent: boolean) {
    super(sent ? "The client was closed before an answer came." : "The client is closed.");
    this.sent = sent;
  }
}

/** How a client's connection stands, as an application sees it. */
export type ConnectionState =
  /** Nobody uses it. */
  | { readonly type: "idle" }
  /** `failures` counts since things were last well. */
  | { readonly type: "connecting"; readonly failures: number }
  | { readonly type: "live"; readonly transport: Transport }
  /** It was live, and has not been for longer than one would notice. */
  | { readonly type: "recovering"; readonly failures: number }
  /** The device says that it has no network. */
  | { readonly type: "offline" }
  | { readonly type: "closed"; readonly reason: CloseReason };

/** Reports the state, but no trouble that is over before anybody notices. */
export class StateReporter {
  readonly #turn: Turn;
  readonly #graceMs: number;
  #reported: ConnectionState = { type: "idle" };
  #troubleAt: number | undefined;

  constructor(turn: Turn, graceMs: number) {
    this.#turn = turn;
    this.#graceMs = graceMs;
  }

  get state(): ConnectionState {
    return this.#reported;
  }

  /** When a trouble held back so far is to be reported. */
  get deadline(): number | undefined {
    return this.#troubleAt === undefined ? undefined : this.#troubleAt + this.#graceMs;
  }

  /** Told after every turn how things really are. */
  update(state: ConnectionState): void {
    const trouble = state.type === "recovering" || state.type === "offline";
    if (trouble && this.#reported.type === "live") {
      this.#troubleAt ??= this.#turn.now;
      if (this.#turn.now < this.#troubleAt + this.#graceMs) return;
    }
    this.#troubleAt = undefined;
    if (sameState(this.#reported, state)) return;
    this.#reported = state;
    this.#turn.emit({ type: "state", state });
  }
}

function sameState(a: ConnectionState, b: ConnectionState): boolean {
  if (a.type !== b.type) return false;
  if (a.type === "live" && b.type === "live") return a.transport === b.transport;
  if ("failures" in a && "failures" in b) return a.failures === b.failures;
  return true;
}
