import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { isRecord, quoted } from "@holdfast/protocol";
import type { Sources } from "./settings.ts";

export const configNames = ["ts", "mts", "js", "mjs"].map((extension) => `holdfast.config.${extension}`);

/** Loads the config file that was named, or the one in the working directory; adds to `mistakes` what is wrong with it. */
export async function loadConfig(
  named: string | undefined,
  cwd: string,
  mistakes: string[],
): Promise<Sources["config"]> {
  const found = named === undefined ? configNames.filter((name) => existsSync(resolve(cwd, name))) : [named];
  const [file] = found;
  if (file === undefined) return undefined;
  if (found.length > 1) {
    mistakes.push(`There are ${found.join(" and ")} here; keep one, or name one with --config.`);
    return undefined;
  }
  const path = resolve(cwd, file);
  if (!existsSync(path)) {
    mistakes.push(`There is no config file ${quoted(file)}.`);
    return undefined;
  }
  return await importConfig(file, path, mistakes);
}

async function importConfig(file: string, path: string, mistakes: string[]): Promise<Sources["config"]> {
  let loaded: { default?: unknown };
  try {
    loaded = await import(pathToFileURL(path).href);
  } catch (error) {
    mistakes.push(`${file} could not be loaded: ${reasonOf(error)}`);
    return undefined;
  }
  if (!isRecord(loaded.default)) {
    mistakes.push(`${file} must export an object by default, as in: export default { port: 7070 };`);
    return undefined;
  }
  return { file, values: loaded.default };
}

/** What was thrown, and where. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `it threw ${quoted(thrown)}.`;
  const place = /(file:\/\/[^\s()]+?:\d+)(?::\d+)?\)?$/m.exec(thrown.stack ?? "")?.[1];
  const message = `${thrown.name}: ${thrown.message}`;
  if (place === undefined) return message;
  const [, url = "", line] = /^(.*):(\d+)$/.exec(place) ?? [];
  return `${message} (${relative(process.cwd(), decodeURI(url.slice("file://".length)))}:${line})`;
}
