import { ask } from "../ask.ts";

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

/** A token serves all connections that ask for one while this part of its life is left. */
const freshPart = 0.7;
const retryMs = 1000;

/** Who this tab is, and the token that says so. */
export class Visitor {
  /** A tab of its own is a session of its own: signing it out leaves the others alone. */
  readonly #tab = drawTab();
  #held: Held | undefined;
  #asking: Promise<string> | undefined;
  /** Tokens that came since this tab signed in. */
  tokens = 0;
  /** Called when there is a new token. */
  changed = () => {};

  get user(): string {
    return this.#held?.user ?? "";
  }

  /** What is left of the token's life, in ms, and all of it. */
  get life(): { readonly leftMs: number; readonly ofMs: number } {
    if (this.#held === undefined) return { leftMs: 0, ofMs: 0 };
    const { heldAt, lifeMs } = this.#held;
    return { leftMs: Math.max(0, heldAt + lifeMs - performance.now()), ofMs: lifeMs };
  }

  /** What the token says, for everybody to read; its signature stays where it is. */
  get claims(): string {
    const [, payload = "e30"] = this.#held?.token.split(".") ?? [];
    const base64 = payload.replaceAll("-", "+").replaceAll("_", "/");
    return JSON.stringify(JSON.parse(atob(base64)), null, 2);
  }

  /** A token that is valid for a while: one request serves all connections that ask at about the same time. */
  readonly token = (): Promise<string> => {
    const { leftMs, ofMs } = this.life;
    if (this.#held !== undefined && leftMs > ofMs * freshPart) return Promise.resolve(this.#held.token);
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  };

  /** Resolves when the server has said who this is, which it is asked until it does. */
  async signIn(): Promise<void> {
    while (this.user === "") {
      await this.token().catch(() => new Promise((resolve) => setTimeout(resolve, retryMs)));
    }
  }

  async #ask(): Promise<string> {
    // #region token
    // Our cookie says who we are; the answer says so for a minute.
    const pass = (await ask("/demo/token", { tab: this.#tab })) as Pass;
    // #endregion
    this.#held = { ...pass, heldAt: performance.now() };
    this.tokens++;
    this.changed();
    return pass.token;
  }
}

/** Not `randomUUID`, which pages of another host than this machine's do not have. */
function drawTab(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const visitor = new Visitor();
