import type { SocketAttack } from "./socket-attack.ts";

/** JSON that nests far deeper than any parser that recurses would survive. */
export const deep = `${"[".repeat(30_000)}${"]".repeat(30_000)}`;
const deepObjects = `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`;

/** What a session is told, as its first message. */
export const greetings: readonly (readonly [name: string, ends: SocketAttack["ends"], message: string])[] = [
  ["lists in lists without end", [4400, "bad_message"], deep],
  ["objects in objects without end", [4400, "bad_message"], deepObjects],
  ["lists that do not end", [4400, "bad_json"], "[".repeat(60_000)],
  ["a number of 60,000 digits", [4400, "bad_message"], "9".repeat(60_000)],
  ["a text of 60,000 escapes", [4400, "bad_json"], `"${"\\".repeat(60_001)}`],
  ["a name of 60,000 characters", [4400, "bad_message"], `{"${"k".repeat(60_000)}":1}`],
  [
    "5,000 names",
    [4400, "bad_message"],
    `{${Array.from({ length: 5000 }, (_, n) => `"k${n}":1`).join(",")}}`,
  ],
  [
    "subscriptions that are an object of lists",
    [4400, "bad_message"],
    `{"type":"hello","subscriptions":{"a":${deep.slice(0, 100)}${"]".repeat(100)}}}`,
  ],
  [
    "30,000 subscriptions",
    [4429, "too_many_subscriptions"],
    `{"type":"hello","subscriptions":[${Array(30_000).fill("1").join(",")}]}`,
  ],
  [
    "thousands of channels",
    [4429, "too_many_subscriptions"],
    `{"type":"hello","subscriptions":[${Array.from({ length: 3000 }, (_, n) => `{"channel":"x${n}"}`).join(",")}]}`,
  ],
  [
    "a prototype",
    "welcome",
    '{"__proto__":{"token":"x"},"constructor":{"prototype":{"token":"x"}},"type":"hello"}',
  ],
  [
    "a channel that is called as a prototype",
    "subscribed",
    '{"type":"hello","subscriptions":[{"channel":"__proto__"}]}',
  ],
  ["a type that is replaced", "welcome", '{"type":"publish","type":"hello"}'],
  ["a token of 60,000 characters", "welcome", `{"type":"hello","token":"${"x".repeat(60_000)}"}`],
  [
    "a client with a name of 60,000 characters",
    "welcome",
    `{"type":"hello","client":{"name":"${"\\u0000".repeat(9000)}","version":""}}`,
  ],
  ["a message in bytes", [4400, "bad_json"], "\x00"],
];
