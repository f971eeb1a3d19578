import { HoldfastError, isRecord } from "@holdfast/protocol";
import { hasType, readJson, toFailure, toLoss } from "../answer.ts";
import type { Link, LinkHandlers, LinkRequest, Network } from "./link.ts";

/** One poll: `POST /connect`, answered with a list of messages. Rules SES-3 and SES-6. */
export function openPoll(request: LinkRequest, handlers: LinkHandlers, network: Network): Link {
  const controller = new AbortController();
  const { signal } = controller;
  exchange(request, handlers, network, signal).catch((error: unknown) => {
    if (!signal.aborted) handlers.lost(toFailure(error));
  });
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
  const response = await network.fetch(target, {
    method: "POST",
    headers,
    body: hello,
    cache: "no-store",
    signal,
  });
  if (response.status !== 200 || !hasType(response, "application/json")) {
    const loss = await toLoss(response);
    if (!signal.aborted) handlers.lost(loss);
    return;
  }
  handlers.opened();
  const answer = await readJson(response, () => {
    if (!signal.aborted) handlers.heard();
  });
  if (signal.aborted) return;
  if (!isRecord(answer) || !Array.isArray(answer["messages"])) {
    throw new HoldfastError("bad_message", "The answer holds no list of messages.");
  }
  for (const message of answer["messages"] as unknown[]) handlers.message(message);
  handlers.answered(answer["more"] === true);
}
