import type { Loss } from "@holdfast/core/client";
import type { Bytes, Codec, Hello } from "@holdfast/protocol";

/** One way to the server, as a transport opens it. */
export interface LinkRequest {
  /** The server's address; ends with a slash. */
  readonly url: URL;
  /** What is said first. */
  readonly hello: Hello;
  /** How long the server may hold its answer, in ms; only a long poll has it. */
  readonly waitMs: number;
}

/** Told what becomes of a link; nothing more after `answered` or `lost`, and nothing at all after `close`. */
export interface LinkHandlers {
  /** It was accepted, and speaks this: on HTTP JSON. */
  opened(codec: Codec): void;
  /** Bytes came that are no message yet. */
  heard(): void;
  /** As parsed from JSON, whatever it was written in; `size` is its length, where the transport hears one by one. */
  message(message: unknown, size?: number): void;
  /** A poll was answered whole; `more` says that asking again would bring more. */
  answered(more: boolean): void;
  lost(loss: Loss): void;
}

/** Keeps the promise of `LinkHandlers`, whatever is still on its way when the link is closed. */
export function whileOpen(handlers: LinkHandlers, closed: AbortSignal): LinkHandlers {
  const guard =
    <Given extends unknown[]>(tell: (...given: Given) => void) =>
    (...given: Given) => {
      if (!closed.aborted) tell(...given);
    };
  return {
    opened: guard((codec: Codec) => handlers.opened(codec)),
    heard: guard(() => handlers.heard()),
    message: guard((...given: [unknown, number?]) => handlers.message(...given)),
    answered: guard((more: boolean) => handlers.answered(more)),
    lost: guard((loss: Loss) => handlers.lost(loss)),
  };
}

export interface Link {
  /** Only a WebSocket can speak: text in a text frame, bytes in a binary one. */
  send?(message: string | Bytes): void;
  /** Stops reading, or goes on; only an event stream can. */
  pause?(isPaused: boolean): void;
  /** Releases everything. */
  close(): void;
}

/** What a transport needs of its platform. */
export interface Network {
  readonly fetch: typeof globalThis.fetch;
  readonly WebSocket: typeof globalThis.WebSocket | undefined;
  /** What a WebSocket speaks if the server does as well; else both speak JSON. */
  readonly codec?: Codec;
}

export type OpenLink = (request: LinkRequest, handlers: LinkHandlers, network: Network) => Link;
