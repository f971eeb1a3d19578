import { isRecord, quoted } from "@holdfast/protocol";

/** A value for a place in the config file, as `--set` and `HOLDFAST_SET` say it. */
interface Assignment {
  readonly path: readonly string[];
  readonly value: unknown;
}

export type Values = Readonly<Record<string, unknown>>;

const form = "looks like limits.heartbeatMs=5000 or namespaces.chat.retention.eventsMax=1000";

/**
 * Reads `path=value`. Adds a sentence to `mistakes` when it is none.
 *
 * The namespace `*` is that of channels without a ":", from which the others start; its own name is empty.
 */
function parseAssignment(text: string, where: string, mistakes: string[]): Assignment | undefined {
  const [, root, rest, value] =
    /^(limits|memory|namespaces|compression|operations|close|auth)\.([^=]+)=(.*)$/.exec(text) ??
    /^(brokerDeadlineMs|compression|proxyHeader)()=(.*)$/.exec(text) ??
    [];
  const path = root === undefined || rest === undefined ? undefined : pathOf(root, rest);
  if (path === undefined || value === undefined) {
    mistakes.push(`${where} ${form}, not ${quoted(text)}.`);
    return undefined;
  }
  return { path, value: readValue(value) };
}

function pathOf(root: string, rest: string): readonly string[] | undefined {
  if (rest === "") return [root];
  if (root !== "namespaces") return [root, ...rest.split(".")];
  // A namespace's name may have dots itself.
  const [, name, ...setting] = /^(.+?)\.(?:(retention)\.)?([^.]+)$/.exec(rest) ?? [];
  if (name === undefined) return undefined;
  return [root, name === "*" ? "" : name, ...setting.filter((part) => part !== undefined)];
}

function readValue(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** What was assigned where, to say so of a mistake that is found later. */
export interface Assigned {
  readonly values: Values;
  /** The source of each, by its path as in `limits.heartbeatMs`. */
  readonly sources: ReadonlyMap<string, string>;
}

/** Puts assignments over the values of the config file, those of flags over those of the environment. */
export function assign(
  onto: Values,
  flags: readonly string[],
  variable: string | undefined,
  mistakes: string[],
): Assigned {
  const sources = new Map<string, string>();
  let values = onto;
  const given = [
    ...(variable?.split(/\s+/) ?? [])
      .filter((text) => text !== "")
      .map((text) => ["HOLDFAST_SET", text] as const),
    ...flags.map((text) => ["--set", text] as const),
  ];
  for (const [where, text] of given) {
    const assignment = parseAssignment(text, where, mistakes);
    if (assignment === undefined) continue;
    values = withValue(values, assignment.path, assignment.value);
    sources.set(assignment.path.join("."), `${where} ${text}`);
  }
  return { values, sources };
}

function withValue(values: Values, [name = "", ...rest]: readonly string[], value: unknown): Values {
  const old = Object.hasOwn(values, name) ? values[name] : undefined;
  const own = rest.length === 0 ? value : withValue(isRecord(old) ? old : {}, rest, value);
  // A computed name makes an own property even of "__proto__".
  return { ...values, [name]: own };
}
