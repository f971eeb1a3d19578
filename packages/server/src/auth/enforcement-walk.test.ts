import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Principal } from "@holdfast/core/server";
import { HoldfastError } from "@holdfast/protocol";
import type { Link, Waiter } from "../attendance.ts";
import type { LogEntry } from "../log.ts";
import type { Node } from "../node.ts";
import { Enforcement } from "./enforcement.ts";

/** A node of which a walk sees as much as it looks at. */
function nodeWith() {
  const log: LogEntry[] = [];
  const links = new Set<Link>();
  const waiters = new Set<Waiter>();
  const revoked: Principal[] = [];
  const refusal = new HoldfastError("token_revoked");
  const enforcement = new Enforcement({
    node: { attendance: { links, waiters }, log: (entry: LogEntry) => log.push(entry) } as unknown as Node,
    refusalOf: (principal) => (revoked.includes(principal) ? refusal : undefined),
    ended: () => {},
  });
  return { enforcement, links, waiters, revoked, log };
}

test("[REV-5] who is held on after a look is not looked at again for the same reason, so that what comes next has its turn", async () => {
  const { enforcement, waiters, revoked } = nodeWith();
  let looks = 0;
  let refused = 0;
  const hold = (principal: Principal) => {
    const waiter = {
      principal,
      look() {
        waiters.delete(waiter);
        looks++;
        // It may go on, and so is held anew.
        if (revoked.includes(principal)) refused++;
        else queueMicrotask(() => hold(principal));
      },
    } as Waiter;
    waiters.add(waiter);
  };
  const ada = { user: "ada" };
  for (let n = 0; n < 2500; n++) hold(ada);
  enforcement.changed();
  for (let turns = 0; turns < 20; turns++) await setImmediate();
  assert.equal(looks, 2500);
  revoked.push(ada);
  enforcement.revoked();
  for (let turns = 0; turns < 20; turns++) await setImmediate();
  assert.equal(refused, 2500);
});

test("[REV-4] one that cannot be ended keeps nobody else from being ended, then and later", async () => {
  const { enforcement, links, revoked, log } = nodeWith();
  const ended: string[] = [];
  const open = (user: string, isBroken = false) => {
    const principal = { user };
    const revoke = () => {
      if (isBroken) throw new Error("broken");
      ended.push(user);
    };
    links.add({ session: { id: user, principal, revoke } } as unknown as Link);
    return principal;
  };
  revoked.push(open("ada", true), open("bob"));
  enforcement.revoked();
  await setImmediate();
  await setImmediate();
  revoked.push(open("eve"));
  enforcement.revoked();
  await setImmediate();
  await setImmediate();
  assert.deepEqual(ended, ["bob", "bob", "eve"]);
  assert.deepEqual([log[0]?.level, log[0]?.message], ["error", "A connection could not be looked at."]);
});
