import { controlChannels } from "@holdfast/core/server";
import {
  decodeUtf8,
  formatCursor,
  HoldfastError,
  isRecord,
  parseCursor,
  parseJson,
} from "@holdfast/protocol";
import { asAdmin } from "../audit.ts";
import type { Control } from "../auth/control.ts";
import { formatRevocation, type RevocationTarget, readTarget } from "../auth/revocations.ts";
import { readBody } from "../body.ts";
import type { Exchange } from "../exchange.ts";
import { bodyKind } from "../media-type.ts";
import type { Node } from "../node.ts";
import { parseParameters, wholeNumber } from "../parameters.ts";

/** Longer than any of these is: a name, and a time. */
const bodyBytesMax = 8192;

/** What answers by people's names needs somebody to know them. Throws `unsupported`. */
export function controlOf(node: Node): Control {
  if (node.control !== undefined) return node.control;
  throw new HoldfastError(
    "unsupported",
    "Without authentication nobody has a token, and nothing can be revoked.",
  );
}

/** The body of an administrator's request. */
export async function readFields(node: Node, exchange: Exchange): Promise<Readonly<Record<string, unknown>>> {
  parseParameters(exchange.query, []);
  if (bodyKind(exchange.header("content-type")) !== "json") {
    throw new HoldfastError("unsupported_media_type", "This is sent as application/json.");
  }
  const limits = { bytesMax: bodyBytesMax, timeoutMs: node.limits.bodyTimeoutMs };
  const json = parseJson(decodeUtf8(await readBody(exchange, limits, node.deadlines)));
  return isRecord(json) ? json : {};
}

/** `POST /revocations`: refuses a user, a token or a session on every node. Rules REV-1 to REV-4, REV-8. */
export async function revoke(node: Node, exchange: Exchange): Promise<void> {
  const { revocations } = controlOf(node);
  const about = { act: "revoke", channel: controlChannels.revocations };
  const revoked = await asAdmin(node, exchange, about, async ({ note, confirm }) => {
    const { until, ...target } = await readFields(node, exchange);
    const { kind, value } = readTarget(target);
    note({ [kind]: value });
    if (until !== undefined && typeof until !== "number") {
      throw new HoldfastError("bad_parameter", '"until" is a time in ms since 1970.');
    }
    await confirm();
    const answer = formatRevocation(await revocations.add(target as RevocationTarget, until));
    note(answer);
    return answer;
  });
  exchange.answerJson(201, revoked);
}

/** `GET /revocations`: what is refused now. Rule REV-8. */
export async function listRevocations(node: Node, exchange: Exchange): Promise<void> {
  const { revocations } = controlOf(node);
  const principal = await node.gatekeeper.principalOf(exchange.request);
  await node.gatekeeper.demandAdmin(principal, controlChannels.revocations);
  const { after, limit } = parseParameters(exchange.query, ["after", "limit"]);
  const { pageEventsDefault, pageEventsMax } = node.limits;
  const count = limit === undefined ? pageEventsDefault : wholeNumber("limit", limit, 1, pageEventsMax);
  const { page, more } = revocations.page(after === undefined ? undefined : parseCursor(after), count);
  const last = page.at(-1)?.cursor;
  exchange.answerJson(200, {
    revocations: page.map(formatRevocation),
    cursor: last === undefined ? (after ?? null) : formatCursor(last),
    more,
  });
}
