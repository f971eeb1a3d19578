import assert from "node:assert/strict";
import { test } from "node:test";
import type { Link, Waiter } from "../attendance.ts";
import type { Node } from "../node.ts";
import { takeCensus } from "./census.ts";
import { Traffic } from "./traffic.ts";

const websocket = new Traffic("websocket");

function link(ageSeconds: number, lags: readonly (number | undefined)[] = [], id = "s"): Link {
  const session = {
    id,
    isClosed: false,
    principal: { user: "ada" },
    state: lags.length === 0 ? "live" : "lagging",
    lags: () => lags.map((lag, index) => ({ channel: `c${index}`, lag })),
  } as unknown as Link["session"];
  const openedAt = performance.now() - ageSeconds * 1000;
  const socket = { remoteAddress: "10.0.0.7", bytesRead: 0, bytesWritten: 0 };
  const client = { address: undefined, user: "ada" };
  return { session, client, timed: session, unsent: 10, traffic: websocket, openedAt, socket };
}

function nodeWith(links: readonly Link[], waiters: readonly Waiter[] = []): Node {
  return { attendance: { links: new Set(links), waiters: new Set(waiters) } } as unknown as Node;
}

test("[SEE-1] each connection counts in one age alone, and those of held answers as well", async () => {
  const ages = [0, 59, 61, 599, 3599, 21_000, 86_000, 90_000, 1e9];
  const client = { address: undefined, user: undefined };
  const openedAt = performance.now() - 61_000;
  const waiter = { client, principal: {}, openedAt, drain: () => {}, look: () => {} };
  const { connections, unsentBytes, sessions } = await takeCensus(
    nodeWith(
      ages.map((age) => link(age)),
      [waiter],
    ),
  );
  assert.deepEqual(Object.fromEntries(connections.get("websocket") ?? []), {
    "<1m": 2,
    "<10m": 2,
    "<1h": 1,
    "<6h": 1,
    "<1d": 1,
    ">=1d": 2,
  });
  assert.equal(connections.get("long-poll")?.get("<10m"), 1);
  assert.deepEqual([unsentBytes, sessions.get("live")], [90, 9]);
});

test("[SEE-3] those that are furthest behind are named, and no more than were asked for", async () => {
  const many = Array.from({ length: 3000 }, (_, index) => link(1, [index], `s${index}`));
  const { lagging, sessions } = await takeCensus(nodeWith([...many, link(1, [undefined, 5], "lost")]), 3);
  assert.deepEqual(
    lagging.map(({ connection, channel, lagOffsets, user, address }) => [
      connection,
      channel,
      lagOffsets,
      user,
      address,
    ]),
    [
      ["lost", "c0", null, "ada", "10.0.0.7"],
      ["s2999", "c0", 2999, "ada", "10.0.0.7"],
      ["s2998", "c0", 2998, "ada", "10.0.0.7"],
    ],
  );
  assert.equal(sessions.get("lagging"), 3001);
});

test("[SEE-1] a census of many lets everything else have its turn", async () => {
  const node = nodeWith(Array.from({ length: 10_000 }, () => link(1)));
  let turns = 0;
  const count = () => {
    turns++;
    immediate = setImmediate(count);
  };
  let immediate = setImmediate(count);
  await takeCensus(node);
  clearImmediate(immediate);
  assert.ok(turns >= 9, `${turns}`);
});
