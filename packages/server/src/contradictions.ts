import { isReserved } from "@holdfast/core/server";
import type { Limits } from "@holdfast/protocol";
import type { HoldfastOptions } from "./options.ts";

/** A ticket stands in URLs, which others keep: it must be over before anybody reads their logs. */
const ticketMsMax = 30_000;

/** What no single option is to blame for. */
export function contradictions(options: HoldfastOptions, limits: Limits): string[] {
  const mistakes: string[] = [];
  const { authenticate, authorize, auth } = options;
  if (authenticate !== undefined && authorize === undefined && auth === undefined) {
    mistakes.push(
      'With "authenticate" the option "authorize" is needed; () => true lets every principal do everything, () => false only what its grants say.',
    );
  }
  if (authorize !== undefined && authenticate === undefined && auth === undefined) {
    mistakes.push('The option "authorize" needs "authenticate" or "auth", which say who is there.');
  }
  for (const [name, given] of Object.entries({ authenticate, auth })) {
    if (options.open === true && given !== undefined) {
      mistakes.push(`"open" and "${name}" contradict each other; give one.`);
    }
  }
  for (const [name, given] of Object.entries({ authenticate, authorize })) {
    if (given !== undefined && auth?.webhook?.[name as "authenticate" | "authorize"] !== undefined) {
      mistakes.push(`"${name}" and "auth.webhook.${name}" answer the same question; give one.`);
    }
  }
  for (const [name, { access }] of Object.entries(options.namespaces ?? {})) {
    if (access !== undefined && authenticate === undefined && auth === undefined) {
      mistakes.push(
        `The option "namespaces.${name}.access" needs "auth" or "authenticate"; without them everybody may do everything.`,
      );
    }
  }
  if (options.broker !== undefined && options.memory !== undefined) {
    mistakes.push('"memory" bounds the log in this process; with a "broker" there is none.');
  }
  if (limits.ticketMs > ticketMsMax) {
    mistakes.push(`"limits.ticketMs" (${limits.ticketMs}) must not exceed ${ticketMsMax}.`);
  }
  for (const name of Object.keys(options.namespaces ?? {})) {
    if (!isReserved(name)) continue;
    mistakes.push(`The namespace "${name}" is the nodes' own and cannot be configured.`);
  }
  for (const [smaller, larger] of ordered) {
    if (limits[smaller] > limits[larger]) {
      mistakes.push(
        `"limits.${smaller}" (${limits[smaller]}) must not exceed "limits.${larger}" (${limits[larger]}).`,
      );
    }
  }
  return mistakes;
}

const ordered: readonly (readonly [keyof Limits, keyof Limits])[] = [
  ["pageEventsDefault", "pageEventsMax"],
  ["eventBytesMax", "messageBytesMax"],
  ["streamChannelsMax", "subscriptionsMax"],
];
