import { createHash } from "node:crypto";
import { type Action, isUserId, type Principal } from "@holdfast/core/server";
import { HoldfastError, isRecord } from "@holdfast/protocol";
import { type Logger, thrownField } from "../log.ts";
import { type Answer, type AnswerSettings, Answers } from "./answers.ts";
import { Breaker, type BreakerSettings } from "./breaker.ts";
import { readGrants } from "./grant-form.ts";
import { callRemote, type RemoteAnswer, withoutQuery } from "./remote-call.ts";
import { Slots } from "./slots.ts";

/** Where an application is asked over HTTP, and how. */
export interface WebhookSettings extends AnswerSettings, BreakerSettings {
  /** Asked who a token stands for. */
  readonly authenticate: string | undefined;
  /** Asked whether somebody may do something. */
  readonly authorize: string | undefined;
  /** Sent with each call: by these the application knows who asks. */
  readonly headers: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
  /** Calls that may be under way; others wait for their turn, within their deadline. */
  readonly callsMax: number;
}

const bytesMax = 64 * 1024;

/** Asks an application over HTTP what `authenticate` and `authorize` would be asked in code. Rule AUTH-11. */
export class Webhook {
  readonly #principals: Answers<Principal | null>;
  readonly #permissions: Answers<boolean>;
  readonly #settings: WebhookSettings;
  readonly #lines: { readonly authenticate: Line; readonly authorize: Line };

  constructor(settings: WebhookSettings, passed: () => number, log: Logger) {
    this.#settings = settings;
    this.#principals = new Answers(settings, passed);
    this.#permissions = new Answers(settings, passed);
    const slots = new Slots(settings.callsMax);
    this.#lines = {
      authenticate: new Line(settings, "authenticate", slots, passed, log),
      authorize: new Line(settings, "authorize", slots, passed, log),
    };
  }

  get authenticates(): boolean {
    return this.#settings.authenticate !== undefined;
  }

  get authorizes(): boolean {
    return this.#settings.authorize !== undefined;
  }

  /** Null where the application knows no such token; rejects with `auth_unavailable`. */
  async principalOf(token: string): Promise<Principal | null> {
    // Tokens are kept by nobody but their owners.
    const key = createHash("sha256").update(token).digest("base64");
    return await this.#principals.of(key, async () => {
      const principal = await this.#lines.authenticate.ask({ token }, readPrincipal);
      return { value: principal, user: principal?.user };
    });
  }

  /** Rejects with `auth_unavailable`. */
  async allows({ user, tokenId, session }: Principal, action: Action, channel: string): Promise<boolean> {
    const question = { principal: { user, tokenId, session }, action, channel };
    return await this.#permissions.of(JSON.stringify(question), async (): Promise<Answer<boolean>> => {
      return { value: await this.#lines.authorize.ask(question, readPermission), user };
    });
  }

  /** What was heard about a user is not believed any more; without one, what was heard about everybody. */
  forget(user: string | undefined): void {
    this.#principals.forget(user);
    this.#permissions.forget(user);
  }
}

/** One URL of a webhook. Whatever goes wrong there, nobody is let in for it, nor told that their token is wrong. */
class Line {
  readonly #name: "authenticate" | "authorize";
  readonly #settings: WebhookSettings;
  readonly #slots: Slots;
  readonly #breaker: Breaker;
  readonly #passed: () => number;
  readonly #log: Logger;
  #isPuzzling = false;

  constructor(
    settings: WebhookSettings,
    name: "authenticate" | "authorize",
    slots: Slots,
    passed: () => number,
    log: Logger,
  ) {
    this.#name = name;
    this.#settings = settings;
    this.#slots = slots;
    this.#breaker = new Breaker(settings, passed);
    this.#passed = passed;
    this.#log = log;
  }

  /** `read` throws for what is no answer. */
  async ask<T>(body: unknown, read: (status: number, json: unknown) => T): Promise<T> {
    const { deadlineMs } = this.#settings;
    const giveUpAt = this.#passed() + deadlineMs;
    const leave = await this.#slots.enter(deadlineMs);
    if (leave === undefined) throw unavailable(undefined);
    try {
      const waitMs = this.#breaker.admit();
      if (waitMs > 0) throw unavailable(waitMs);
      return await this.#call(body, Math.max(1, Math.ceil(giveUpAt - this.#passed())), read);
    } finally {
      leave();
    }
  }

  async #call<T>(body: unknown, deadlineMs: number, read: (status: number, json: unknown) => T): Promise<T> {
    const { headers } = this.#settings;
    const url = this.#settings[this.#name] ?? "";
    let answer: RemoteAnswer;
    try {
      answer = await callRemote({ url, deadlineMs, bytesMax, headers, body });
      if (answer.status >= 500 || answer.status === 429) throw new Error(`Its status is ${answer.status}.`);
    } catch (error) {
      if (this.#breaker.failed()) this.#tell("The webhook fails; it is left alone for a while.", url, error);
      throw unavailable(undefined, error);
    }
    if (this.#breaker.succeeded()) this.#tell("The webhook answers again.", url);
    return this.#understood(() => read(answer.status, answer.json), url);
  }

  /** What cannot be read is no failure: else who sends tokens that puzzle the application would shut out everybody. */
  #understood<T>(read: () => T, url: string): T {
    try {
      const answer = read();
      this.#isPuzzling = false;
      return answer;
    } catch (error) {
      if (!this.#isPuzzling) this.#tell("The webhook's answer cannot be read.", url, error);
      this.#isPuzzling = true;
      throw unavailable(undefined, error);
    }
  }

  #tell(message: string, url: string, error?: unknown): void {
    const why = error === undefined ? {} : { error: thrownField(error) };
    this.#log({ level: "warn", message, webhook: this.#name, url: withoutQuery(url), ...why });
  }
}

function unavailable(retryAfterMs: number | undefined, cause?: unknown): HoldfastError {
  return new HoldfastError(
    "auth_unavailable",
    "The application could not be asked about this. Come back later with the same token.",
    { cause, ...(retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(retryAfterMs) }) },
  );
}

function readPermission(status: number, json: unknown): boolean {
  if (status === 200 && isRecord(json) && typeof json.allowed === "boolean") return json.allowed;
  throw new Error(
    `The answer must be 200 with {"allowed":true} or {"allowed":false}; its status is ${status}.`,
  );
}

function readPrincipal(status: number, json: unknown): Principal | null {
  if (status === 401 || status === 403) return null;
  if (status !== 200 || !isRecord(json)) {
    throw new Error(`The answer must be 200 with a principal, or 401; its status is ${status}.`);
  }
  const { user, expiresAt, issuedAt, tokenId, session, grants, ...others } = json;
  const [other] = Object.keys(others);
  if (other !== undefined) throw new Error(`A principal has no "${other}".`);
  if (user !== undefined && !isUserId(user)) throw new Error('"user" is no user id.');
  return {
    ...(user === undefined ? {} : { user }),
    ...member("expiresAt", expiresAt, "number"),
    ...member("issuedAt", issuedAt, "number"),
    ...member("tokenId", tokenId, "string"),
    ...member("session", session, "string"),
    grants: readGrants(grants ?? [], (path, message) => {
      throw new Error(`"grants.${path}" ${message}.`);
    }),
  };
}

function member(name: string, value: unknown, type: "number" | "string"): Record<string, unknown> {
  if (value === undefined) return {};
  if (typeof value === type) return { [name]: value };
  throw new Error(`"${name}" must be a ${type}.`);
}
