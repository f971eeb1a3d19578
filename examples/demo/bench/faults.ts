import { HoldfastError, isRecord } from "@holdfast/protocol";

export const transports = ["websocket", "sse", "long-poll", "poll"] as const;
export type Transport = (typeof transports)[number];

/** What is wrong with a line right now. */
export interface Faults {
  /** Every connection is reset, and so is every new one. */
  readonly cut: boolean;
  /** What comes from the server trickles. */
  readonly slow: boolean;
  /** Transports that do not get through. */
  readonly blocked: readonly Transport[];
}

export const sound: Faults = { cut: false, slow: false, blocked: [] };

/** The faults after a visitor's change; throws `bad_parameter`. */
export function changeFaults(faults: Faults, change: unknown): Faults {
  if (!isRecord(change)) throw refusal();
  const { cut = faults.cut, slow = faults.slow, blocked = faults.blocked, ...others } = change;
  const known = typeof cut === "boolean" && typeof slow === "boolean" && isTransports(blocked);
  if (!known || Object.keys(others).length > 0) throw refusal();
  return { cut, slow, blocked };
}

function isTransports(value: unknown): value is readonly Transport[] {
  return Array.isArray(value) && new Set(value).size === value.length && value.every(isTransport);
}

/** Whether this is a transport's name. */
export function isTransport(value: unknown): value is Transport {
  return transports.some((transport) => transport === value);
}

function refusal(): HoldfastError {
  return new HoldfastError(
    "bad_parameter",
    `Faults are {"cut": boolean, "slow": boolean, "blocked": [any of ${transports.join(", ")}]}.`,
  );
}

interface RequestHead {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * Which transport a request belongs to; undefined when to none, as a probe or a preflight. A long poll begins with a
 * request that looks like a poll, so it takes knowing the line's only transport, where it has one, to tell them apart.
 */
export function transportOf(request: RequestHead, only?: Transport): Transport | undefined {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://line");
  if (pathname !== "/connect" || request.method === "OPTIONS") return undefined;
  if (request.method === "GET") return request.headers["upgrade"] === undefined ? undefined : "websocket";
  if (String(request.headers.accept ?? "").includes("text/event-stream")) return "sse";
  return only === "long-poll" || Number(searchParams.get("wait") ?? 0) > 0 ? "long-poll" : "poll";
}
