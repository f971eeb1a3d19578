import type { Client } from "@holdfast/client";
import { ask, Refusal } from "../ask.ts";

/** What the demo's server gives to go on. */
interface Pass {
  readonly user: string;
  readonly token: string;
  readonly lifeMs: number;
}

/** A pass, and when it came, by this page's own clock, which nobody sets. */
interface Held extends Pass {
  readonly heldAt: number;
}

/** A token is given to whoever asks for one while this part of its life is left. */
const freshPart = 0.3;
const retryMs = 1000;

/** Who this tab is, and the token that says so. */
export class Visitor {
  /** A tab of its own is a session of its own: signing it out leaves the others alone. */
  #tab = drawTab();
  #user = "";
  #held: Held | undefined;
  #asking: Promise<string> | undefined;
  #isSignedOut = false;
  #signedIn = Promise.withResolvers<void>();
  /** Those that show this visitor's tokens, and are to go on when they have signed in again. */
  readonly clients = new Set<Client>();
  /** Tokens that came since this tab signed in. */
  tokens = 0;
  /** Called when there is a new token, or the visitor was signed out. */
  changed = () => {};

  get user(): string {
    return this.#user;
  }

  get isSignedOut(): boolean {
    return this.#isSignedOut;
  }

  /** What is left of the token's life, in ms, and all of it. */
  get life(): { readonly leftMs: number; readonly ofMs: number } {
    if (this.#held === undefined || this.#isSignedOut) return { leftMs: 0, ofMs: 0 };
    const { heldAt, lifeMs } = this.#held;
    return { leftMs: Math.max(0, heldAt + lifeMs - performance.now()), ofMs: lifeMs };
  }

  /** What the token says, for everybody to read; its signature stays where it is. */
  get claims(): string {
    const [, payload = "e30"] = this.#held?.token.split(".") ?? [];
    const base64 = payload.replaceAll("-", "+").replaceAll("_", "/");
    return JSON.stringify(JSON.parse(atob(base64)), null, 2);
  }

  /**
   * A source of tokens for one client. It gives another one each time, as the last may have been refused; what one client
   * has fetched serves the others as well.
   */
  source(): () => Promise<string> {
    let last: string | undefined;
    return async () => {
      last = await this.token(last);
      return last;
    };
  }

  /** A token that is valid for a while, and another than `instead`. */
  token(instead?: string): Promise<string> {
    const { leftMs, ofMs } = this.life;
    const held = this.#held?.token;
    if (held !== undefined && held !== instead && leftMs > ofMs * freshPart) return Promise.resolve(held);
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<string> {
    const tab = this.#tab;
    try {
      // #region token
      // Our cookie says who we are; the answer says so for a minute.
      const pass = (await ask("/demo/token", { tab })) as Pass;
      // #endregion
      this.#held = { ...pass, heldAt: performance.now() };
      this.#know(pass.user);
      this.tokens++;
      this.changed();
      return pass.token;
    } catch (error) {
      if (!isSignedOut(error) || tab !== this.#tab || this.#held === undefined) throw error;
      this.#signOut();
      // There is no other: a client that is given one again that was refused gives up.
      return this.#held.token;
    }
  }

  /** A demo that was started anew knows nobody: what the page shows of before is no more. */
  #know(user: string): void {
    if (this.#user !== "" && this.#user !== user) location.reload();
    this.#user = user;
  }

  #signOut(): void {
    if (this.#isSignedOut) return;
    this.#isSignedOut = true;
    this.#signedIn = Promise.withResolvers();
    this.changed();
  }

  /** Resolves when the server has said who this is, which it is asked until it does. */
  async signIn(): Promise<void> {
    while (this.user === "") {
      await this.token().catch(() => new Promise((resolve) => setTimeout(resolve, retryMs)));
    }
  }

  /** Has the server take back every token of this tab. */
  async revoke(): Promise<void> {
    await ask("/demo/revoke", { tab: this.#tab });
    this.#signOut();
  }

  /** Signs in as the same visitor, in a session of its own, and brings the clients along. */
  async signInAgain(): Promise<void> {
    this.#tab = drawTab();
    this.#held = undefined;
    this.tokens = 0;
    await this.token();
    this.#isSignedOut = false;
    for (const client of this.clients) client.reauthenticate();
    this.#signedIn.resolve();
    this.changed();
  }

  /** Resolves when the visitor, who was signed out, has signed in again. */
  get isBack(): Promise<void> {
    return this.#signedIn.promise;
  }
}

function isSignedOut(error: unknown): boolean {
  return error instanceof Refusal && error.code === "token_revoked";
}

/** Not `randomUUID`, which pages of another host than this machine's do not have. */
function drawTab(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const visitor = new Visitor();
