import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HoldfastError } from "@holdfast/protocol";
import type { LogPage } from "../broker/port.ts";
import { gapBefore } from "./page.ts";
import { numbers, World } from "./world.test-support.ts";

const range = { epoch: "e", floor: 10, head: 20, closed: false };
const page: LogPage = { epoch: "e", from: 10, to: 20, events: [], range };

test("[GAP-2] a page that begins where it was asked to has no gap, else its offsets tell the reason", () => {
  assert.equal(gapBefore({ epoch: "e", offset: 10 }, page), undefined);
  assert.equal(gapBefore({ epoch: "e", offset: 9 }, page), "expired");
  assert.equal(gapBefore({ epoch: "e", offset: 21 }, page), "epoch");
  assert.equal(gapBefore({ epoch: "f", offset: 10 }, page), "epoch");
});

test("[GAP-2] a broker that knows of another limit has the say", () => {
  assert.equal(gapBefore({ epoch: "e", offset: 9 }, { ...page, gap: "limit" }), "limit");
});

const k = (offset: number) => ({ epoch: "k", offset });
const limits = { eventsMax: 100, bytesMax: 100_000 };

describe("pages", () => {
  test("[JSON-1] [GAP-1] say where they start and whether there is more, with a gap that lies before them", async () => {
    const world = new World();
    world.log().append(...numbers(10));
    world.log().trim(3);
    const read = async (offset: number) => {
      const page = await world.hubs.page("a", { after: k(offset) }, { eventsMax: 4, bytesMax: 100 });
      const { from, to, more, closed, gap, exact } = page;
      return [from.offset, to.offset, page.events.length, more, closed, gap?.reason, exact];
    };
    assert.deepEqual(await read(1), [3, 7, 4, true, false, "expired", false]);
    assert.deepEqual(await read(4), [4, 8, 4, true, false, undefined, true]);
    assert.deepEqual(await read(8), [8, 10, 2, false, false, undefined, true]);
    assert.deepEqual(await read(17), [3, 7, 4, true, false, "epoch", false]);
    world.log().close();
    assert.deepEqual(await read(8), [8, 10, 2, false, true, undefined, true]);
    assert.deepEqual(await read(4), [4, 8, 4, true, false, undefined, true]);
  });

  test("[JSON-1] [CUR-3] the newest, the oldest, and those so many events back have no gap and are not exact", async () => {
    const world = new World();
    world.log().append(...numbers(10));
    world.log().trim(3);
    for (const [start, from] of [
      [{ last: 4 }, 6],
      [{ last: 100 }, 3],
      [{ after: "oldest" }, 3],
      [{ after: "latest" }, 10],
    ] as const) {
      const page = await world.hubs.page("a", start, limits);
      assert.deepEqual([page.from.offset, page.to.offset, page.gap, page.exact], [from, 10, null, false]);
    }
  });

  test("[BND] requests for one page at one time share one read; another page is another read", async () => {
    const world = new World();
    world.log().append(...numbers(10));
    const held = world.broker.hold("read");
    const same = Array.from({ length: 10 }, () => world.hubs.page("a", { after: k(2) }, limits));
    const others = [
      world.hubs.page("a", { after: k(3) }, limits),
      world.hubs.page("a", { after: k(2) }, { ...limits, eventsMax: 1 }),
      world.hubs.page("b", { after: k(2) }, limits),
    ];
    assert.equal(world.broker.count("read"), 4);
    held.release();
    for (const page of await Promise.all(same)) assert.equal(page.events.length, 8);
    await Promise.all(others);
    world.broker.unhold("read");
    await world.hubs.page("a", { after: k(2) }, limits);
    assert.equal(world.broker.count("read"), 5, "and what was read is not kept");
  });

  test("[BND] a read that failed fails all who share it, and is made anew", async () => {
    const world = new World();
    const held = world.broker.hold("read");
    const pages = [1, 2].map(() => world.hubs.page("a", { after: k(0) }, limits));
    held.fail(new HoldfastError("broker_unavailable"));
    for (const page of pages) await assert.rejects(page, { code: "broker_unavailable" });
    world.broker.unhold("read");
    assert.deepEqual((await world.hubs.page("a", { after: k(0) }, limits)).events, []);
  });
});
