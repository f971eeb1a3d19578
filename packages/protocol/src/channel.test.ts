import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { isChannelName, namespaceOf, parseChannelName, quoted } from "./channel.ts";
import { HoldfastError } from "./errors.ts";

const legal = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:@-"];

test("[NAME-1] every name of 1 to 128 legal characters is taken as it is", () => {
  const name = fc.string({ unit: fc.constantFrom(...legal), minLength: 1, maxLength: 128 });
  fc.assert(fc.property(name, (text) => parseChannelName(text) === text));
  for (const char of legal) assert.equal(isChannelName(char), true, char);
});

test("[NAME-1] a name is refused when it is empty, too long, or holds any other character", () => {
  const allowed = new Set(legal);
  const refused = ["", "a".repeat(129), "a\n", "\na", "orders ", "naïve", "a/b", "a,b", "a=b", "😀"];
  for (let code = 0; code < 0x250; code++) {
    const char = String.fromCharCode(code);
    if (!allowed.has(char)) refused.push(char, `a${char}`);
  }
  for (const name of refused) {
    assert.throws(() => parseChannelName(name), { name: "HoldfastError", code: "bad_channel" });
  }
});

test("[NAME-1] what is not even text is refused", () => {
  const junk = fc.anything().filter((value) => typeof value !== "string");
  fc.assert(
    fc.property(junk, (value) => {
      assert.throws(() => parseChannelName(value), { name: "HoldfastError", code: "bad_channel" });
    }),
  );
});

test("[NAME-2] the namespace ends before the first colon; without one it is the default", () => {
  assert.equal(namespaceOf("chat:room:7"), "chat");
  assert.equal(namespaceOf("orders"), "");
  assert.equal(namespaceOf(":orders"), "");
  assert.equal(namespaceOf("chat:"), "chat");
  assert.equal(namespaceOf("__proto__:a"), "__proto__");
});

test("a refusal quotes its input briefly, on one line, and with nothing that a terminal would obey", () => {
  assert.equal(quoted("orders"), '"orders"');
  assert.equal(quoted('a"b\\c'), '"a\\"b\\\\c"');
  assert.equal(
    quoted("\u001b[31m\u009b1m\u007f\u2028\u202e\u200b\u{e0001}"),
    String.raw`"\u001b[31m\u{9b}1m\u{7f}\u{2028}\u{202e}\u{200b}\u{e0001}"`,
  );
  assert.equal(quoted("\ud83d"), String.raw`"\ud83d"`);
  assert.equal(quoted("x".repeat(60)), `"${"x".repeat(60)}"`);
  assert.equal(quoted("x".repeat(61)), `"${"x".repeat(60)}…"`);
});

test("a refusal names the shape of what is no text, without walking through it", () => {
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  const samples: [unknown, string][] = [
    [undefined, "undefined"],
    [null, "null"],
    [17, "17"],
    [10n, "10"],
    [[], "[]"],
    [[1, 2], "[…]"],
    [{}, "{}"],
    [cyclic, '{"self":…}'],
    [{ toString: 1, valueOf: 1 }, '{"toString":…}'],
    [() => 1, "a function"],
  ];
  for (const [value, text] of samples) assert.equal(quoted(value), text);
  fc.assert(fc.property(fc.anything(), (value) => quoted(value).length <= 400));
});

test("a refusal says what is allowed", () => {
  assert.throws(
    () => parseChannelName("a b"),
    (error) =>
      error instanceof HoldfastError && /1 to 128 of A-Z a-z 0-9 _ \. : @ -, not "a b"/.test(error.message),
  );
});
