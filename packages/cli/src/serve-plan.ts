import { availableParallelism } from "node:os";
import { isRecord } from "@holdfast/protocol";
import {
  type CloseOptions,
  ConfigurationError,
  type Holdfast,
  type HoldfastOptions,
  isLoopbackHost,
  type ListenOptions,
  type Logger,
} from "@holdfast/server";
import * as v from "valibot";
import { type Assigned, assign, type Values } from "./assignments.ts";
import { loadConfig } from "./config-file.ts";
import { exitCodes, Failure } from "./exit-codes.ts";
import { loggerFor } from "./log.ts";
import {
  checkVariables,
  resolveSettings,
  type Sources,
  secretVariable,
  serveSettings,
  type ValuesOf,
} from "./settings.ts";
import { readTlsFiles, type TlsFiles } from "./tls-files.ts";

/** A server that is ready to listen. */
export interface ServePlan<Server> {
  readonly server: Server;
  readonly listen: ListenOptions & { readonly host: string };
  readonly close: CloseOptions;
  readonly logger: Logger;
  /** Reads certificate and key as they are now; adds to `mistakes` what keeps them from being used. */
  readonly readTls: (mistakes: string[]) => TlsFiles;
  /** Who may come in, to be said at the start. */
  readonly admits: string;
}

/** Makes the server once its options are known, and it is known by how many processes it is served. */
export type Create<Server> = (options: HoldfastOptions, workers: number | undefined) => Server;

/** What `serve` was called with. */
export interface ServeFlags extends Values {
  readonly config?: string;
  readonly set?: readonly string[];
}

/** In the config file, but no matter for the node itself. */
const notOptions = new Set([
  "port",
  "host",
  "tlsCert",
  "tlsKey",
  "workers",
  "log",
  "logger",
  "close",
  "url",
  "token",
  "codec",
  "via",
]);

/** Makes a server of flags, environment and config file; throws a `Failure` with a sentence for every mistake in them. */
export async function planServer<Server extends Pick<Holdfast, "close">>(
  flags: ServeFlags,
  env: Sources["env"],
  cwd: string,
  create: Create<Server>,
): Promise<ServePlan<Server>> {
  const mistakes: string[] = [];
  checkVariables(env, mistakes);
  const config = await loadConfig(flags.config ?? (env["HOLDFAST_CONFIG"] || undefined), cwd, mistakes);
  const settings = resolveSettings(serveSettings, { flags, env, config }, mistakes);
  const { host = "127.0.0.1", port = 7070 } = settings;
  const readTls = (found: string[]) => readTlsFiles(settings.tlsCert, settings.tlsKey, found);
  const tls = readTls(mistakes);
  const set = assign(config?.values ?? {}, flags.set ?? [], env["HOLDFAST_SET"], mistakes);
  const assigned = withSecret(set, env[secretVariable]);
  const locate = (sentence: string) => located(sentence, assigned, config?.file);
  const close = readClose(assigned.values["close"], (sentence) => mistakes.push(locate(sentence)));
  const logger = chooseLogger(settings, config?.values["logger"]);
  const options = optionsOf(assigned.values, settings, logger);
  checkExposure(host, options, mistakes);
  const workers = settings.workers === "auto" ? availableParallelism() : settings.workers;
  const server = tryTo(
    () => create(options, workers),
    (sentence) => mistakes.push(locate(sentence)),
  );
  if (server === undefined || mistakes.length > 0) {
    await server?.close();
    throw new Failure(exitCodes.mistake, mistakes);
  }
  return { server, listen: { host, port, ...tls }, close, logger, readTls, admits: admission(options) };
}

function optionsOf(
  values: Values,
  { open, origins, trustedProxies, logLevel }: ValuesOf<typeof serveSettings>,
  logger: Logger,
): HoldfastOptions {
  const own = Object.fromEntries(Object.entries(values).filter(([name]) => !notOptions.has(name)));
  return {
    ...own,
    ...(open === undefined ? {} : { open }),
    ...(origins === undefined ? {} : { origins }),
    ...(trustedProxies === undefined ? {} : { trustedProxies }),
    ...(logLevel === undefined ? {} : { logLevel }),
    logger,
  };
}

/** A secret in the environment is one more key that tokens may be signed with; what is wrong with it is said to be there. */
function withSecret({ values, sources }: Assigned, secret: string | undefined): Assigned {
  const { auth = {} } = values;
  const { tokens = {} } = isRecord(auth) ? auth : {};
  const { keys = [] } = isRecord(tokens) ? tokens : {};
  // What is no such thing is refused as it stands.
  if (!secret || !isRecord(auth) || !isRecord(tokens) || !Array.isArray(keys)) return { values, sources };
  const all = [...(keys as unknown[]), { secret }];
  return {
    values: { ...values, auth: { ...auth, tokens: { ...tokens, keys: all } } },
    sources: new Map([...sources, [`auth.tokens.keys.${keys.length}.secret`, secretVariable]]),
  };
}

/** A format that was asked for is stronger than a logger in the config file. */
function chooseLogger({ log, logLevel }: ValuesOf<typeof serveSettings>, custom: unknown): Logger {
  if (log === undefined && typeof custom === "function") return custom as Logger;
  return loggerFor(log ?? (process.stderr.isTTY ? "pretty" : "json"), logLevel);
}

const wholeMs = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)));
const closeSchema = v.optional(v.strictObject({ noticeMs: wholeMs, spreadMs: wholeMs, deadlineMs: wholeMs }));

function readClose(value: unknown, refuse: (sentence: string) => void): CloseOptions {
  const checked = v.safeParse(closeSchema, value);
  if (checked.success) return (checked.output ?? {}) as CloseOptions;
  for (const issue of checked.issues) {
    const name = v.getDotPath(issue);
    const path = name === null ? "close" : `close.${name}`;
    if (name === null) refuse('The option "close" must be an object of settings.');
    else if (issue.expected === "never") refuse(`There is no option "${path}".`);
    else refuse(`The option "${path}" must be a whole number from 0 up.`);
  }
  return {};
}

function tryTo<Server>(create: () => Server, refuse: (sentence: string) => void): Server | undefined {
  try {
    return create();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    for (const sentence of error.mistakes) refuse(sentence);
    return undefined;
  }
}

/** Says where the option that a sentence names was set. */
function located(sentence: string, { sources }: Assigned, file: string | undefined): string {
  for (const [path, source] of sources) {
    if (sentence.includes(`"${path}"`)) return `${source}: ${sentence}`;
  }
  return file === undefined ? sentence : `${file}: ${sentence}`;
}

function checkExposure(
  host: string,
  { auth, authenticate, open }: HoldfastOptions,
  mistakes: string[],
): void {
  if (open === true || auth !== undefined || authenticate !== undefined || isLoopbackHost(host)) return;
  mistakes.push(
    `On ${host} other machines could read and publish everything, as no authentication is configured. Give HOLDFAST_TOKEN_SECRET, "auth" in holdfast.config.ts, or --open if that is meant.`,
  );
}

function admission({ auth, authenticate, open }: HoldfastOptions): string {
  if (auth !== undefined || authenticate !== undefined) return "with authentication";
  if (open === true) return "open to everybody who can reach it";
  return "for this machine alone: no authentication is configured";
}
