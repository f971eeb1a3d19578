import { formatClientMessage, HoldfastError, isRecord, jsonCodec } from "@holdfast/protocol";
import { hasType, readJson, toFailure, toLoss } from "../answer.ts";
import { type Link, type LinkHandlers, type LinkRequest, type Network, whileOpen } from "./link.ts";

/** One poll: `POST /connect`, answered with a list of messages. Rules SES-3 and SES-6. */
export function openPoll(request: LinkRequest, handlers: LinkHandlers, network: Network): Link {
  const controller = new AbortController();
  const { signal } = controller;
  const open = whileOpen(handlers, signal);
  exchange(request, open, network, signal).catch((error: unknown) => open.lost(toFailure(error)));
  return { close: () => controller.abort() };
}

async function exchange(
  { url, hello, waitMs }: LinkRequest,
  handlers: LinkHandlers,
  network: Network,
  signal: AbortSignal,
): Promise<void> {
  const target = new URL("connect", url);
  if (waitMs > 0) target.searchParams.set("wait", String(waitMs / 1000));
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  const init = {
    method: "POST",
    headers,
    body: formatClientMessage(hello),
    cache: "no-store",
    signal,
  } as const;
  const response = await network.fetch(target, init);
  if (response.status !== 200 || !hasType(response, "application/json")) {
    handlers.lost(await toLoss(response));
    return;
  }
  handlers.opened(jsonCodec);
  const answer = await readJson(response, () => handlers.heard());
  if (!isRecord(answer) || !Array.isArray(answer["messages"])) {
    throw new HoldfastError("bad_message", "The answer holds no list of messages.");
  }
  for (const message of answer["messages"] as unknown[]) handlers.message(message);
  handlers.answered(answer["more"] === true);
}
