import assert from "node:assert/strict";
import { test } from "node:test";
import { codedTag, conditionOf, namedTag, pageTag } from "./entity-tag.ts";

const cursor = { epoch: "k3", offset: 17 };

test("[JSON-2] a tag says where the page reaches, and whether there is more or nothing ever after", () => {
  assert.equal(pageTag(cursor, { more: false, closed: false }), '"k3-17"');
  assert.equal(pageTag(cursor, { more: true, closed: false }), '"k3-17.more"');
  assert.equal(pageTag(cursor, { more: false, closed: true }), '"k3-17.end"');
});

test("[JSON-2] If-None-Match names a tag alone, in a list, weakly or by a star, and no other", () => {
  for (const header of ['"k3-17"', 'W/"k3-17"', '"a","k3-17"', ' "a" , W/"k3-17" ', "*"]) {
    assert.equal(namedTag(header, '"k3-17"'), '"k3-17"', header);
  }
  for (const header of [undefined, "", "k3-17", '"k3-17.more"', '"k3-1"', '"k3-17', "**"]) {
    assert.equal(namedTag(header, '"k3-17"'), undefined, String(header));
  }
});

test("[JSON-2] [ZIP-9] a coding has a tag of its own, by which the page is named too", () => {
  for (const tag of ['"k3-17"', '"k3-17.more"', '"k3-17.end"']) {
    const coded = codedTag(tag, "gzip");
    assert.equal(coded, tag.replace(/"$/, '.gzip"'));
    assert.equal(namedTag(`"x", W/${coded}`, tag), coded);
    assert.deepEqual(conditionOf(coded), cursor);
  }
  for (const header of ['"k3-17.more.gzip"', '"k3-17.br"', '"k3-17.gzip.more"', '"k3-17.gzip.zstd"']) {
    assert.equal(namedTag(header, '"k3-17"'), undefined, header);
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
