import { test } from "node:test";
import { deep, greetings } from "./greetings.ts";
import { besiege, Siege } from "./siege.ts";
import { binary, json, type SocketAttack, socketAttack, text } from "./socket-attack.ts";

const halfPair = '"\\ud800"';

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
  test(`[ERR-2] [SES-1] [SES-4] [SUB-6] a server withstands messages that were made to hurt: ${bed}`, {
    concurrency: true,
  }, async (t) => {
    const siege = await Siege.lay(t, bed);
    await besiege(t, siege, [...sessions, ...packings].map(socketAttack), { atOnce: 12 });
  });
}
