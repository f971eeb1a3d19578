import { HoldfastError, isErrorCode, isRecord } from "@holdfast/protocol";
import { Mistakes, readClientSettings, readCount } from "./client-plan.ts";
import { Interruption } from "./interruption.ts";
import { stdout } from "./output.ts";
import { checkReachable } from "./reachable.ts";
import { adminSettings } from "./settings.ts";

/** What `revoke` was called with. */
export interface RevokeFlags extends Readonly<Record<string, unknown>> {
  readonly user?: string;
  readonly tokenId?: string;
  readonly session?: string;
  readonly for?: string;
  readonly changed?: boolean;
  readonly list?: boolean;
  readonly json?: boolean;
}

/** A server, and in whose name it is asked. */
interface Place {
  readonly url: string;
  readonly token: string | undefined;
}

const timeoutMs = 30_000;

/** Revokes what the command line says, or lists what is revoked; throws a `Failure`, or the server's refusal. */
export async function revoke(flags: RevokeFlags): Promise<void> {
  const mistakes = new Mistakes();
  const target = targetOf(flags);
  checkFlags(flags, target, mistakes);
  const seconds = readCount("--for", flags.for, mistakes);
  const { url = "http://127.0.0.1:7070", token } = await readClientSettings(adminSettings, flags, mistakes);
  mistakes.settle();
  await checkReachable(url, new Interruption());
  const place = { url, token };
  if (flags.list) await list(place, flags);
  else if (flags.changed) await ask(place, "/permissions/changed", target);
  else {
    const until = seconds === undefined ? {} : { until: Date.now() + seconds * 1000 };
    await print(await ask(place, "/revocations", { ...target, ...until }), flags);
  }
}

function targetOf({ user, tokenId, session }: RevokeFlags): Readonly<Record<string, string>> {
  return {
    ...(user === undefined ? {} : { user }),
    ...(tokenId === undefined ? {} : { token: tokenId }),
    ...(session === undefined ? {} : { session }),
  };
}

function checkFlags(flags: RevokeFlags, target: Readonly<Record<string, string>>, mistakes: Mistakes): void {
  const named = Object.keys(target).length;
  if (flags.list) {
    if (named > 0 || flags.changed || flags.for) mistakes.add("--list stands alone.");
    return;
  }
  if (named !== 1) mistakes.add("Name what is revoked: one of --user, --token-id and --session.");
  if (!flags.changed) return;
  if (flags.user === undefined) mistakes.add("--changed needs --user.");
  if (flags.for !== undefined) mistakes.add("--changed revokes nothing; leave --for out.");
}

async function list(place: Place, flags: RevokeFlags): Promise<void> {
  for (let after = ""; ; ) {
    const page = await ask(place, `/revocations?limit=1000${after}`);
    const { revocations, cursor, more } = page;
    for (const one of Array.isArray(revocations) ? revocations : []) await print(one as Fields, flags);
    if (more !== true || typeof cursor !== "string") return;
    after = `&after=${cursor}`;
  }
}

type Fields = Readonly<Record<string, unknown>>;

/** A person reads times as dates; a program takes the answer as it is. */
async function print(revocation: Fields, { json }: RevokeFlags): Promise<void> {
  const { at, until, ...target } = revocation;
  const [[kind, value] = []] = Object.entries(target);
  const text = json
    ? JSON.stringify(revocation)
    : `${kind} ${String(value)}, revoked ${dateOf(at)}, remembered until ${dateOf(until)}`;
  await stdout.write(`${text}\n`);
}

function dateOf(time: unknown): string {
  return new Date(Number(time)).toISOString();
}

/** The answer of a server; throws its refusal. */
async function ask({ url, token }: Place, path: string, body?: Fields): Promise<Fields> {
  const answer = await fetch(`${url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    signal: AbortSignal.timeout(timeoutMs),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const json: unknown = text === "" ? {} : JSON.parse(text);
  const fields = isRecord(json) ? json : {};
  if (answer.ok) return fields;
  const { code, detail } = fields;
  throw new HoldfastError(
    isErrorCode(code) ? code : "internal",
    typeof detail === "string" ? detail : `The server answered ${answer.status}.`,
  );
}
