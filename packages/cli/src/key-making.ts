import { type ApiKey, ConfigurationError, createApiKey, type NewApiKey } from "@holdfast/server";
import { exitCodes, Failure } from "./exit-codes.ts";
import { stdout } from "./output.ts";

/** What `key` was called with. */
export interface KeyFlags {
  readonly id: string;
  readonly user?: string;
  readonly grant?: readonly string[];
}

/** Makes a key and prints it with the line that the config needs. Rejects with a `Failure` that says what is wrong. */
export async function printKey({ id, user, grant: grants = [] }: KeyFlags): Promise<void> {
  const { key, entry } = tryToMake({ id, ...(user === undefined ? {} : { user }), grants });
  await stdout.write(`${key}\n${formatEntry(entry)}\n`);
}

function tryToMake(about: Parameters<typeof createApiKey>[0]): NewApiKey {
  try {
    return createApiKey(about);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new Failure(exitCodes.mistake, error.mistakes, error);
  }
}

function formatEntry({ id, hash, user, grants }: ApiKey): string {
  const members = Object.entries({ id, hash, user, grants }).filter(([, value]) => value !== undefined);
  return `{ ${members.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(", ")} },`;
}
