import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import {
  type Action,
  allows,
  type Clock,
  checkCurrent,
  checkNotReserved,
  type Gate,
  isUserId,
  notPermitted,
  openGate,
  type Principal,
  permits,
} from "@holdfast/core/server";
import { HoldfastError } from "@holdfast/protocol";
import type { Proxies } from "../limits/proxies.ts";
import type { AuthOutcome } from "../metrics/meters.ts";
import type { ConnectionRequest, Settings } from "../options.ts";
import type { Origins } from "../origins.ts";
import { ruleAllows } from "./access-rules.ts";
import { ApiKeys, isApiKey } from "./api-keys.ts";
import { Application, type ApplicationContext, isPromise } from "./application.ts";
import type { Control } from "./control.ts";
import { type Credential, credentialOf } from "./credential.ts";
import { isOpenToAll } from "./options.ts";
import { RemoteKeys } from "./remote-keys.ts";
import type { Carried } from "./tickets.ts";
import { isJwt, Tokens } from "./tokens.ts";

/** What a gatekeeper is told by, and tells. */
export interface GatekeeperContext extends ApplicationContext {
  readonly clock: Clock;
  readonly origins: Origins;
  readonly proxies: Proxies;
  /** Undefined where nobody is asked who they are. */
  readonly control: Control | undefined;
}

/** How a request is let in. */
export interface Entry {
  readonly gate: Gate;
  /** What the gate knows its sender by, unless `hello` brings another. */
  readonly token: string | undefined;
  /** A ticket was used, so that there is somebody already. */
  readonly hasTicket: boolean;
}

/** What makes sure later that a principal may still do what it might do before. */
export interface Standing {
  /** Rejects with `token_expired`, `token_revoked` or `forbidden`. */
  confirm(action: Action, channel: string): Promise<void>;
}

const nobody: Principal = {};

/** Everybody may do everything, but with the nodes' own channels. */
const openToAll: Gate = {
  ...openGate,
  authorize: (_principal, _action, channel) => {
    checkNotReserved(channel);
    return true;
  },
};

/** Says who somebody is, and what they may do, on every transport alike. Rules AUTH-1 to AUTH-16. */
export class Gatekeeper {
  readonly #settings: Settings;
  readonly #context: GatekeeperContext;
  readonly #tokens: Tokens | undefined;
  readonly #keys: ApiKeys | undefined;
  readonly #application: Application;
  /** Somebody without a credential may come in, and do what anybody may. */
  readonly #admitsNobody: boolean;
  readonly #rights: Pick<Gate, "authorize"> = {
    authorize: (principal, action, channel) => this.#authorize(principal, action, channel),
  };

  constructor(settings: Settings, context: GatekeeperContext) {
    const { auth } = settings;
    const { clock, deadlines, log } = context;
    this.#settings = settings;
    this.#context = context;
    const remote = auth.jwks && new RemoteKeys(auth.jwks, () => deadlines.passed(), log);
    this.#tokens = auth.tokens && new Tokens(auth.tokens, clock, remote);
    this.#keys = auth.keys.length === 0 ? undefined : new ApiKeys(auth.keys);
    this.#application = new Application(settings, context);
    this.#admitsNobody = isOpenToAll(auth.anonymous, auth.rules);
  }

  /** Whether answers may depend on who asks. */
  get authenticates(): boolean {
    return this.#settings.access === "authenticated";
  }

  /** Whether anybody may read a channel, so that a page of it may be given to anybody. Rule JSON-4. */
  isPublic(channel: string): boolean {
    return !this.authenticates || this.#allowsAnybody(nobody, "read", channel);
  }

  /**
   * What a request brought by which its sender may be known. Throws `forbidden` for a cookie that a foreign page made
   * the browser send, and `bad_parameter` for a token in the URL. Rules AUTH-2, AUTH-12.
   */
  credentialOf(request: IncomingMessage): Credential {
    const credential = credentialOf(request, this.#settings.auth.cookie);
    const mayBeCookie =
      credential.by === "cookie" ||
      // The application may look for one by itself.
      (credential.by === "none" && this.#settings.authenticate !== undefined && "cookie" in request.headers);
    if (mayBeCookie) this.#context.origins.vouch(request);
    return credential;
  }

  /** The gate for the connection of a request. */
  gateFor(request: IncomingMessage): Gate {
    return this.authenticates ? this.#gate(request, this.credentialOf(request)) : openToAll;
  }

  /** Lets in by what a request brought; a ticket is used by that. Rejects with `unauthenticated`. Rules TICK-2, TICK-4. */
  async enter(request: IncomingMessage): Promise<Entry> {
    if (!this.authenticates) return { gate: openToAll, token: undefined, hasTicket: false };
    const credential = this.credentialOf(request);
    if (credential.by !== "ticket") {
      return { gate: this.#gate(request, credential), token: credential.token, hasTicket: false };
    }
    const { token, cookie } = await this.#redeem(credential.ticket);
    const traded = { by: "ticket", token } as const;
    return {
      gate: this.#gate(request, traded, { cookie, authorization: undefined }),
      token,
      hasTicket: true,
    };
  }

  async #redeem(ticket: string): Promise<Carried> {
    const { control, meters } = this.#context;
    await control?.read();
    try {
      return (await control?.tickets.redeem(ticket)) ?? {};
    } catch (error) {
      meters.authenticated(meterOf(error, ticket), "ticket");
      throw error;
    }
  }

  /** What a ticket is traded for: whatever lets this request in. Throws `unauthenticated`. Rule TICK-1. */
  carriedBy(request: IncomingMessage): Carried {
    const { token } = this.credentialOf(request);
    if (token !== undefined) return { token };
    const { cookie } = request.headers;
    if (cookie !== undefined && this.#settings.authenticate !== undefined) return { cookie };
    throw new HoldfastError(
      "unauthenticated",
      "A ticket is traded for a credential: send Authorization: Bearer …, or the cookie.",
    );
  }

  #gate(
    request: IncomingMessage,
    credential: Pick<Credential, "by" | "token">,
    instead?: IncomingHttpHeaders,
  ): Gate {
    // Not the request itself: that would keep its parser and buffers alive for as long as the connection.
    const about: ConnectionRequest | undefined = this.#settings.authenticate && {
      url: request.url ?? "/",
      headers: instead === undefined ? request.headers : { ...request.headers, ...instead },
      remoteAddress: this.#context.proxies.clientOf(request),
    };
    return {
      authenticate: (token) => {
        const by = token === credential.token ? credential.by : "message";
        return this.#authenticate(token, by, about);
      },
      ...this.#rights,
    };
  }

  /** Who sent a request; throws `unauthenticated` and its kin. */
  async principalOf(request: IncomingMessage): Promise<Principal> {
    if (!this.authenticates) return nobody;
    const credential = this.credentialOf(request);
    return await this.#gate(request, credential).authenticate(credential.token);
  }

  /** Who sent a request that may bring a ticket; throws `unauthenticated` and its kin. */
  async visitorOf(request: IncomingMessage): Promise<Principal> {
    const { gate, token } = await this.enter(request);
    return await gate.authenticate(token);
  }

  /** Throws `forbidden` when the principal may not do this. */
  async demand(principal: Principal, action: Action, channel: string): Promise<void> {
    const { authorize } = this.authenticates ? this.#rights : openToAll;
    if (await authorize(principal, action, channel)) return;
    throw notPermitted(action, channel);
  }

  /** Throws `forbidden` for who may not administer a channel, be it one of the nodes' own. Rules REV-8, REV-10. */
  async demandAdmin(principal: Principal, channel: string): Promise<void> {
    // Who lets everybody in lets everybody do everything, but to the nodes' own channels.
    if (!this.authenticates) return await this.demand(principal, "admin", channel);
    const isAllowed = await this.#allows(principal, "admin", channel);
    this.#context.control?.check(principal);
    if (!isAllowed) throw notPermitted("admin", channel);
  }

  /** Taken before it is found out what somebody may do, for when that takes effect much later. Rule REV-7. */
  standingOf(principal: Principal): Standing {
    const { control, clock } = this.#context;
    const version = this.#permissionsVersion;
    return {
      confirm: async (action, channel) => {
        checkCurrent(principal, clock.now());
        control?.check(principal);
        if (this.#permissionsVersion === version) return;
        if (action === "admin") await this.demandAdmin(principal, channel);
        else await this.demand(principal, action, channel);
      },
    };
  }

  /** What was heard about a user's rights is asked anew; without one, what was heard about everybody's. */
  permissionsChanged(user: string | undefined): void {
    this.#application.forget(user);
  }

  async #authenticate(
    token: string | undefined,
    by: Credential["by"] | "message",
    about: ConnectionRequest | undefined,
  ): Promise<Principal> {
    const { meters, control } = this.#context;
    try {
      await control?.read();
      const principal = this.#check(await this.#identify(token, about), token);
      meters.authenticated("accepted", by);
      return principal;
    } catch (error) {
      meters.authenticated(meterOf(error, token), by);
      throw error;
    }
  }

  /** Null where nobody knows who that is. */
  async #identify(
    token: string | undefined,
    about: ConnectionRequest | undefined,
  ): Promise<Principal | null | undefined> {
    if (token !== undefined) {
      this.#checkLength(token);
      if (this.#keys !== undefined && isApiKey(token)) return this.#keys.principalOf(token);
      if (this.#tokens !== undefined && isJwt(token)) return await this.#tokens.principalOf(token);
    }
    const known = await this.#application.principalOf(token, about);
    return known ?? (token === undefined && this.#admitsNobody ? nobody : null);
  }

  #checkLength(token: string): void {
    const { tokenBytesMax } = this.#settings.limits;
    if (token.length <= tokenBytesMax) return;
    this.#context.meters.refused("tokenBytesMax");
    throw new HoldfastError(
      "unauthenticated",
      `The token is longer than ${tokenBytesMax} bytes (tokenBytesMax).`,
      { limit: "tokenBytesMax" },
    );
  }

  #check(principal: Principal | null | undefined, token: string | undefined): Principal {
    if (!principal) {
      throw new HoldfastError(
        "unauthenticated",
        token === undefined ? "A token is needed, as in Authorization: Bearer …." : "The token is not valid.",
      );
    }
    checkCurrent(principal, this.#context.clock.now());
    this.#context.control?.check(principal);
    const { user } = principal;
    if (user !== undefined && !isUserId(user)) {
      throw new Error("authenticate answered with a user that is no user id: 1 to 256 characters.");
    }
    return principal;
  }

  /** What anybody may do: by the rules of the namespace, and by what everybody was granted. */
  #allowsAnybody(principal: Principal, action: Action, channel: string): boolean {
    const { anonymous, rules } = this.#settings.auth;
    return allows(anonymous, undefined, action, channel) || ruleAllows(rules, principal, action, channel);
  }

  /** What somebody may do who may be here, with channels that are not the nodes' own. Rules REV-3, REV-6. */
  #authorize(principal: Principal, action: Action, channel: string): boolean | Promise<boolean> {
    checkNotReserved(channel);
    this.#context.control?.check(principal);
    const version = this.#permissionsVersion;
    const answer = this.#allows(principal, action, channel);
    if (!isPromise(answer)) return answer;
    return answer.then((isAllowed) => {
      // It may have taken its time, and be the answer to how it was before.
      if (this.#permissionsVersion !== version) return this.#authorize(principal, action, channel);
      this.#context.control?.check(principal);
      return isAllowed;
    });
  }

  /** Another one than before says that what was heard of rights may not hold any more. */
  get #permissionsVersion(): number | undefined {
    return this.#context.control?.permissions.version;
  }

  /** The sum of all that allows something; nothing takes a right away. Rule AUTH-13. */
  #allows(principal: Principal, action: Action, channel: string): boolean | Promise<boolean> {
    if (permits(principal, action, channel) || this.#allowsAnybody(principal, action, channel)) return true;
    return this.#application.allows(principal, action, channel);
  }
}

function meterOf(error: unknown, token: string | undefined): AuthOutcome {
  if (!(error instanceof HoldfastError)) return "unreachable";
  switch (error.code) {
    case "token_expired":
      return "expired";
    case "token_revoked":
      return "revoked";
    case "unauthenticated":
      return token === undefined ? "missing" : "invalid";
    default:
      return "unreachable";
  }
}
