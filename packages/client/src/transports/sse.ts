import { formatClientMessage, jsonCodec, parseJson, SseParser } from "@holdfast/protocol";
import { hasType, readText, toFailure, toLoss } from "../answer.ts";
import { type Link, type LinkHandlers, type LinkRequest, type Network, whileOpen } from "./link.ts";

/** One event stream: `POST /connect`, which no EventSource can ask for. */
export function openSse(request: LinkRequest, handlers: LinkHandlers, network: Network): Link {
  const controller = new AbortController();
  const { signal } = controller;
  const open = whileOpen(handlers, signal);
  const gate = new Gate();
  signal.addEventListener("abort", () => gate.set(true));
  stream(request, open, network, { signal, gate }).catch((error: unknown) => {
    open.lost(toFailure(error));
    // Whatever is wrong with it, it is not read to its end.
    controller.abort();
  });
  return { pause: (isPaused) => gate.set(!isPaused), close: () => controller.abort() };
}

/** Lets through whoever comes while it is open, and holds up the others until it is. */
class Gate {
  #opening: PromiseWithResolvers<void> | undefined;

  set(isOpen: boolean): void {
    if (!isOpen) {
      this.#opening ??= Promise.withResolvers();
      return;
    }
    this.#opening?.resolve();
    this.#opening = undefined;
  }

  async pass(): Promise<void> {
    // What was told just now is answered in a microtask.
    await Promise.resolve();
    while (this.#opening !== undefined) await this.#opening.promise;
  }
}

async function stream(
  { url, hello }: LinkRequest,
  handlers: LinkHandlers,
  network: Network,
  { signal, gate }: { readonly signal: AbortSignal; readonly gate: Gate },
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
  const parser = new SseParser(({ data }) => handlers.message(parseJson(data), data.length));
  await readText(response, async (piece) => {
    handlers.heard();
    parser.push(piece);
    await gate.pass();
    signal.throwIfAborted();
  });
  handlers.lost({ type: "ended" });
}
