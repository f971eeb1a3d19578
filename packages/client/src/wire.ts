import type { Post, Posted, Transport } from "@holdfast/core/client";
import { hasType, readJson, toFailure, toLoss } from "./answer.ts";
import type { Link, LinkHandlers, LinkRequest, Network, OpenLink } from "./transports/link.ts";
import { openLongPoll } from "./transports/long-poll.ts";
import { openPoll } from "./transports/poll.ts";
import { openSse } from "./transports/sse.ts";
import { openWebSocket } from "./transports/websocket.ts";

/** What plain HTTP to the origin told. */
export interface Probed {
  /** A server of this protocol answered. */
  readonly works: boolean;
  /** It answered that it takes nobody in before then, in ms from now. */
  readonly busyForMs?: number;
}

/** Everything a client does to the network; who holds it need not be where the application is. */
export interface Wire {
  open(transport: Transport, request: Omit<LinkRequest, "url">, handlers: LinkHandlers): Link;
  post(post: Post, token: string | undefined, signal: AbortSignal): Promise<Posted>;
  /** Asks the origin over plain HTTP, where what it answers can be read: a WebSocket that it refuses tells a page nothing. */
  probe(signal: AbortSignal): Promise<Probed>;
}

const openers: Readonly<Record<Transport, OpenLink>> = {
  websocket: openWebSocket,
  sse: openSse,
  "long-poll": openLongPoll,
  poll: openPoll,
};

/** The network itself, with the server at `url`, which ends with a slash. */
export function createWire(url: URL, network: Network): Wire {
  return {
    open: (transport, request, handlers) => openers[transport]({ ...request, url }, handlers, network),
    post: async ({ path, contentType, body, headers }, token, signal) => {
      try {
        const response = await network.fetch(new URL(path.slice(1), url), {
          method: "POST",
          headers: { ...headers, "Content-Type": contentType, ...authorization(token) },
          body,
          cache: "no-store",
          signal,
        });
        if (!response.ok) return await toLoss(response);
        const isJson = hasType(response, "application/json");
        return { type: "answered", json: isJson ? await readJson(response, () => {}) : null };
      } catch (error) {
        return toFailure(error);
      }
    },
    probe: async (signal) => {
      try {
        // Without an upgrade it is refused: as such, or because there is no room for anybody. Rule LIM-11.
        const loss = await toLoss(
          await network.fetch(new URL("connect", url), { cache: "no-store", signal }),
        );
        // A page that a hotel's network answers with is no sign of life.
        if (loss.type !== "refused") return { works: false };
        const { retry, retryAfterMs } = loss.error;
        if (retry !== "retry") return { works: true };
        return { works: false, ...(retryAfterMs === undefined ? {} : { busyForMs: retryAfterMs }) };
      } catch {
        return { works: false };
      }
    },
  };
}

function authorization(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { Authorization: `Bearer ${token}` };
}
