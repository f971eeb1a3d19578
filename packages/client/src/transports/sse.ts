import { formatClientMessage, jsonCodec, parseJson, SseParser } from "@holdfast/protocol";
import { hasType, readText, toFailure, toLoss } from "../answer.ts";
import { type Link, type LinkHandlers, type LinkRequest, type Network, whileOpen } from "./link.ts";

/** One event stream: `POST /connect`, which no EventSource can ask for. */
export function openSse(request: LinkRequest, handlers: LinkHandlers, network: Network): Link {
  const controller = new AbortController();
  const { signal } = controller;
  const open = whileOpen(handlers, signal);
  stream(request, open, network, signal).catch((error: unknown) => {
    open.lost(toFailure(error));
    // Whatever is wrong with it, it is not read to its end.
    controller.abort();
  });
  return { close: () => controller.abort() };
}

async function stream(
  { url, hello }: LinkRequest,
  handlers: LinkHandlers,
  network: Network,
  signal: AbortSignal,
): Promise<void> {
  const headers = { Accept: "text/event-stream", "Content-Type": "application/json" };
  const init = {
    method: "POST",
    headers,
    body: formatClientMessage(hello),
    cache: "no-store",
    signal,
  } as const;
  const response = await network.fetch(new URL("connect", url), init);
  // A 200 of another type is a proxy's page, or an error that nobody marked as one.
  if (response.status !== 200 || !hasType(response, "text/event-stream")) {
    handlers.lost(await toLoss(response));
    return;
  }
  handlers.opened(jsonCodec);
  const parser = new SseParser(({ data }) => handlers.message(parseJson(data)));
  await readText(response, (piece) => {
    handlers.heard();
    parser.push(piece);
  });
  handlers.lost({ type: "ended" });
}
