import type { Action, Principal } from "@holdfast/core/server";
import { HoldfastError } from "@holdfast/protocol";
import { Calls } from "../calls.ts";
import type { Deadlines } from "../deadlines.ts";
import { type Logger, thrownField } from "../log.ts";
import type { Meters } from "../metrics/meters.ts";
import type { ConnectionRequest, Settings } from "../options.ts";
import { type GrantForm, readGrants } from "./grant-form.ts";
import { Webhook } from "./webhook.ts";

/** Who somebody is, as the application says it: what they may do also as a person types it. */
export type KnownPrincipal = Omit<Principal, "grants"> & { readonly grants?: readonly GrantForm[] };

/** What asking takes, and tells. */
export interface ApplicationContext {
  readonly deadlines: Deadlines;
  readonly meters: Meters;
  readonly log: Logger;
}

/** The application, asked in code or over HTTP, and given up on when it does not answer. Rules AUTH-11, AUTH-14. */
export class Application {
  readonly #settings: Settings;
  readonly #context: ApplicationContext;
  readonly #webhook: Webhook | undefined;
  readonly #calls: Calls;

  constructor(settings: Settings, context: ApplicationContext) {
    const { auth, limits } = settings;
    const { deadlines, log } = context;
    this.#settings = settings;
    this.#context = context;
    this.#webhook = auth.webhook && new Webhook(auth.webhook, () => deadlines.passed(), log);
    this.#calls = new Calls(deadlines, limits.authTimeoutMs);
  }

  /** Null where it knows nobody by that. Rejects with `auth_unavailable`. */
  async principalOf(
    token: string | undefined,
    about: ConnectionRequest | undefined,
  ): Promise<Principal | null | undefined> {
    const { authenticate } = this.#settings;
    if (authenticate !== undefined && about !== undefined) {
      return await this.#ask("authenticate", async () => {
        const known = await authenticate(token, about);
        return known && withGrants(known);
      });
    }
    if (token === undefined || this.#webhook?.authenticates !== true) return null;
    return await this.#webhook.principalOf(token);
  }

  /** Rejects with `auth_unavailable`. */
  allows(principal: Principal, action: Action, channel: string): boolean | Promise<boolean> {
    const { authorize } = this.#settings;
    if (authorize !== undefined) return this.#ask("authorize", () => authorize(principal, action, channel));
    if (this.#webhook?.authorizes !== true) return false;
    return this.#webhook.allows(principal, action, channel);
  }

  /** What it said about a user's rights is not believed any more; without one, what it said about everybody's. */
  forget(user: string | undefined): void {
    this.#webhook?.forget(user);
  }

  /** One that does not answer must not hold what waits for it, and one that fails has not said no. */
  #ask<T>(name: string, ask: () => T | Promise<T>): T | Promise<T> {
    let answer: T | Promise<T>;
    try {
      answer = ask();
    } catch (thrown) {
      throw this.#failed(name, thrown);
    }
    if (!isPromise(answer)) return answer;
    const answered = Promise.resolve(answer).catch((thrown: unknown) => {
      throw this.#failed(name, thrown);
    });
    return this.#calls.settle(answered, () => {
      const { authTimeoutMs } = this.#settings.limits;
      this.#context.meters.refused("authTimeoutMs");
      this.#context.log({ level: "warn", message: `"${name}" did not answer in time.`, authTimeoutMs });
      return new HoldfastError(
        "auth_unavailable",
        `"${name}" did not answer within ${authTimeoutMs} ms (authTimeoutMs). Come back later with the same token.`,
        { limit: "authTimeoutMs" },
      );
    });
  }

  /** An outcome is the application's own answer; all else is a fault of its code. */
  #failed(name: string, thrown: unknown): HoldfastError {
    if (thrown instanceof HoldfastError) return thrown;
    this.#context.log({ level: "error", message: `"${name}" failed.`, error: thrownField(thrown) });
    return new HoldfastError("auth_unavailable", `"${name}" failed. Come back later with the same token.`, {
      cause: thrown,
    });
  }
}

/** Throws where grants are none: what was meant by them cannot be known. */
function withGrants(known: KnownPrincipal): Principal {
  const { user, expiresAt, issuedAt, tokenId, session, grants } = known;
  if (grants === undefined) return known as Principal;
  const read = readGrants(grants, (path, message) => {
    throw new Error(
      `authenticate answered with grants that are none: grants${path && `.${path}`} ${message}.`,
    );
  });
  // Named one by one: an object of the application's own may have them from its class.
  return { user, expiresAt, issuedAt, tokenId, session, grants: read } as Principal;
}

/** Also what is not one of ours, as query builders return. */
export function isPromise<T>(answer: T | Promise<T>): answer is Promise<T> {
  return typeof answer === "object" && answer !== null && "then" in answer;
}
