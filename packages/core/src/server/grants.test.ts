import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { actions, compiledMax, everyChannel, fits, isChannelPattern, permits } from "./grants.ts";
import type { Action, Grant } from "./principal.ts";

test("[AUTH-3] a pattern without a wildcard is the name of one channel", () => {
  assert.ok(fits("orders", undefined, "orders"));
  for (const other of ["order", "orders:1", "Orders", ""])
    assert.ok(!fits("orders", undefined, other), other);
});

for (const [pattern, yes, no] of [
  ["*", ["a", "a.b", "a-b@c"], ["a:b", ":"]],
  ["**", ["a", "a:b:c", ":"], []],
  ["chat:*", ["chat:a", "chat:"], ["chat", "chat:a:b", "chats:a", "xchat:a"]],
  ["chat:**", ["chat:a", "chat:a:b", "chat:"], ["chat", "chats:a"]],
  ["*:log", ["a:log", ":log"], ["a:b:log", "log", "a:logs"]],
  ["**:log", ["a:log", "a:b:log", ":log"], ["log", "a:log:"]],
  ["a*b*c", ["abc", "axbxc", "abbcc"], ["ab:bc", "abcd", "ac"]],
  ["a**b*c", ["abc", "a:x:b:bc", "a:bxc"], ["ab:c", "abc:"]],
  ["**x**x**", ["xx", "a:x:b:x:c"], ["x", "a:x"]],
] as const) {
  test(`[AUTH-3] what fits ${pattern}`, () => {
    for (const channel of yes) assert.ok(fits(pattern, undefined, channel), channel);
    for (const channel of no) assert.ok(!fits(pattern, undefined, channel), channel);
  });
}

test("[AUTH-3] {user} fits the user id, taken literally, and nothing where there is none", () => {
  assert.ok(fits("user:{user}", "ada", "user:ada"));
  assert.ok(fits("user:{user}:*", "ada", "user:ada:x"));
  assert.ok(fits("*:{user}", "ada", "inbox:ada"));
  assert.ok(!fits("user:{user}", "ada", "user:adam"));
  assert.ok(!fits("user:{user}", "*", "user:ada"));
  assert.ok(!fits("user:{user}", "**", "user:ada"));
  assert.ok(!fits("user:{user}", "{user}", "user:ada"));
  assert.ok(!fits("user:{user}", undefined, "user:undefined"));
  assert.ok(!fits("user:{user}", undefined, "user:"));
  assert.ok(!fits("*:{user}", undefined, "user:"));
});

test("[AUTH-16] a right over everything is granted as such, and by no other pattern", () => {
  assert.ok(fits("**", undefined, everyChannel));
  for (const text of ["*", "***", "{user}", "**:**", "a**", "*a", "a"]) {
    assert.ok(!fits(text, "**", everyChannel), text);
  }
});

test("[AUTH-16] the nodes' own channels are reached by all, and by their own names alone", () => {
  const channel = "holdfast.control:revocations";
  for (const text of ["**", channel, "holdfast.control:*", "holdfast.**"])
    assert.ok(fits(text, "a", channel), text);
  for (const text of ["*:*", "**:*", "*:revocations", "h**", "{user}", "{user}:*"]) {
    assert.ok(!fits(text, "holdfast.control", channel), text);
  }
});

test("[AUTH-3] what is no pattern is told from one", () => {
  for (const text of ["a", "chat:*", "**", "user:{user}:**", "a.b-c_d@e", "*:*", `${"*a".repeat(64)}`]) {
    assert.ok(isChannelPattern(text), text);
  }
  for (const text of [
    "",
    "***",
    "a b",
    "user:{id}",
    "{user",
    "a/b",
    "ü",
    "a".repeat(129),
    7,
    null,
    undefined,
  ]) {
    assert.ok(!isChannelPattern(text), String(text));
  }
});

/** Few letters, so that they meet. */
const name = fc.string({ unit: fc.constantFrom("a", "b", ":"), minLength: 1, maxLength: 12 });
const pieces = fc.array(fc.constantFrom("a", "b", ":", "*", "**", "{user}"), { minLength: 1, maxLength: 8 });

/** The same by a regular expression. */
function fitsAsExpression(parts: readonly string[], user: string, channel: string): boolean {
  const source = parts.map((part) => {
    if (part === "**") return ".*";
    if (part === "*") return "[^:]*";
    return part === "{user}" ? user : part;
  });
  return new RegExp(`^${source.join("")}$`).test(channel);
}

test("[AUTH-3] patterns fit what a regular expression of the same meaning fits", () => {
  let fitting = 0;
  fc.assert(
    fc.property(pieces, name, name, (parts, user, channel) => {
      const text = parts.join("");
      fc.pre(isChannelPattern(text));
      // "*" before "**" reads the same as "**" before "*": both are any run.
      const wanted = fitsAsExpression(text.match(/\*\*|\*|\{user\}|./g) ?? [], user, channel);
      assert.equal(fits(text, user, channel), wanted, `${text} as ${user} on ${channel}`);
      if (wanted) fitting++;
    }),
    { numRuns: 3000 },
  );
  assert.ok(fitting > 100);
});

test("[AUTH-3] a pattern that would have an expression try every way is answered", () => {
  const hard = "**a".repeat(42);
  assert.ok(!fits(hard, undefined, `${"a".repeat(127)}b`));
  assert.ok(fits(hard, undefined, "a".repeat(128)));
});

const grantsOf = fc.array(
  fc.record({
    actions: fc.uniqueArray(fc.constantFrom<Action>(...actions), { maxLength: 3 }),
    channels: fc.array(fc.constantFrom("a", "a:*", "**", "{user}", "b:{user}"), { maxLength: 3 }),
  }),
  { maxLength: 4 },
);

test("[AUTH-3] a principal may what one of its grants names, and nothing else", () => {
  fc.assert(
    fc.property(grantsOf, fc.constantFrom<Action>(...actions), name, (grants, action, channel) => {
      const wanted = grants.some(
        (grant: Grant) =>
          grant.actions.includes(action) && grant.channels.some((text) => fits(text, "a", channel)),
      );
      assert.equal(permits({ user: "a", grants }, action, channel), wanted);
      assert.equal(permits({ user: "a" }, action, channel), false);
      // More grants never allow less.
      const more = [...grants, { actions: [action], channels: [channel] }];
      assert.equal(permits({ user: "a", grants: more }, action, channel), true);
    }),
  );
});

test("[AUTH-3] more patterns than are kept compiled are still told apart", () => {
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index <= compiledMax; index++) {
      assert.ok(fits(`chat-${index}:*`, undefined, `chat-${index}:x`));
      assert.ok(!fits(`chat-${index}:*`, undefined, `chat-${index + 1}:x`));
    }
  }
});
