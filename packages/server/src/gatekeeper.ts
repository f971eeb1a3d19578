import type { IncomingMessage } from "node:http";
import {
  type Action,
  type Clock,
  checkCurrent,
  type Gate,
  openGate,
  type Principal,
} from "@holdfast/core/server";
import { HoldfastError } from "@holdfast/protocol";
import type { ConnectionRequest, Settings } from "./options.ts";

const bearer = /^Bearer +([^\s]+) *$/i;

/** The bearer token of a request, if it brought one. RFC 6750 §2.1. */
export function tokenOf(request: IncomingMessage): string | undefined {
  return bearer.exec(request.headers.authorization ?? "")?.[1];
}

/** Asks the application who somebody is and what they may do. Rule AUTH-1. */
export class Gatekeeper {
  readonly #authenticate: Settings["authenticate"];
  readonly #authorize: Settings["authorize"];
  readonly #clock: Clock;

  constructor(settings: Settings, clock: Clock) {
    this.#authenticate = settings.authenticate;
    this.#authorize = settings.authorize;
    this.#clock = clock;
  }

  /** Whether answers may depend on who asks. */
  get authenticates(): boolean {
    return this.#authenticate !== undefined;
  }

  /** The gate for the connection of a request. */
  gateFor(request: IncomingMessage): Gate {
    const authenticate = this.#authenticate;
    const authorize = this.#authorize;
    if (authenticate === undefined || authorize === undefined) return openGate;
    // Not the request itself: that would keep its parser and buffers alive for as long as the connection.
    const about: ConnectionRequest = {
      url: request.url ?? "/",
      headers: request.headers,
      remoteAddress: request.socket.remoteAddress,
    };
    return {
      authenticate: async (token) => this.#check(await authenticate(token, about), token),
      authorize,
    };
  }

  #check(principal: Principal | null | undefined, token: string | undefined): Principal {
    if (!principal) {
      throw new HoldfastError(
        "unauthenticated",
        token === undefined ? "A token is needed, as in Authorization: Bearer …." : "The token is not valid.",
      );
    }
    checkCurrent(principal, this.#clock.now());
    return principal;
  }

  /** Who sent a request; throws `unauthenticated`. */
  async principalOf(request: IncomingMessage): Promise<Principal> {
    return await this.gateFor(request).authenticate(tokenOf(request));
  }

  /** Throws `forbidden` when the principal may not do this. */
  async demand(principal: Principal, action: Action, channel: string): Promise<void> {
    if (this.#authorize === undefined || (await this.#authorize(principal, action, channel))) return;
    throw new HoldfastError("forbidden", `You may not ${action} ${channel}.`);
  }
}
