import { type Action, actions, type Grant, isChannelPattern } from "@holdfast/core/server";
import { isRecord } from "@holdfast/protocol";

/** A grant in full, or as a person types it: actions and channel patterns, each by commas, as in `"read,publish chat:*"`. */
export type GrantForm = Grant | string;

/** Is told where a value is wrong, as in `0.actions`, and what it must be. */
export type Refuse = (path: string, message: string) => void;

const example = 'a grant such as "read,publish chat:*" or {"actions":["read"],"channels":["chat:*"]}';

/** Reads grants as configurations and tokens have them; what is wrong is told to `refuse`, and left out. Rule AUTH-3. */
export function readGrants(value: unknown, refuse: Refuse): readonly Grant[] {
  if (!Array.isArray(value)) {
    refuse("", "must be a list of grants");
    return [];
  }
  return value
    .map((one: unknown, index) =>
      readGrant(one, (path, message) => refuse(`${index}${path === "" ? "" : `.${path}`}`, message)),
    )
    .filter((grant) => grant !== undefined);
}

function readGrant(value: unknown, refuse: Refuse): Grant | undefined {
  const form = typeof value === "string" ? fromText(value) : value;
  if (!isRecord(form)) {
    refuse("", `must be ${example}`);
    return undefined;
  }
  const { actions: named, channels, ...others } = form;
  const [other] = Object.keys(others);
  if (other !== undefined) refuse("", `must be ${example}, with nothing else in it`);
  else if (!isListOf(named, isAction)) refuse("actions", `must be some of ${actions.join(", ")}`);
  else if (!isListOf(channels, isChannelPattern)) {
    refuse(
      "channels",
      'must be patterns of channels such as "chat:*", of at most 128 characters; "*" stops at ":", "**" does not',
    );
  } else return { actions: named, channels };
  return undefined;
}

function fromText(text: string): unknown {
  const [, named, channels] = /^(\S+) +(\S+)$/.exec(text) ?? [];
  return named === undefined ? undefined : { actions: named.split(","), channels: channels?.split(",") };
}

function isAction(value: unknown): value is Action {
  return actions.includes(value as Action);
}

/** Whether it is a list, and not an empty one, which nobody means. */
function isListOf<T>(value: unknown, isOne: (one: unknown) => one is T): value is readonly T[] {
  return Array.isArray(value) && value.length > 0 && value.every(isOne);
}
