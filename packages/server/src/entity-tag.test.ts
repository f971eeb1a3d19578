import assert from "node:assert/strict";
import { test } from "node:test";
import { conditionOf, namesTag, pageTag } from "./entity-tag.ts";

const cursor = { epoch: "k3", offset: 17 };

test("[JSON-2] a tag says where the page reaches, and whether there is more or nothing ever after", () => {
  assert.equal(pageTag(cursor, { more: false, closed: false }), '"k3-17"');
  assert.equal(pageTag(cursor, { more: true, closed: false }), '"k3-17.more"');
  assert.equal(pageTag(cursor, { more: false, closed: true }), '"k3-17.end"');
});

test("[JSON-2] If-None-Match names a tag alone, in a list, weakly or by a star, and no other", () => {
  for (const header of ['"k3-17"', 'W/"k3-17"', '"a","k3-17"', ' "a" , W/"k3-17" ', "*"]) {
    assert.equal(namesTag(header, '"k3-17"'), true, header);
  }
  for (const header of [undefined, "", "k3-17", '"k3-17.more"', '"k3-1"', '"k3-17', "**"]) {
    assert.equal(namesTag(header, '"k3-17"'), false, String(header));
  }
});

test("[PUB-1] If-Match takes one cursor in quotes, or the tag of a page", () => {
  assert.equal(conditionOf(undefined), undefined);
  for (const header of ['"k3-17"', ' "k3-17" ', '"k3-17.more"', '"k3-17.end"']) {
    assert.deepEqual(conditionOf(header), cursor, header);
  }
  for (const header of [
    "",
    "*",
    "k3-17",
    'W/"k3-17"',
    '"k3-17", "k3-18"',
    '"k3-17.rest"',
    '"latest"',
    '""',
  ]) {
    assert.throws(() => conditionOf(header), { code: "bad_cursor" }, header);
  }
});
