import { toHoldfastError } from "@holdfast/protocol";
import type { Exchange } from "./exchange.ts";
import type { Node } from "./node.ts";
import { requestIdOf } from "./request-log.ts";

/** What somebody did with the power to do it. */
export interface AuditEntry {
  /** As in `revoke`, `permissions.changed`, `channel.close`. */
  readonly act: string;
  /** The user id of who did it; absent where nobody was named, as when the application itself did it. */
  readonly by?: string;
  /** The id of the token or API key by which it was done, as `key:orders`, where that has one. */
  readonly byToken?: string;
  /** The client's address. */
  readonly from?: string;
  /** `done` unless given, else the code of what stood in the way. */
  readonly outcome?: string;
  /** What it was done to. */
  readonly [field: string]: unknown;
}

/** What an act may say of itself, and ask, while it is done. */
export interface AdminAct {
  /** What it is done to, for the record. */
  note(fields: Readonly<Record<string, unknown>>): void;
  /** Makes sure that who does it still may, after something that took its time. Rule REV-7. */
  confirm(): Promise<void>;
}

/**
 * Does what takes `admin` on a channel, and puts on record who did it and how it went; also where somebody who is known
 * was refused. Rejects as `run` does, and with `unauthenticated` or `forbidden`.
 */
export async function asAdmin<Result>(
  node: Node,
  { request }: Pick<Exchange, "request">,
  { act, channel }: { readonly act: string; readonly channel: string },
  run: (act: AdminAct) => Promise<Result>,
): Promise<Result> {
  // Who is nobody leaves no line here: strangers could fill the log with them.
  const principal = await node.gatekeeper.principalOf(request);
  const { user, tokenId } = principal;
  const from = node.proxies.clientOf(request);
  const entry = {
    act,
    ...(user === undefined ? {} : { by: user }),
    ...(tokenId === undefined ? {} : { byToken: tokenId }),
    ...(from === undefined ? {} : { from }),
    request: requestIdOf(request, node),
    channel,
  };
  let noted = {};
  const note = (fields: Readonly<Record<string, unknown>>) => {
    noted = fields;
  };
  let result: Result;
  try {
    const standing = node.gatekeeper.standingOf(principal);
    await node.gatekeeper.demandAdmin(principal, channel);
    result = await run({ note, confirm: () => standing.confirm("admin", channel) });
  } catch (thrown) {
    node.audit({ ...noted, ...entry, outcome: toHoldfastError(thrown).code });
    throw thrown;
  }
  node.audit({ ...noted, ...entry });
  return result;
}
