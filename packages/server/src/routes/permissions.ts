import { controlChannels } from "@holdfast/core/server";
import type { Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";
import { administratorOf, byWhom, controlOf, readFields } from "./revocations.ts";

/** `POST /permissions/changed`: has every node ask anew what a user may do. Rules REV-1, REV-5, REV-10. */
export async function changePermissions(node: Node, exchange: Exchange): Promise<void> {
  const { permissions } = controlOf(node);
  const principal = await administratorOf(node, exchange, controlChannels.permissions);
  const standing = node.gatekeeper.standingOf(principal);
  const { user } = await readFields(node, exchange);
  await standing.confirm("admin", controlChannels.permissions);
  await permissions.add(user);
  node.audit({ act: "permissions.changed", ...byWhom(principal, exchange), user });
  exchange.answer(202, undefined);
}
