import type { TestContext } from "node:test";
import { defaultRetention, MemoryBroker, type Retention } from "@holdfast/core/broker";
import type { Principal } from "@holdfast/core/server";
import type { HoldfastOptions } from "../index.ts";
import { type call, post, type Rig, startNode } from "../rig.test.ts";

/** Who is revoked in tests. */
export const ada: Principal = { user: "ada", issuedAt: 1000, tokenId: "t1", session: "s1" };

/** Her header, as it goes over the wire. */
export const authorization = `Authorization: Bearer ${JSON.stringify(ada)}`;

/** A token that says in so many words whom it stands for. */
export function tokenOf(principal: Principal): string {
  return JSON.stringify(principal);
}

export function as(principal: Principal): { Authorization: string } {
  return { Authorization: `Bearer ${tokenOf(principal)}` };
}

/** Who may do everything. */
export const root = as({ user: "root" });

/** Believes every token, and lets everybody do everything but administer. */
export const believing: HoldfastOptions = {
  authenticate: (token) => (token?.startsWith("{") === true ? (JSON.parse(token) as Principal) : null),
  authorize: ({ user }, action) => user === "root" || action !== "admin",
};

export function newBroker(retention: Partial<Retention> = {}, epochSeed = "people"): MemoryBroker {
  return new MemoryBroker({
    clock: { now: () => Date.now() },
    epochSeed,
    retention: () => ({ ...defaultRetention, ...retention }),
  });
}

/** Nodes that share one log. */
export async function startNodes(
  t: TestContext,
  count: number,
  options: HoldfastOptions = believing,
  broker = newBroker(),
): Promise<[Rig, ...Rig[]]> {
  const start = () => startNode(t, { broker, ...options });
  const first = await start();
  const others: Rig[] = [];
  while (others.length < count - 1) others.push(await start());
  return [first, ...others];
}

/** Revokes as an administrator does; resolves with the answer. */
export function revoke({ url }: Rig, body: unknown, headers = root): ReturnType<typeof call> {
  return post(`${url}/revocations`, JSON.stringify(body), headers);
}

export function changePermissions({ url }: Rig, user: string): ReturnType<typeof call> {
  return post(`${url}/permissions/changed`, JSON.stringify({ user }), root);
}

export function hello(principal: Principal | undefined, ...channels: string[]): unknown {
  return {
    type: "hello",
    ...(principal === undefined ? {} : { token: tokenOf(principal) }),
    subscriptions: channels.map((channel) => ({ channel })),
  };
}
