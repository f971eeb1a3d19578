import { type ClientMessage, HoldfastError, type Limits } from "@holdfast/protocol";

/**
 * Refuses a message that lists more channels than any session could mean; throws `too_many_subscriptions`. Rule SUB-6.
 *
 * Each member of a list is answered on its own, and the answer to `1` is sixty times as long as that.
 */
export function checkLists(message: ClientMessage, { subscriptionsMax }: Limits): void {
  const most = 2 * subscriptionsMax;
  const listed = listIn(message)?.length ?? 0;
  if (listed <= most) return;
  throw new HoldfastError(
    "too_many_subscriptions",
    `A message lists at most ${most} channels, twice subscriptionsMax; this one lists ${listed}.`,
    { limit: "subscriptionsMax" },
  );
}

function listIn(message: ClientMessage): readonly unknown[] | undefined {
  if (message.type === "unsubscribe") return message.channels;
  return "subscriptions" in message ? message.subscriptions : undefined;
}
