import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { closeError, decodeIncoming, toError } from "./incoming.ts";
import { events, welcomeMessage } from "./rig.test.ts";

test("a message of the protocol is taken as it is", () => {
  const messages = [
    welcomeMessage(),
    { type: "subscribed", channel: "a", cursor: "k-0", head: "k-0" },
    { type: "unsubscribed", channel: "a" },
    { type: "gap", channel: "a", from: "k-0", to: "m-0", reason: "epoch" },
    { type: "end", channel: "a", cursor: "k-9" },
    { type: "published", ref: 1, results: [] },
    { type: "signal", channel: "a", key: "", data: 1 },
    { type: "presence", channel: "a", full: true, members: [], left: [] },
    { type: "expiring", inMs: 1000 },
    { type: "pong" },
    { type: "heartbeat", heads: { a: "k-9" } },
    { type: "reconnect", delayMs: 0, reason: "drain" },
    { type: "error", code: "internal", message: "", retry: "retry" },
  ];
  for (const message of messages) assert.equal(decodeIncoming(message), message);
});

test("a message of a later version is ignored", () => {
  assert.equal(decodeIncoming({ type: "horoscope", sign: "libra" }), undefined);
});

test("a batch carries each event with its channel, and bytes as bytes", () => {
  const event = {
    cursor: "k-3",
    at: 7,
    data: "AQI=",
    encoding: "base64",
    type: "t",
    key: "x",
    id: "i",
    from: "ada",
  };
  const message = decodeIncoming({ type: "events", channel: "a", from: "k-1", to: "k-4", events: [event] });
  assert.ok(message?.type === "batch");
  assert.deepEqual(message.batch.events, [{ channel: "a", ...event, data: Uint8Array.of(1, 2) }]);
  assert.deepEqual(message.batch.offsets, [3]);
});

test("[DUP-1] a batch that contradicts itself is refused whole", () => {
  const event = (offset: number, epoch = "k") => ({ cursor: `${epoch}-${offset}`, at: 0, data: null });
  const batch = (from: string, to: string, ...list: unknown[]) => ({
    type: "events",
    channel: "a",
    from,
    to,
    events: list,
  });
  const bad = [
    batch("k-5", "k-4"),
    batch("k-5", "m-6"),
    batch("k-5", "k-6", event(5)),
    batch("k-5", "k-6", event(7)),
    batch("k-5", "k-9", event(7), event(6)),
    batch("k-5", "k-9", event(7), event(7)),
    batch("k-5", "k-9", event(7, "m")),
    batch("k-5", "k-9", { cursor: "k-6", data: 1 }),
    batch("k-5", "k-9", null),
    { ...batch("k-5", "k-9"), channel: 1 },
    { ...batch("k-5", "k-9"), events: {} },
  ];
  for (const one of bad) assert.throws(() => decodeIncoming(one), { code: "bad_message" });
  assert.throws(() => decodeIncoming(batch("5", "k-9")), { code: "bad_cursor" });
});

test("what is no message of the protocol is refused with a code, whatever it is", () => {
  const type = fc.constantFrom(
    "welcome",
    "events",
    "gap",
    "heartbeat",
    "subscribed",
    "presence",
    "published",
  );
  const message = fc.oneof(
    fc.jsonValue(),
    fc.record({ type, channel: fc.jsonValue(), heads: fc.jsonValue() }),
  );
  fc.assert(
    fc.property(message, (json) => {
      try {
        decodeIncoming(json);
      } catch (error) {
        assert.match(String((error as { code?: string }).code), /^bad_(message|cursor|event)$/);
      }
    }),
  );
  assert.throws(() => decodeIncoming({ ...welcomeMessage(), heartbeatMs: 0 }), { code: "bad_message" });
  assert.throws(() => decodeIncoming({ ...events("a", 0, 1), from: "latest" }), { code: "bad_cursor" });
});

test("[ERR-1] a close says what its reason names, else what its code does", () => {
  assert.equal(closeError(4401, "unauthenticated")?.code, "unauthenticated");
  assert.equal(closeError(4429, "rate_limited")?.code, "rate_limited");
  assert.equal(closeError(4403, "")?.code, "forbidden");
  assert.equal(closeError(1012, "")?.retry, "retry");
  assert.equal(closeError(1006, ""), undefined);
  assert.equal(closeError(1009, ""), undefined, "a proxy's limit is no reason to give up for good");
});

test("[LIM-4] a close says when to come back, also where its reason is that of a reconnect", () => {
  const said = [
    closeError(4429, "too_many_connections; retry-after-ms=1500"),
    closeError(1012, "drain; retry-after-ms=2500"),
    closeError(1013, "overloaded"),
  ];
  assert.deepEqual(
    said.map((error) => [error?.code, error?.retryAfterMs]),
    [
      ["too_many_connections", 1500],
      ["draining", 2500],
      ["overloaded", undefined],
    ],
  );
});

test("[LIM-3] an error says when to come back and which limit it was; a delay that is none is ignored", () => {
  const json = { code: "rate_limited", message: "m", retryAfterMs: 700, limit: "x" };
  assert.deepEqual([toError(json).retryAfterMs, toError(json).limit], [700, "x"]);
  for (const retryAfterMs of [-1, "700", null, Infinity]) {
    assert.equal(toError({ ...json, retryAfterMs }).retryAfterMs, undefined);
  }
});

test("[CLI-9] an error of a later version counts by its retry", () => {
  assert.equal(toError({ code: "too_shiny", message: "m", retry: "never" }).retry, "never");
  assert.equal(toError({ code: "too_shiny", message: "m", retry: "retry" }).retry, "retry");
  assert.equal(toError({ code: "too_shiny", message: "m", retry: "reauthenticate" }).retry, "reauthenticate");
  const known = toError({ code: "precondition_failed", message: "m", cursor: "k-7" });
  assert.deepEqual([known.code, known.message, known.cursor], ["precondition_failed", "m", "k-7"]);
});
