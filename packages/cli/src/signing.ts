import { readFileSync } from "node:fs";
import { isRecord, quoted } from "@holdfast/protocol";
import { ConfigurationError, signToken, type TokenKey } from "@holdfast/server";
import { loadConfig } from "./config-file.ts";
import { exitCodes, Failure } from "./exit-codes.ts";
import { stdout } from "./output.ts";
import { checkVariables, type Sources, secretVariable } from "./settings.ts";

/** What `token` was called with. */
export interface TokenFlags {
  readonly user?: string;
  readonly grant?: readonly string[];
  readonly for?: string;
  readonly session?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly config?: string;
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Signs a token and prints it. Rejects with a `Failure` that says what is wrong, or missing. */
export async function printToken(flags: TokenFlags, env: Sources["env"], cwd: string): Promise<void> {
  const mistakes: string[] = [];
  checkVariables(env, mistakes);
  const config = await loadConfig(flags.config ?? (env["HOLDFAST_CONFIG"] || undefined), cwd, mistakes);
  const configured = tokenOptionsOf(config?.values ?? {});
  const key = keyOf(env[secretVariable], configured.keys, mistakes);
  const lifetimeMs = durationOf(flags.for ?? "1h", mistakes);
  if (key === undefined || mistakes.length > 0) throw new Failure(exitCodes.mistake, mistakes);
  const { user, session, grant: grants = [] } = flags;
  const issuer = flags.issuer ?? first(configured.issuer);
  const audience = flags.audience ?? first(configured.audience);
  try {
    const token = await signToken({
      ...key,
      grants,
      lifetimeMs,
      ...(user === undefined ? {} : { user }),
      ...(session === undefined ? {} : { session }),
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
    });
    await stdout.write(`${token}\n`);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new Failure(exitCodes.mistake, error.mistakes);
  }
}

/** What the config file says about tokens; `serve` checks it in full. */
function tokenOptionsOf({ auth }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return isRecord(auth) && isRecord(auth["tokens"]) ? auth["tokens"] : {};
}

interface SigningKey {
  readonly secret: string | Uint8Array;
  readonly kid?: string;
}

function keyOf(secret: string | undefined, keys: unknown, mistakes: string[]): SigningKey | undefined {
  if (secret) return { secret };
  const configured = Array.isArray(keys) ? (keys as TokenKey[]) : [];
  const key = configured.find((one) => one.secret !== undefined || one.secretFile !== undefined);
  const found =
    key?.secret ?? (key?.secretFile === undefined ? undefined : readSecret(key.secretFile, mistakes));
  if (found !== undefined) return { secret: found, ...(key?.kid === undefined ? {} : { kid: key.kid }) };
  if (mistakes.length === 0) {
    mistakes.push(
      `There is no secret to sign with. Give ${secretVariable}, the same as the server's, as in: export ${secretVariable}="$(openssl rand -base64 32)"`,
    );
  }
  return undefined;
}

function readSecret(path: string, mistakes: string[]): string | undefined {
  try {
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    mistakes.push(`${quoted(path)} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
    return undefined;
  }
}

function durationOf(text: string, mistakes: string[]): number {
  const [, count, unit = ""] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * (unitMs[unit] ?? 0);
  if (ms > 0) return ms;
  mistakes.push(`--for must be a duration such as 30s, 15m, 8h or 1d, not ${quoted(text)}.`);
  return 0;
}

function first(value: unknown): string | undefined {
  const one: unknown = Array.isArray(value) ? value[0] : value;
  return typeof one === "string" ? one : undefined;
}
