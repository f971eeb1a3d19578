import { parseJson, SseParser } from "@holdfast/protocol";
import { hasType, readText, toFailure, toLoss } from "../answer.ts";
import type { Link, LinkHandlers, LinkRequest, Network } from "./link.ts";

/** One event stream: `POST /connect`, which no EventSource can ask for. */
export function openSse(request: LinkRequest, handlers: LinkHandlers, network: Network): Link {
  const controller = new AbortController();
  const { signal } = controller;
  stream(request, handlers, network, signal).catch((error: unknown) => {
    if (!signal.aborted) handlers.lost(toFailure(error));
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
  const target = new URL("connect", url);
  const response = await network.fetch(target, {
    method: "POST",
    headers,
    body: hello,
    cache: "no-store",
    signal,
  });
  // A 200 of another type is a proxy's page, or an error that nobody marked as one.
  if (response.status !== 200 || !hasType(response, "text/event-stream")) {
    const loss = await toLoss(response);
    if (!signal.aborted) handlers.lost(loss);
    return;
  }
  handlers.opened();
  const parser = new SseParser(({ data }) => {
    if (!signal.aborted) handlers.message(parseJson(data));
  });
  await readText(response, (piece) => {
    if (!signal.aborted) handlers.heard();
    parser.push(piece);
  });
  if (!signal.aborted) handlers.lost({ type: "ended" });
}
