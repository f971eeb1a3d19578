import type { Transport } from "@holdfast/client";
import { quoted } from "@holdfast/protocol";
import * as v from "valibot";
import type { Config } from "./config.ts";
import { logFormats, logLevels } from "./log.ts";

/** The secret that tokens are signed with. A variable alone: every user of a machine can see flags. */
export const secretVariable = "HOLDFAST_TOKEN_SECRET";

/** Something that a flag, an environment variable or the config file may say, in this order of strength. */
export interface Setting<Value> {
  /** The same in the config file. */
  readonly name: keyof Config;
  /** As commander takes it. */
  readonly flags: string;
  readonly env: `HOLDFAST_${string}`;
  readonly help: string;
  /** Takes what the config file says, and the text of a flag or variable. Messages continue "--flag …". */
  readonly schema: v.GenericSchema<unknown, Value>;
  /** Never shown. */
  readonly isSecret?: boolean;
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;

export type ValuesOf<S extends Settings> = {
  readonly [Name in keyof S]?: S[Name] extends Setting<infer Value> ? Value : never;
};

/** What each source says, before anybody checked it. */
export interface Sources {
  /** By commander's name for the option. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly config: { readonly file: string; readonly values: Readonly<Record<string, unknown>> } | undefined;
}

const wholeNumber = (min: number, max: number, message = `must be a whole number from ${min} to ${max}`) => {
  const fromText = v.pipe(v.string(), v.regex(/^\d{1,9}$/), v.transform(Number));
  return v.pipe(
    v.union([v.number(), fromText], message),
    v.integer(message),
    v.minValue(min, message),
    v.maxValue(max, message),
  );
};
const yesOrNo = v.union(
  [
    v.boolean(),
    v.pipe(
      v.picklist(["true", "1"]),
      v.transform(() => true),
    ),
    v.pipe(
      v.picklist(["false", "0"]),
      v.transform(() => false),
    ),
  ],
  "must be true or false",
);
const list = (what: string) =>
  v.union(
    [
      v.array(v.string()),
      v.pipe(
        v.string(),
        v.transform((text) => text.split(/[\s,]+/).filter((one) => one !== "")),
      ),
    ],
    `must be a list of ${what}`,
  );
const oneOf = <const Options extends readonly string[]>(options: Options) =>
  v.picklist(options, `must be one of ${options.join(", ")}`);
const nonEmpty = (what: string) => v.pipe(v.string(`must be ${what}`), v.nonEmpty(`must be ${what}`));

function define<Value>(setting: Setting<Value>): Setting<Value> {
  return setting;
}

/** More than any machine has cores for; each is a process of its own. */
const workersMax = 1024;

export const serveSettings = {
  port: define({
    name: "port",
    flags: "--port <number>",
    env: "HOLDFAST_PORT",
    help: "port to listen on; 0 takes any free one (default: 7070)",
    schema: wholeNumber(0, 65_535),
  }),
  host: define({
    name: "host",
    flags: "--host <name>",
    env: "HOLDFAST_HOST",
    help: "address to listen on; another than this machine's own needs authentication or --open (default: 127.0.0.1)",
    schema: nonEmpty("a host name or an IP address"),
  }),
  open: define({
    name: "open",
    flags: "--open",
    env: "HOLDFAST_OPEN",
    help: "let everybody who can reach this server read and publish everything",
    schema: yesOrNo,
  }),
  tlsCert: define({
    name: "tlsCert",
    flags: "--tls-cert <file>",
    env: "HOLDFAST_TLS_CERT",
    help: "certificate chain in PEM; with --tls-key the server speaks HTTPS and HTTP/2",
    schema: nonEmpty("the path of a PEM file"),
  }),
  tlsKey: define({
    name: "tlsKey",
    flags: "--tls-key <file>",
    env: "HOLDFAST_TLS_KEY",
    help: "private key in PEM",
    schema: nonEmpty("the path of a PEM file"),
  }),
  origins: define({
    name: "origins",
    flags: "--origin <origin...>",
    env: "HOLDFAST_ORIGINS",
    help: "origins of other sites whose pages may use this server, as in https://example.com",
    schema: list("origins"),
  }),
  trustedProxies: define({
    name: "trustedProxies",
    flags: "--trusted-proxy <address...>",
    env: "HOLDFAST_TRUSTED_PROXIES",
    help: "proxies in front whose X-Forwarded-For is believed: addresses, networks as in 10.0.0.0/8, loopback",
    schema: list("addresses"),
  }),
  workers: define({
    name: "workers",
    flags: "--workers <number>",
    env: "HOLDFAST_WORKERS",
    help: "processes that serve the port together; auto is one for each core (default: this process alone)",
    schema: v.union([
      v.literal("auto"),
      wholeNumber(1, workersMax, `must be auto or a whole number from 1 to ${workersMax}`),
    ]),
  }),
  log: define({
    name: "log",
    flags: "--log <format>",
    env: "HOLDFAST_LOG",
    help: "pretty, json or silent; on stderr (default: pretty on a terminal, else json)",
    schema: oneOf(logFormats),
  }),
  logLevel: define({
    name: "logLevel",
    flags: "--log-level <level>",
    env: "HOLDFAST_LOG_LEVEL",
    help: "the least that is logged: debug (each connection and refusal), info, warn or error (default: info)",
    schema: oneOf(logLevels),
  }),
} as const;

export const clientSettings = {
  url: define({
    name: "url",
    flags: "--url <url>",
    env: "HOLDFAST_URL",
    help: "the server (default: http://127.0.0.1:7070)",
    schema: v.pipe(
      v.string("must be a URL such as http://127.0.0.1:7070"),
      v.check(
        isServerUrl,
        "must be an http:// or https:// URL such as http://127.0.0.1:7070, without user, query or fragment",
      ),
      v.transform((text) => text.replace(/\/+$/, "")),
    ),
  }),
  token: define({
    name: "token",
    flags: "--token <token>",
    env: "HOLDFAST_TOKEN",
    help: "what authenticates you; the variable is better, as every user of this machine can see flags",
    schema: v.pipe(
      v.string("must be text"),
      v.regex(/^[\x21-\x7e]+$/, "must be visible ASCII characters without spaces"),
    ),
    isSecret: true,
  }),
  codec: define({
    name: "codec",
    flags: "--codec <codec>",
    env: "HOLDFAST_CODEC",
    help: "json, or msgpack: over a WebSocket, with bytes as they are (default: json)",
    schema: oneOf(["json", "msgpack"]),
  }),
} as const;

const transports = ["websocket", "sse", "long-poll", "poll"] as const satisfies readonly Transport[];

/** What commands need that only send requests. */
export const adminSettings = { url: clientSettings.url, token: clientSettings.token };

export const readerSettings = {
  ...clientSettings,
  via: define({
    name: "via",
    flags: "--via <transport>",
    env: "HOLDFAST_VIA",
    help: "auto, websocket, sse, long-poll or poll (default: auto)",
    schema: oneOf(["auto", ...transports]),
  }),
} as const;

function isServerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && `${username}${password}${search}${hash}` === "";
}

/** Takes each setting from its strongest source, and adds a sentence to `mistakes` for each that is wrong. */
export function resolveSettings<S extends Settings>(
  settings: S,
  sources: Sources,
  mistakes: string[],
): ValuesOf<S> {
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(settings)) {
    const given = strongest(setting, sources);
    if (given === undefined) continue;
    const checked = v.safeParse(setting.schema, given.value);
    if (checked.success) values[key] = checked.output;
    else mistakes.push(mistakeOf(setting, given, checked.issues[0].message));
  }
  return values as ValuesOf<S>;
}

interface Given {
  readonly value: unknown;
  readonly where: string;
}

function strongest({ name, flags, env }: Setting<unknown>, sources: Sources): Given | undefined {
  const flag = flags.slice(0, flags.search(/ |$/));
  const option = flag.slice(2).replace(/-./g, (part) => part.slice(1).toUpperCase());
  if (sources.flags[option] !== undefined) return { value: sources.flags[option], where: flag };
  // A variable that is set to nothing is how compose files and shells leave one out.
  if (sources.env[env]) return { value: sources.env[env], where: env };
  const value = sources.config?.values[name];
  return value === undefined ? undefined : { value, where: `"${name}" in ${sources.config?.file}` };
}

function mistakeOf({ isSecret, env }: Setting<unknown>, { value, where }: Given, message: string): string {
  if (isSecret) return `${where} ${message}.`;
  const sentence = `${where} ${message}, not ${quoted(value)}.`;
  if (where !== env || !/^tcp:\/\/[\d.]+:\d+$/.test(String(value))) return sentence;
  return `${sentence} Kubernetes sets that for a Service named "holdfast": rename it, or set enableServiceLinks to false.`;
}

const others = ["HOLDFAST_CONFIG", "HOLDFAST_SET", secretVariable];

/** Adds a sentence for each variable that is surely meant for us, and misspelt. */
export function checkVariables(env: Sources["env"], mistakes: string[]): void {
  const all: Settings = { ...serveSettings, ...readerSettings };
  const known = [...others, ...Object.values(all).map((setting) => setting.env)];
  for (const name of Object.keys(env)) {
    if (!name.startsWith("HOLDFAST_") || known.includes(name)) continue;
    const meant = known.find((one) => isMisspelling(name, one));
    if (meant !== undefined) mistakes.push(`There is no variable ${name}; did you mean ${meant}?`);
  }
}

/** Whether two words differ by one letter added, left out, changed, or swapped with its neighbour. */
function isMisspelling(word: string, right: string): boolean {
  let start = 0;
  while (start < word.length && word[start] === right[start]) start++;
  const a = word.slice(start);
  const b = right.slice(start);
  if (a.slice(1) === b.slice(1) || a.slice(1) === b || a === b.slice(1)) return true;
  return a[0] === b[1] && a[1] === b[0] && a.slice(2) === b.slice(2);
}
