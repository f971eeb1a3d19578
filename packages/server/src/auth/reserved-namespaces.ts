import { controlChannels, defaultNamespace, isReserved, type NamespaceSettings } from "@holdfast/core/server";
import { type Limits, namespaceOf } from "@holdfast/protocol";

/** As long as anything is that stands in a control log: what names a user or token, its times and its labels. */
const noteBytes = 2048;
/** A sealed credential takes as much as a request's headers may, and a third more. */
const ticketsBytes = 256 * 1024 * 1024;
/** By how much nodes' clocks may differ without anything being forgotten too early. */
const clockSlackMs = 60_000;

/**
 * The settings of the nodes' own channels, which no configuration changes: what they keep decides what holds. Undefined
 * for the channels of others.
 */
export function reservedNamespace(
  name: string,
  { revocationsMax, ticketMs }: Limits,
  revocationMs: number,
): NamespaceSettings | undefined {
  if (!isReserved(name)) return undefined;
  if (name === namespaceOf(controlChannels.revocations)) {
    // More than are ever let in, since several nodes may let in the last one at once.
    const eventsMax = 2 * revocationsMax;
    return withRetention({
      eventsMax,
      bytesMax: eventsMax * noteBytes,
      ageMsMax: revocationMs + clockSlackMs,
    });
  }
  if (name === namespaceOf(controlChannels.tickets)) {
    const ageMsMax = ticketMs + clockSlackMs;
    const many = 1_000_000;
    return withRetention({
      eventsMax: many,
      bytesMax: ticketsBytes,
      ageMsMax,
      idsMax: many,
      idAgeMsMax: ageMsMax,
    });
  }
  return defaultNamespace;
}

function withRetention(retention: Partial<NamespaceSettings["retention"]>): NamespaceSettings {
  return {
    ...defaultNamespace,
    retention: { ...defaultNamespace.retention, stateKeysMax: 1, ...retention },
  };
}
