import { HoldfastError } from "@holdfast/protocol";

/** With which the channels begin that belong to the nodes themselves. */
const prefix = "holdfast.";

/** The logs in which nodes tell each other something. */
export const controlChannels = {
  revocations: "holdfast.control:revocations",
  permissions: "holdfast.control:permissions",
  /** Tickets as they are made, each sealed with itself. */
  tickets: "holdfast.passing:tickets",
  /** Tickets as they are used. */
  redemptions: "holdfast.passing:redemptions",
} as const;

/** Whether a channel is the nodes' own, which nobody else reads or writes. Rule REV-6. */
export function isReserved(channel: string): boolean {
  return channel.startsWith(prefix);
}

/** Throws `forbidden` for the nodes' own channels. Rule REV-6. */
export function checkNotReserved(channel: string): void {
  if (!isReserved(channel)) return;
  throw new HoldfastError(
    "forbidden",
    `${channel} is the nodes' own: names that begin with "${prefix}" are reserved.`,
  );
}
