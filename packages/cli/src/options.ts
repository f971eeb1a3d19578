import { type Command, Option } from "commander";
import type { Setting } from "./settings.ts";

/** Declares a flag for each setting. Its value is checked together with the other sources. */
export function addSettings(command: Command, settings: Readonly<Record<string, Setting<unknown>>>): void {
  for (const { flags, help, env } of Object.values(settings)) {
    command.addOption(new Option(flags, `${help} (env: ${env})`));
  }
}

/** Gathers the values of a flag that may be repeated. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
