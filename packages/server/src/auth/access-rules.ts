import {
  type Action,
  actions,
  everyChannel,
  fits,
  isChannelPattern,
  isReserved,
  type Principal,
} from "@holdfast/core/server";
import { isRecord, namespaceOf } from "@holdfast/protocol";

/** Who may do something with the channels of a namespace. */
export type AccessRule =
  /** Anybody, with a credential or without. */
  | "public"
  /** Whoever has a user id. */
  | "authenticated"
  /** The user whose id stands for `{id}` in the channel's name, as in `user:{id}`; a pattern otherwise. */
  | { readonly owner: string };

/** A rule alone is about `read`. */
export type AccessOptions = AccessRule | { readonly [action in Action]?: AccessRule };

/** Rules that are ready: owners as patterns with `{user}`. */
export type AccessRules = { readonly [action in Action]?: AccessRule };

const ruleForm = 'must be "public", "authenticated" or {"owner":"user:{id}"}';

/** Reads the rules of a namespace; what is wrong is told to `refuse` with the place below it. Rule AUTH-10. */
export function readAccess(
  namespace: string,
  value: unknown,
  refuse: (path: string, message: string) => void,
): AccessRules {
  const byAction = isRecord(value) && value.owner === undefined ? value : { read: value };
  const rules: { [action in Action]?: AccessRule } = {};
  for (const [name, rule] of Object.entries(byAction)) {
    const action = actions.find((one) => one === name);
    const path = byAction === value ? `.${name}` : "";
    if (action === undefined) {
      refuse("", `${ruleForm}, or an object of these by action: ${actions.join(", ")}`);
      continue;
    }
    const read = readRule(rule);
    if (read === undefined) refuse(path, ruleForm);
    else if (typeof read === "object" && !isWithin(namespace, read.owner)) {
      refuse(`${path}.owner`, "must be a pattern of this namespace's channels with {id} in it, once");
    } else rules[action] = typeof read === "object" ? { owner: patternOf(read.owner) } : read;
  }
  return rules;
}

function readRule(value: unknown): AccessRule | undefined {
  if (value === "public" || value === "authenticated") return value;
  if (!isRecord(value) || typeof value.owner !== "string" || Object.keys(value).length > 1) return undefined;
  return { owner: value.owner };
}

function isWithin(namespace: string, owner: string): boolean {
  return (
    owner.split("{id}").length === 2 && isChannelPattern(patternOf(owner)) && namespaceOf(owner) === namespace
  );
}

function patternOf(owner: string): string {
  return owner.replace("{id}", "{user}");
}

/** What the rules of a channel's namespace allow. Rule AUTH-10. */
export function ruleAllows(
  rules: ReadonlyMap<string, AccessRules>,
  { user }: Principal,
  action: Action,
  channel: string,
): boolean {
  // It is in no namespace, not even in the one without a name.
  if (rules.size === 0 || channel === everyChannel || isReserved(channel)) return false;
  const rule = rules.get(namespaceOf(channel))?.[action];
  if (rule === undefined) return false;
  if (rule === "public") return true;
  if (user === undefined) return false;
  return rule === "authenticated" || fits(rule.owner, user, channel);
}
