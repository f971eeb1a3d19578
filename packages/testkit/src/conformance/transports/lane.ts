import type { GapReason } from "@holdfast/protocol";
import type { SeenEvent } from "../../history/reader-audit.ts";

/** Hears what a reading is told, in order. */
export interface Hearer {
  /** Reading starts here. Before anything else, and once. Rule READ-1. */
  subscribed(cursor: string): void;
  /** Events came; the reading now stands at the cursor. */
  events(events: readonly SeenEvent[], cursor: string): void;
  gap(from: string, to: string, reason: GapReason): void;
  end(cursor: string): void;
  /** Refused for good: `code` is that of the outcome. */
  refused(code: string): void;
}

export interface ReadRequest {
  /** Where the node, or the proxy before it, is. */
  readonly url: string;
  readonly channel: string;
  /** A cursor, `oldest` or `latest`. */
  readonly after: string;
}

export type TransportName = "websocket" | "sse" | "long-poll" | "poll";

export const transportNames: readonly TransportName[] = ["websocket", "sse", "long-poll", "poll"];

/** One transport of one face: a way to read a channel that comes back by itself whatever happens to its connections. */
export interface Lane {
  readonly name: string;
  readonly face: "plain" | "session";
  readonly transport: TransportName;
  /** Begins to read; returns what ends it. */
  read(request: ReadRequest, hearer: Hearer): () => void;
}

/** How long a plain reader waits before it comes back; a real one takes what the server tells it. */
export const returnMs = 15;

/** Calls something again and again until it says that it is over, with a pause after each time that it failed. */
export function persist(signal: AbortSignal, attempt: () => Promise<"again" | "over">): void {
  const run = async () => {
    while (!signal.aborted) {
      try {
        if ((await attempt()) === "over") return;
      } catch {
        // The connection died, or nothing answered: whatever was taken counts.
        await new Promise((resolve) => setTimeout(resolve, returnMs));
      }
    }
  };
  void run();
}

/** A plain reading of one channel: each turn is a connection, which goes on where the one before came to. */
export abstract class PlainReader {
  protected readonly request: ReadRequest;
  protected readonly hearer: Hearer;
  protected readonly signal: AbortSignal;
  protected position: string | undefined;

  constructor(request: ReadRequest, hearer: Hearer, signal: AbortSignal) {
    this.request = request;
    this.hearer = hearer;
    this.signal = signal;
  }

  /** Reads until the connection ends; what it throws means that it is to be tried again. */
  abstract turn(): Promise<"again" | "over">;
}

type ReaderClass = new (request: ReadRequest, hearer: Hearer, signal: AbortSignal) => PlainReader;

export function plainLane(transport: TransportName, Reader: ReaderClass): Lane {
  return {
    name: `plain ${transport}`,
    face: "plain",
    transport,
    read(request, hearer) {
      const controller = new AbortController();
      const reader = new Reader(request, hearer, controller.signal);
      persist(controller.signal, () => reader.turn());
      return () => controller.abort();
    },
  };
}

/** The outcome's code of an answer that is a problem of this protocol, else undefined. */
export async function problemCode(response: Response): Promise<string | undefined> {
  if (!response.headers.get("content-type")?.startsWith("application/problem+json")) return undefined;
  return ((await response.json()) as { code: string }).code;
}
