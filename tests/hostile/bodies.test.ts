import { test } from "node:test";
import { greetings } from "./greetings.ts";
import { type RequestAttack, requestAttack } from "./request-attack.ts";
import { besiege, Siege } from "./siege.ts";

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

test("[ERR-2] [POST-1] [POST-2] a server withstands bodies that were made to hurt", {
  concurrency: true,
}, async (t) => {
  const siege = await Siege.lay(t, "plain");
  await besiege(t, siege, bodies.map(requestAttack), { atOnce: 12 });
});
