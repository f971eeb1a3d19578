import { test } from "node:test";
import { type RequestAttack, requestAttack } from "./request-attack.ts";
import { besiege, Siege } from "./siege.ts";
import { binary, json, type SocketAttack, socketAttack, text } from "./socket-attack.ts";

const deep = `${"[".repeat(30_000)}${"]".repeat(30_000)}`;
const deepObjects = `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`;
const halfPair = '"\\ud800"';

/** What a session is told, as its first message. */
const greetings: readonly (readonly [name: string, ends: SocketAttack["ends"], message: string])[] = [
  ["lists in lists without end", [4400, "bad_message"], deep],
  ["objects in objects without end", [4400, "bad_message"], deepObjects],
  ["lists that do not end", [4400, "bad_json"], "[".repeat(60_000)],
  ["a number of 60,000 digits", [4400, "bad_message"], "9".repeat(60_000)],
  ["a text of 60,000 escapes", [4400, "bad_json"], `"${"\\".repeat(60_001)}`],
  ["a name of 60,000 characters", [4400, "bad_message"], `{"${"k".repeat(60_000)}":1}`],
  [
    "10,000 names",
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

/** What it is told later. */
const sayings: readonly (readonly [name: string, ends: string, message: string])[] = [
  ["lists in lists without end", "bad_message", deep],
  ["a type of lists in lists", "bad_message", `{"type":${deep}}`],
  ["a type of 60,000 characters", "unknown_message", `{"type":"${"x".repeat(60_000)}"}`],
  [
    "a channel of lists in lists",
    "bad_channel",
    `{"type":"subscribe","subscriptions":[{"channel":${deep}}]}`,
  ],
  ["subscriptions of lists in lists", "bad_message", `{"type":"subscribe","subscriptions":${deep}}`],
  [
    "a channel with half a surrogate pair",
    "bad_channel",
    `{"type":"subscribe","subscriptions":[{"channel":${halfPair}}]}`,
  ],
  [
    "a channel with line breaks",
    "bad_channel",
    '{"type":"subscribe","subscriptions":[{"channel":"a\\r\\nid: x"}]}',
  ],
  [
    "20,000 subscriptions",
    "too_many_subscriptions",
    `{"type":"subscribe","subscriptions":[${Array(20_000).fill("{}").join(",")}]}`,
  ],
  [
    "30,000 channels to leave",
    "too_many_subscriptions",
    `{"type":"unsubscribe","channels":[${Array(30_000).fill("1").join(",")}]}`,
  ],
  [
    "a cursor of 60,000 digits",
    "bad_cursor",
    `{"type":"subscribe","subscriptions":[{"channel":"a","after":"k-${"9".repeat(60_000)}"}]}`,
  ],
  [
    "a cursor of a thousand channels",
    "bad_cursor",
    `{"type":"subscribe","subscriptions":[{"channel":"a","after":"${Array.from({ length: 1000 }, (_, n) => `c${n}=k-1`).join(",")}"}]}`,
  ],
  [
    "a cursor beyond all numbers",
    "bad_cursor",
    '{"type":"subscribe","subscriptions":[{"channel":"a","after":"k-9007199254740993"}]}',
  ],
  [
    "a cursor that was never handed out",
    "gap",
    '{"type":"subscribe","subscriptions":[{"channel":"a","after":"k-9007199254740991"}]}',
  ],
  [
    "a start infinitely long ago",
    "bad_parameter",
    '{"type":"subscribe","subscriptions":[{"channel":"a","last":1e999}]}',
  ],
  [
    "a wish for what is deep",
    "bad_event",
    `{"type":"subscribe","subscriptions":[{"channel":"a","join":${deep}}]}`,
  ],
  [
    "data that is deep",
    "bad_event",
    `{"type":"publish","ref":1,"channel":"a","events":[{"data":${"[".repeat(5000)}${"]".repeat(5000)}}]}`,
  ],
  [
    "data that is deep, and replaced",
    "bad_event",
    `{"type":"publish","ref":1,"channel":"a","events":[{"data":{"a":${"[".repeat(5000)}${"]".repeat(5000)},"a":1}}]}`,
  ],
  [
    "a number of 10,000 digits",
    "published",
    `{"type":"publish","ref":1,"channel":"numbers","events":[{"data":${"9".repeat(10_000)}}]}`,
  ],
  [
    "a number of 30,000 digits",
    "too_large",
    `{"type":"publish","ref":1,"channel":"numbers","events":[{"data":${"9".repeat(30_000)}}]}`,
  ],
  [
    "an exponent beyond all numbers",
    "published",
    '{"type":"publish","ref":1,"channel":"numbers","events":[{"data":1e999999999}]}',
  ],
  [
    "a batch of thousands",
    "too_large",
    `{"type":"publish","ref":1,"channel":"a","events":[${Array(4000).fill('{"data":1}').join(",")}]}`,
  ],
  [
    "a reference that is no number",
    "bad_message",
    `{"type":"publish","ref":${deep.slice(0, 50)}${"]".repeat(50)},"channel":"a","events":[{"data":1}]}`,
  ],
  [
    "an event's type with line breaks",
    "bad_event",
    '{"type":"publish","ref":1,"channel":"a","events":[{"data":1,"type":"a\\r\\ndata: x"}]}',
  ],
  [
    "an event's key with line breaks",
    "bad_event",
    '{"type":"publish","ref":1,"channel":"a","events":[{"data":1,"key":"a\\n"}]}',
  ],
  [
    "an event's id with a null",
    "bad_event",
    '{"type":"publish","ref":1,"channel":"a","events":[{"data":1,"id":"\\u0000"}]}',
  ],
  [
    "a type of event that a stream itself has",
    "bad_event",
    '{"type":"publish","ref":1,"channel":"a","events":[{"data":1,"type":"end"}]}',
  ],
  [
    "bytes that are none",
    "bad_event",
    '{"type":"publish","ref":1,"channel":"a","events":[{"data":"!!","encoding":"base64"}]}',
  ],
  [
    "text with half a surrogate pair",
    "bad_utf8",
    `{"type":"publish","ref":1,"channel":"a","events":[{"data":${halfPair},"encoding":"text"}]}`,
  ],
  [
    "a signal's key with half a surrogate pair",
    "bad_utf8",
    `{"type":"signal","channel":"a","key":${halfPair},"data":1}`,
  ],
  [
    "a signal's key of 60,000 characters",
    "bad_message",
    `{"type":"signal","channel":"a","key":"${"k".repeat(60_000)}","data":1}`,
  ],
  [
    "a signal that is too large",
    "too_large",
    `{"type":"signal","channel":"a","data":"${"x".repeat(60_000)}"}`,
  ],
  [
    "a member that is too large",
    "not_subscribed",
    `{"type":"presence","channel":"a","data":"${"x".repeat(60_000)}"}`,
  ],
  ["a token of lists in lists", "bad_message", `{"type":"auth","token":${deep}}`],
];

const sessions: readonly SocketAttack[] = [
  ...greetings.map(([name, ends, message]) => ({
    name: `${name} for a greeting`,
    ends,
    sends: () => [text(message)],
  })),
  ...sayings.map(([name, ends, message]) => ({ name, ends, greets: true, sends: () => [text(message)] })),
  {
    name: "a second greeting",
    greets: true,
    ends: [4400, "bad_message"],
    sends: () => [json({ type: "hello" })],
  },
  {
    name: "bytes where text is spoken",
    greets: true,
    ends: "bad_json",
    sends: () => [binary(Buffer.from([0x80]))],
  },
];

const packed = ["Sec-WebSocket-Protocol: holdfast.v1.msgpack"];
const bytes = (hex: string, ...rest: Uint8Array[]) => Buffer.concat([Buffer.from(hex, "hex"), ...rest]);

/** A first message in MessagePack. */
const packings: readonly SocketAttack[] = (
  [
    ["nothing", "bad_message", bytes("")],
    ["a list of 4 billion", "bad_message", bytes("ddffffffff")],
    ["a map of 4 billion", "bad_message", bytes("dfffffffff")],
    ["a text of 4 billion bytes", "bad_message", bytes("dbffffffff")],
    ["bytes of 4 billion", "bad_message", bytes("c6ffffffff")],
    ["a list of as many as there are bytes", "bad_message", bytes("dd0000ea60", Buffer.alloc(60_000, 0xc0))],
    ["lists in lists without end", "bad_message", Buffer.alloc(60_000, 0x91)],
    ["maps in maps without end", "bad_message", Buffer.concat(Array(20_000).fill(bytes("81a161")))],
    ["a key twice", "bad_message", bytes("82a474797065a568656c6c6fa474797065a568656c6c6f")],
    ["a key that is no text", "bad_message", bytes("8101c0")],
    ["a timestamp", "bad_message", bytes("d6ff00000000")],
    ["an extension", "bad_message", bytes("c7ff01")],
    ["the byte that means nothing", "bad_message", bytes("c1")],
    ["text that is no UTF-8", "bad_utf8", bytes("81a474797065a2c328")],
    ["a number that is none", "bad_message", bytes("81a474797065cb7ff8000000000000")],
    ["a number beyond all others", "bad_message", bytes("81a474797065cfffffffffffffffff")],
    ["a message behind another", "bad_message", bytes("81a474797065a568656c6c6f81a474797065a568656c6c6f")],
  ] as const
).map(([name, code, message]) => ({
  name: `${name} in MessagePack`,
  headers: packed,
  ends: [code === "bad_utf8" ? 1007 : 4400, code],
  sends: () => [binary(message)],
}));

for (const bed of ["plain", "workers"] as const) {
  test(`[ERR-2] [SES-1] [SES-4] [SUB-6] a server withstands messages that were made to hurt: ${bed}`, async (t) => {
    const siege = await Siege.lay(t, bed);
    await besiege(t, siege, [...sessions, ...packings].map(socketAttack), { atOnce: 12 });
  });
}

const post = (path: string, type: string, body: string, ...headers: readonly string[]) =>
  `${[`POST ${path} HTTP/1.1`, "Host: localhost", "Connection: close", `Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(body, "latin1")}`, ...headers].join("\r\n")}\r\n\r\n${body}`;

const bodies: readonly RequestAttack[] = [
  ...(
    [
      ["lists in lists", 400, "bad_event", "application/json", `${"[".repeat(5000)}${"]".repeat(5000)}`],
      ["lists that do not end", 400, "bad_json", "application/json", "[".repeat(10_000)],
      ["JSON that is no UTF-8", 400, "bad_utf8", "application/json", '"\xc3\x28"'],
      ["text that is no UTF-8", 400, "bad_utf8", "text/plain", "\xed\xa0\x80"],
      ["too large a body", 413, "too_large", "application/json", `"${"x".repeat(64 * 1024)}"`],
      ["too large an event", 413, "too_large", "text/plain", "x".repeat(20_000)],
      [
        "a line of a batch that is deep",
        400,
        "bad_event",
        "application/x-ndjson",
        `{"data":${"[".repeat(5000)}${"]".repeat(5000)}}`,
      ],
      ["a batch of thousands", 413, "too_large", "application/x-ndjson", '{"data":1}\n'.repeat(5000)],
      ["a batch of empty lines", 400, "bad_event", "application/x-ndjson", "\n".repeat(60_000)],
      [
        "a batch whose last line is bad",
        400,
        "bad_event",
        "application/x-ndjson",
        '{"data":1}\n{"data":1,"type":"end"}',
      ],
    ] as const
  ).map(([name, status, code, type, body]) => ({
    name: `${name} as an event`,
    sends: (channel: string) => post(`/channels/${channel}`, type, body),
    ends: [[status, code]] as const,
  })),
  ...(
    [
      ["an event's type with a tab", "bad_event", "Event-Type: a\tb"],
      ["an event's type in bytes beyond ASCII", "bad_event", "Event-Type: \xe4"],
      ["an event's key that is empty", "bad_event", "Event-Key: "],
      ["an id of a thousand characters", "bad_event", `Idempotency-Key: ${"x".repeat(1000)}`],
      ["a condition of two cursors", "bad_cursor", 'If-Match: "k-1", "k-2"'],
    ] as const
  ).map(([name, code, header]) => ({
    name,
    sends: (channel: string) => post(`/channels/${channel}`, "text/plain", "x", header),
    ends: [[400, code]] as const,
  })),
  ...greetings
    .filter(([, ends]) => typeof ends !== "string")
    .map(([name, ends, message]) => ({
      name: `${name} as the body of a session`,
      sends: () => post("/connect", "application/json", message),
      ends: [[Number(ends[0]) - 4000, ends[1] as string]] as const,
    })),
];

test("[ERR-2] [POST-1] [POST-2] a server withstands bodies that were made to hurt", async (t) => {
  const siege = await Siege.lay(t, "plain");
  await besiege(t, siege, bodies.map(requestAttack), { atOnce: 12 });
});
