import type { Grant } from "@holdfast/core/server";
import * as v from "valibot";
import { isLoopbackHost } from "../origins.ts";
import { objectOfSettings, wholeFrom } from "../setting-forms.ts";
import { type AccessOptions, type AccessRules, readAccess } from "./access-rules.ts";
import { type ApiKey, type KnownKey, readApiKeys } from "./api-keys.ts";
import { type GrantForm, readGrants } from "./grant-form.ts";
import type { RemoteKeySettings } from "./remote-keys.ts";
import { readTokenKeys, type TokenKey } from "./token-keys.ts";
import type { TokenSettings } from "./tokens.ts";
import type { WebhookSettings } from "./webhook.ts";

/** Where the keys of an issuer are; its URL alone will do. */
export interface JwksOptions {
  readonly url: string;
  /** Takes `http://` from other machines, on a network of your own. */
  readonly insecure?: boolean;
  /** 5,000 unless given. */
  readonly deadlineMs?: number;
  /** How long keys are used before they are asked for anew; 600,000 unless given. */
  readonly cacheMs?: number;
  /** How long they are not asked for again, whatever keys tokens name; 30,000 unless given. */
  readonly cooldownMs?: number;
}

/** Which JWTs are taken: of which keys, from whom, for whom. */
export interface TokenOptions {
  /** Several at once while they are rotated. */
  readonly keys?: readonly TokenKey[];
  readonly jwks?: string | JwksOptions;
  readonly issuer?: string | readonly string[];
  /** Needed with `jwks`, whose keys sign for others as well; an empty list takes tokens for anybody. */
  readonly audience?: string | readonly string[];
  /** By how much the issuer's clock may differ; 5,000 unless given. A token ends by so much later. */
  readonly clockToleranceMs?: number;
  /** What lives longer is refused, so that a revocation can be forgotten; a day unless given. */
  readonly lifetimeMsMax?: number;
}

/** What is asked of the application over HTTP. */
export interface WebhookOptions {
  /** Asked who a token stands for: POST `{"token"}`, answered 200 with a principal, or 401. */
  readonly authenticate?: string;
  /** Asked for a permission: POST `{"principal","action","channel"}`, answered 200 with `{"allowed":boolean}`. */
  readonly authorize?: string;
  /** Takes `http://` to other machines, on a network of your own. */
  readonly insecure?: boolean;
  /** Sent with each call, as in `{ Authorization: "Bearer …" }`: by these the application knows who asks. */
  readonly headers?: Readonly<Record<string, string>>;
  /** 2,000 unless given. */
  readonly deadlineMs?: number;
  /** How long an answer is remembered, be it yes or no; 10,000 unless given, 0 not at all. */
  readonly cacheMs?: number;
  /** 10,000 unless given. */
  readonly cacheEntriesMax?: number;
  /** Failures in a row after which nothing is asked for a while; 5 unless given. */
  readonly failuresMax?: number;
  /** How long that is; 5,000 unless given. */
  readonly pauseMs?: number;
  /** Calls at once; 64 unless given. */
  readonly callsMax?: number;
}

/** Who may come in, and what they may do, without a line of code. */
export interface AuthOptions {
  readonly tokens?: TokenOptions;
  /** API keys of the application's servers; `holdfast key` makes them. */
  readonly keys?: readonly ApiKey[];
  /** What anybody may do, without a credential as well. */
  readonly anonymous?: readonly GrantForm[];
  /** The cookie that may carry a token. */
  readonly cookie?: string;
  readonly webhook?: WebhookOptions;
}

/** The same with every default filled in. */
export interface AuthSettings {
  readonly tokens: TokenSettings | undefined;
  readonly jwks: RemoteKeySettings | undefined;
  readonly keys: readonly KnownKey[];
  readonly anonymous: readonly Grant[];
  readonly cookie: string | undefined;
  readonly webhook: WebhookSettings | undefined;
  /** Rules of namespaces, by their names. */
  readonly rules: ReadonlyMap<string, AccessRules>;
}

const text = (message: string) => v.pipe(v.string(message), v.nonEmpty(message));
const oneOrMore = (message: string) =>
  v.optional(v.union([text(message), v.array(text(message), message)], message));

function isPlainUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, hash } = new URL(value);
  return /^https?:$/.test(protocol) && `${username}${password}${hash}` === "";
}

const urlForm = "must be an https:// URL without user and fragment";
const plainUrl = v.pipe(v.string(urlForm), v.check(isPlainUrl, urlForm));
const insecure = v.optional(v.boolean("must be true or false"));

const jwksSettings = v.strictObject(
  {
    url: plainUrl,
    insecure,
    deadlineMs: v.optional(wholeFrom(1)),
    cacheMs: v.optional(wholeFrom(1)),
    cooldownMs: v.optional(wholeFrom(0)),
  },
  "must be a URL, or an object of settings",
);
const secretForm = "must be text, or bytes";
const tokenKey = v.strictObject(
  {
    secret: v.optional(v.union([v.string(), v.instance(Uint8Array)], secretForm)),
    secretFile: v.optional(text("must be the path of a file")),
    publicKey: v.optional(v.union([v.string(), v.record(v.string(), v.unknown())], "must be PEM, or a JWK")),
    publicKeyFile: v.optional(text("must be the path of a file")),
    kid: v.optional(text("must be text")),
  },
  'must be a key such as {"secret":"…"} or {"publicKeyFile":"key.pem"}',
);
const apiKey = v.strictObject(
  {
    id: text("must be text"),
    hash: text("must be text"),
    user: v.optional(v.string("must be text")),
    grants: v.optional(v.unknown()),
  },
  'must be a key as "holdfast key" prints it',
);
const cookieForm = "must be the name of a cookie";

export const authSchema = v.strictObject(
  {
    tokens: v.optional(
      v.strictObject(
        {
          keys: v.optional(v.array(tokenKey, "must be a list of keys")),
          jwks: v.optional(
            v.lazy((given) => (typeof given === "object" && given !== null ? jwksSettings : plainUrl)),
          ),
          issuer: oneOrMore("must be text, or a list of texts"),
          audience: oneOrMore("must be text, or a list of texts"),
          clockToleranceMs: v.optional(wholeFrom(0)),
          lifetimeMsMax: v.optional(wholeFrom(1)),
        },
        objectOfSettings,
      ),
    ),
    keys: v.optional(v.array(apiKey, "must be a list of keys")),
    anonymous: v.optional(v.unknown()),
    cookie: v.optional(v.pipe(v.string(cookieForm), v.regex(/^[\w!#$%&'*+.^`|~-]+$/, cookieForm))),
    webhook: v.optional(
      v.strictObject(
        {
          authenticate: v.optional(plainUrl),
          authorize: v.optional(plainUrl),
          insecure,
          headers: v.optional(v.record(v.string(), v.string("must be text"), "must be an object of headers")),
          deadlineMs: v.optional(wholeFrom(1)),
          cacheMs: v.optional(wholeFrom(0)),
          cacheEntriesMax: v.optional(wholeFrom(1)),
          failuresMax: v.optional(wholeFrom(1)),
          pauseMs: v.optional(wholeFrom(1)),
          callsMax: v.optional(wholeFrom(1)),
        },
        objectOfSettings,
      ),
    ),
  },
  objectOfSettings,
);

/** Adds a sentence for each mistake. */
type Mistakes = string[];

function refuseAt(mistakes: Mistakes, path: string): (below: string, message: string) => void {
  return (below, message) => {
    const dot = below === "" || below.startsWith(".") ? "" : ".";
    mistakes.push(`The option "${path}${dot}${below}" ${message}.`);
  };
}

/** Reads options whose shape was checked; adds to `mistakes` what only their contents tell. */
export function readAuth(
  auth: AuthOptions,
  namespaces: Readonly<Record<string, { readonly access?: AccessOptions }>>,
  mistakes: Mistakes,
): AuthSettings {
  const { tokens, keys = [], anonymous = [], cookie, webhook } = auth;
  const granted = readGrants(anonymous, refuseAt(mistakes, "auth.anonymous"));
  if (granted.some(({ channels }) => channels.some((one) => one.includes("{user}")))) {
    mistakes.push('The option "auth.anonymous" must be without {user}: it is for those who have no user id.');
  }
  const rules = new Map<string, AccessRules>();
  for (const [name, { access }] of Object.entries(namespaces)) {
    if (access === undefined) continue;
    rules.set(name, readAccess(name, access, refuseAt(mistakes, `namespaces.${name}.access`)));
  }
  return {
    tokens: tokens && readTokens(tokens, mistakes),
    jwks: tokens?.jwks === undefined ? undefined : readJwks(tokens.jwks, mistakes),
    keys: readApiKeys(keys, refuseAt(mistakes, "auth.keys")),
    anonymous: granted,
    cookie,
    webhook: webhook && readWebhook(webhook, mistakes),
    rules,
  };
}

const day = 86_400_000;

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === "string" ? [value] : value;
}

function readTokens(options: TokenOptions, mistakes: Mistakes): TokenSettings {
  const { keys = [], jwks, issuer = [], audience, clockToleranceMs = 5000, lifetimeMsMax = day } = options;
  if (keys.length === 0 && jwks === undefined) {
    mistakes.push('The option "auth.tokens" must have keys, or the URL of a JWKS.');
  }
  if (jwks !== undefined && audience === undefined) {
    mistakes.push(
      'With "auth.tokens.jwks" the option "auth.tokens.audience" is needed: the same keys sign tokens for other applications. An empty list takes them all.',
    );
  }
  return {
    keys: readTokenKeys(keys, refuseAt(mistakes, "auth.tokens.keys")),
    issuers: listOf(issuer),
    audiences: audience === undefined ? undefined : listOf(audience),
    clockToleranceMs,
    lifetimeMsMax,
  };
}

/** What is sent there is secret, or what comes from there decides who may come in: nobody on the way may read or change it. */
function checkSecure(
  path: string,
  url: string | undefined,
  insecure: boolean | undefined,
  mistakes: Mistakes,
): void {
  if (url === undefined || insecure === true) return;
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || isLoopbackHost(hostname)) return;
  const [, parent] = /^(.*)\.\w+$/.exec(path) ?? [];
  mistakes.push(
    `The option "${path}" must be https://, or http:// on this machine; "${parent}.insecure" takes http:// on a network of your own.`,
  );
}

function readJwks(given: string | JwksOptions, mistakes: Mistakes): RemoteKeySettings {
  const { insecure, ...options }: JwksOptions = typeof given === "string" ? { url: given } : given;
  checkSecure("auth.tokens.jwks.url", options.url, insecure, mistakes);
  return { deadlineMs: 5000, cacheMs: 600_000, cooldownMs: 30_000, ...options };
}

function readWebhook({ insecure, ...options }: WebhookOptions, mistakes: Mistakes): WebhookSettings {
  for (const name of ["authenticate", "authorize"] as const) {
    checkSecure(`auth.webhook.${name}`, options[name], insecure, mistakes);
  }
  if (options.authenticate === undefined && options.authorize === undefined) {
    mistakes.push('The option "auth.webhook" must have a URL: authenticate, authorize, or both.');
  }
  return {
    authenticate: undefined,
    authorize: undefined,
    headers: {},
    deadlineMs: 2000,
    cacheMs: 10_000,
    cacheEntriesMax: 10_000,
    failuresMax: 5,
    pauseMs: 5000,
    callsMax: 64,
    ...options,
  };
}

/** Whether anybody may come in by what these say. */
export function letsIn({ tokens, keys, anonymous, webhook, rules }: AuthSettings): boolean {
  return (
    tokens !== undefined ||
    keys.length > 0 ||
    webhook?.authenticate !== undefined ||
    isOpenToAll(anonymous, rules)
  );
}

/** Whether there is anything that somebody without a credential may do. */
export function isOpenToAll(anonymous: readonly Grant[], rules: AuthSettings["rules"]): boolean {
  return (
    anonymous.length > 0 || [...rules.values()].some((byAction) => Object.values(byAction).includes("public"))
  );
}
