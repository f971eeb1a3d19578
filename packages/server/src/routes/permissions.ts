import { controlChannels } from "@holdfast/core/server";
import { asAdmin } from "../audit.ts";
import type { Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";
import { controlOf, readFields } from "./revocations.ts";

/** `POST /permissions/changed`: has every node ask anew what a user may do. Rules REV-1, REV-5, REV-10. */
export async function changePermissions(node: Node, exchange: Exchange): Promise<void> {
  const { permissions } = controlOf(node);
  const about = { act: "permissions.changed", channel: controlChannels.permissions };
  await asAdmin(node, exchange, about, async ({ note, confirm }) => {
    const { user } = await readFields(node, exchange);
    if (typeof user === "string") note({ user });
    await confirm();
    await permissions.add(user);
  });
  exchange.answer(202, undefined);
}
