import type { ClientOptions } from "@holdfast/client";
import { msgpack } from "@holdfast/client/msgpack";
import { HoldfastError } from "@holdfast/protocol";
import { loadConfig } from "./config-file.ts";
import { exitCodes, Failure } from "./exit-codes.ts";
import { checkVariables, resolveSettings, type Settings, type Sources, type ValuesOf } from "./settings.ts";

/** Gathers every mistake in what a command was given, so that all are told at once. */
export class Mistakes {
  readonly sentences: string[] = [];

  add(sentence: string): void {
    this.sentences.push(sentence);
  }

  /** Answers what `read` does, or notes what it throws. */
  catching<Value>(read: () => Value): Value | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      this.add(error.message);
      return undefined;
    }
  }

  /** Throws a `Failure` if there was any. */
  settle(): void {
    if (this.sentences.length > 0) throw new Failure(exitCodes.mistake, this.sentences);
  }
}

/** Takes the settings of a client command from flags, environment and config file. */
export async function readClientSettings<S extends Settings>(
  settings: S,
  flags: Readonly<Record<string, unknown>>,
  mistakes: Mistakes,
): Promise<ValuesOf<S>> {
  const env: Sources["env"] = process.env;
  const named = typeof flags.config === "string" ? flags.config : env.HOLDFAST_CONFIG || undefined;
  checkVariables(env, mistakes.sentences);
  const config = await loadConfig(named, process.cwd(), mistakes.sentences);
  return resolveSettings(settings, { flags, env, config }, mistakes.sentences);
}

/** How a client that speaks `codec` connects: MessagePack needs a WebSocket, and is worth one. Rule SES-5. */
export function codecOptions(codec: "json" | "msgpack"): Pick<ClientOptions, "codec" | "need"> {
  return codec === "msgpack" ? { codec: msgpack, need: "duplex" } : {};
}

/** Reads the text of a flag as a whole number. */
export function readCount(flag: string, text: string | undefined, mistakes: Mistakes): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  mistakes.add(`${flag} must be a whole number from 1 up, not ${JSON.stringify(text)}.`);
  return undefined;
}
