import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogPage } from "../broker/port.ts";
import { gapBefore } from "./page.ts";

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
