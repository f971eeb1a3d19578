import { type Broker, defaultMemoryLimits, type MemoryLimits, type Retention } from "@holdfast/core/broker";
import {
  type Action,
  type Clock,
  defaultNamespace,
  type NamespaceSettings,
  type Neighbours,
  type Principal,
} from "@holdfast/core/server";
import { defaultLimits, type Limits } from "@holdfast/protocol";
import type { AccessOptions } from "./auth/access-rules.ts";
import type { KnownPrincipal } from "./auth/application.ts";
import { type AuthOptions, type AuthSettings, letsIn, readAuth } from "./auth/options.ts";
import { reservedNamespace } from "./auth/reserved-namespaces.ts";
import { ConfigurationError } from "./configuration-error.ts";
import { contradictions } from "./contradictions.ts";
import type { ProxyHeader } from "./limits/proxies.ts";
import { guardLog, type Logger, type LogLevel, stderrLogger } from "./log.ts";
import type { Peers } from "./metrics/peers.ts";
import type { OperationsOptions } from "./operations.ts";
import { faultsOf } from "./options-schema.ts";

/** The part of a client's request by which it may be known. */
export interface ConnectionRequest {
  /** The path and query, as they were sent. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The address of the client: of the peer, unless that is a trusted proxy, which says for whom it speaks. Rule LIM-5. */
  readonly remoteAddress: string | undefined;
}

/** What a node decides for a broker that it is to make. */
export interface BrokerSetting {
  readonly clock: Clock;
  retention(channel: string): Retention;
}

export interface CompressionSettings {
  /** 1, the quickest, to 9, the shortest: of deflate, and of Zstandard. */
  readonly level: number;
  /** What is shorter is sent as it is. */
  readonly thresholdBytes: number;
}

/** Half of a typical JSON message of half a kilobyte goes away; of a shorter one, hardly enough to pay. */
export const defaultCompression: CompressionSettings = { level: 3, thresholdBytes: 512 };

/** What a namespace changes of the defaults. */
export type NamespaceOptions = Partial<Omit<NamespaceSettings, "retention">> & {
  readonly retention?: Partial<Retention>;
  /** Who may do what with its channels, beside what they are granted; of this namespace alone. */
  readonly access?: AccessOptions;
};

export interface HoldfastOptions {
  /** Where the logs live: in this process unless given. A function is called once, and what it made is stopped at the end. */
  readonly broker?: Broker | ((setting: BrokerSetting) => Broker);
  readonly limits?: Partial<Limits>;
  /** Bounds of the log in this process; not together with `broker`. */
  readonly memory?: Partial<MemoryLimits>;
  /** By name; the namespace "" is that of channels without a ":", and the others start from it. */
  readonly namespaces?: Readonly<Record<string, NamespaceOptions>>;
  /** Who may come in and what they may do: tokens, keys, anonymous grants, a webhook. */
  readonly auth?: AuthOptions;
  /**
   * Resolves a token, or its absence, to a principal; null means that it is refused. Needs `authorize`. Where `auth` has
   * `tokens` or `keys`, it is asked about what is neither a JWT nor such a key.
   */
  readonly authenticate?: (
    token: string | undefined,
    request: ConnectionRequest,
  ) => KnownPrincipal | null | Promise<KnownPrincipal | null>;
  /** Is asked about what neither grants nor rules allow. */
  readonly authorize?: (principal: Principal, action: Action, channel: string) => boolean | Promise<boolean>;
  /** Lets anybody who can reach this node read and publish everything. */
  readonly open?: boolean;
  /** Other nodes behind the same address, whose members and signals are to be those of this one as well. */
  readonly neighbours?: Neighbours;
  /** Origins of other sites, as in `https://example.com`, whose pages may use this node. */
  readonly origins?: readonly string[];
  /**
   * Proxies whose word is taken for who a client is: addresses, networks as in `10.0.0.0/8`, `loopback`. An empty list says
   * that there are none. Where it is not given, clients are not counted by addresses of networks of one's own, as each may be a proxy.
   */
  readonly trustedProxies?: readonly string[];
  /** Which header these proxies write, and is read alone: the other one may be the client's. `x-forwarded-for` unless given. */
  readonly proxyHeader?: ProxyHeader;
  readonly logger?: Logger;
  /** The least that is logged; `debug` has a line for each connection and refusal. `info` unless given, `warn` without a `logger`. */
  readonly logLevel?: LogLevel;
  /** Is given the lines for the record, which have `audit: true`, instead of the `logger`: who did what with the power to do it. */
  readonly audit?: Logger;
  /** Opens a second listener for health, metrics and stats with the first call of `listen`: whoever reaches it needs no token. */
  readonly operations?: OperationsOptions;
  /** The other processes of the same port, which `/metrics` and `/stats` are to answer for as well. */
  readonly peers?: Peers;
  /**
   * Compresses what is said to clients that offer it, once for all of them. Off unless given: what it saves must be worth
   * its time, and where secrets and what strangers write share a channel, the length of a message can tell of them.
   */
  readonly compression?: boolean | Partial<CompressionSettings>;
  /** How long any call to the broker may take, in ms. 5,000 unless given. */
  readonly brokerDeadlineMs?: number;
}

/** Who may come in at all: `loopback` serves this machine alone, because nothing was said about anybody else. */
export type Access = "authenticated" | "open" | "loopback";

/** Options with every default filled in. */
export interface Settings {
  readonly access: Access;
  readonly auth: AuthSettings;
  readonly authenticate: HoldfastOptions["authenticate"];
  readonly authorize: HoldfastOptions["authorize"];
  readonly broker: HoldfastOptions["broker"];
  readonly brokerDeadlineMs: number;
  readonly limits: Limits;
  /** How long a revocation is remembered, in ms: no token lives longer. */
  readonly revocationMs: number;
  readonly memory: MemoryLimits;
  /** Undefined: nothing is compressed. */
  readonly compression: CompressionSettings | undefined;
  readonly logger: Logger;
  readonly logLevel: LogLevel;
  readonly audit: Logger | undefined;
  readonly peers: Peers | undefined;
  readonly operations: OperationsOptions | undefined;
  readonly neighbours: Neighbours | undefined;
  readonly origins: readonly string[];
  /** Undefined: nobody said whether there are any. */
  readonly trustedProxies: readonly string[] | undefined;
  readonly proxyHeader: ProxyHeader;
  namespace(name: string): NamespaceSettings;
}

/** Checks options and fills in what they leave open; throws a `ConfigurationError` that lists every mistake. */
export function readOptions(options: HoldfastOptions): Settings {
  const faults = faultsOf(options);
  if (faults.length > 0) throw new ConfigurationError(faults);
  const limits: Limits = { ...defaultLimits, ...options.limits };
  const mistakes = contradictions(options, limits);
  const auth = readAuth(options.auth ?? {}, options.namespaces ?? {}, mistakes);
  const needsAuth = options.auth !== undefined && options.authenticate === undefined;
  if (mistakes.length === 0 && needsAuth && !letsIn(auth)) {
    mistakes.push(
      'The option "auth" lets nobody in; give it tokens, keys, anonymous grants or a webhook that authenticates.',
    );
  }
  const { logLevel = options.logger === undefined ? "warn" : "info" } = options;
  if (mistakes.length > 0) throw new ConfigurationError(mistakes);
  const revocationMs = revocationMsOf(limits, auth.tokens);
  return {
    access: accessOf(options),
    auth,
    authenticate: options.authenticate,
    authorize: options.authorize,
    broker: options.broker,
    brokerDeadlineMs: options.brokerDeadlineMs ?? 5000,
    limits,
    revocationMs,
    memory: { ...defaultMemoryLimits, ...options.memory },
    compression: compressionOf(options.compression),
    logger: guardLog(options.logger ?? stderrLogger, logLevel),
    logLevel,
    audit: options.audit && guardLog(options.audit, "info"),
    peers: options.peers,
    operations: options.operations,
    neighbours: options.neighbours,
    origins: options.origins ?? [],
    trustedProxies: options.trustedProxies,
    proxyHeader: options.proxyHeader ?? "x-forwarded-for",
    namespace: namespacesOf(options.namespaces ?? {}, limits, revocationMs),
  };
}

/** As long as any token could need it, that is from its issue to its last moment by any clock. */
function revocationMsOf({ revocationMs }: Limits, tokens: AuthSettings["tokens"]): number {
  if (tokens === undefined) return revocationMs;
  return Math.max(revocationMs, tokens.lifetimeMsMax + tokens.clockToleranceMs);
}

function accessOf({ auth, authenticate, open }: HoldfastOptions): Access {
  if (auth !== undefined || authenticate !== undefined) return "authenticated";
  return open === true ? "open" : "loopback";
}

function compressionOf(given: HoldfastOptions["compression"]): CompressionSettings | undefined {
  if (given === undefined || given === false) return undefined;
  return { ...defaultCompression, ...(given === true ? {} : given) };
}

function namespacesOf(
  given: Readonly<Record<string, NamespaceOptions>>,
  limits: Limits,
  revocationMs: number,
): Settings["namespace"] {
  const base = refine(defaultNamespace, given[""]);
  const named = new Map(Object.entries(given).map(([name, changes]) => [name, refine(base, changes)]));
  return (name) => reservedNamespace(name, limits, revocationMs) ?? named.get(name) ?? base;
}

function refine(from: NamespaceSettings, options: NamespaceOptions = {}): NamespaceSettings {
  const { access: _, ...changes } = options;
  return { ...from, ...changes, retention: { ...from.retention, ...changes.retention } };
}

/** Asks of a broker what the settings need; throws a `ConfigurationError`. */
export function checkCapabilities(broker: Broker, namespaces: HoldfastOptions["namespaces"]): void {
  if (broker.capabilities.state) return;
  const mistakes = Object.entries(namespaces ?? {})
    .filter(([, { mode }]) => mode === "latest")
    .map(
      ([name]) =>
        `The namespace "${name}" has the mode "latest", which the broker ${broker.name} cannot serve: it keeps no state by key.`,
    );
  if (mistakes.length > 0) throw new ConfigurationError(mistakes);
}
