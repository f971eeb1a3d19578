import assert from "node:assert/strict";
import test, { describe } from "node:test";
import fc from "fast-check";
import { HoldfastError, outcomes } from "./errors.ts";
import { formatEvent } from "./event.ts";
import { msgpackCodec, packControl } from "./msgpack/index.ts";
import { textPayload } from "./payload.ts";
import {
  checkServerMessage,
  decodeServerMessage,
  errorMessage,
  formatEvents,
  type ServerMessage,
} from "./server-messages.ts";

const limits = { messageBytesMax: 1, subscriptionsMax: 2, publishEventsMax: 3 };
const result = { cursor: "k-2", at: 5, duplicate: false };
const member = { instance: "abcdefgh", data: null, since: 5 };

/** Of each type one message with every field. */
const full: readonly ServerMessage[] = [
  { type: "welcome", protocol: 1, session: "s", heartbeatMs: 15_000, limits, user: "ada", expiresAt: 9 },
  { type: "subscribed", channel: "a", cursor: "k-1", head: "k-2" },
  { type: "unsubscribed", channel: "a", code: "forbidden", reason: "why" },
  { type: "events", channel: "a", from: "k-1", to: "k-2", events: [{ cursor: "k-2", at: 5, data: 1 }] },
  { type: "gap", channel: "a", from: "k-1", to: "m-2", reason: "epoch" },
  { type: "end", channel: "a", cursor: "k-2" },
  { type: "published", ref: 1, results: [result, { ...result, duplicate: true }] },
  { type: "signal", channel: "a", key: "", data: null, from: "ada", instance: "abcdefgh" },
  {
    type: "presence",
    channel: "a",
    full: true,
    members: [{ ...member, user: "ada" }, member],
    left: ["abcdefgh"],
  },
  { type: "expiring", inMs: 30_000 },
  { type: "renewed" },
  { type: "renewed", user: "ada", expiresAt: 9, expiresInMs: 8 },
  { type: "pong" },
  { type: "heartbeat", heads: { a: "k-1", "b:c": "m-2" } },
  { type: "reconnect", delayMs: 0, reason: "drain" },
  {
    type: "error",
    code: "precondition_failed",
    message: "why",
    retry: "never",
    ref: 1,
    channel: "a",
    cursor: "k-1",
  },
];
const optional = new Set([
  "user",
  "expiresAt",
  "expiresInMs",
  "code",
  "reason",
  "from",
  "instance",
  "ref",
  "cursor",
]);
const required: Readonly<Record<string, readonly string[]>> = {
  subscribed: ["cursor"],
  end: ["cursor"],
  gap: ["from", "reason"],
  events: ["from"],
  published: ["ref"],
  reconnect: ["reason"],
  error: ["code"],
};

const badMessage = { name: "HoldfastError", code: "bad_message" };

for (const message of full) {
  describe(message.type, () => {
    test("decodes to what was encoded", () => {
      assert.deepEqual(decodeServerMessage(JSON.stringify(message)), message);
    });

    test("[PACK-1] in MessagePack decodes to what was encoded", () => {
      if (message.type === "events") return;
      assert.deepEqual(checkServerMessage(msgpackCodec.decode(packControl(message))), message);
    });

    test("passes with fields of a later protocol", () => {
      checkServerMessage({ ...message, later: [1] });
    });

    for (const name of Object.keys(message).filter((name) => name !== "type")) {
      const without: Record<string, unknown> = { ...message };
      delete without[name];
      const free = optional.has(name) && !required[message.type]?.includes(name);
      const channelOfError = message.type === "error" && name === "channel";
      test(free || channelOfError ? `may lack ${name}` : `is refused without ${name}`, () => {
        if (free || channelOfError) checkServerMessage(without);
        else assert.throws(() => checkServerMessage(without), badMessage);
      });
      if (name === "data") continue;
      test(`is refused with another kind of value as ${name}`, () => {
        for (const wrong of [null, [null], { x: null }]) {
          assert.throws(() => checkServerMessage({ ...message, [name]: wrong }), badMessage);
        }
      });
    }
  });
}

test("a message of a type that a later protocol may have passes as it is", () => {
  for (const type of ["later", "toString", "__proto__"]) {
    assert.deepEqual(decodeServerMessage(`{"type":"${type}","x":1}`) as unknown, { type, x: 1 });
  }
});

test("what is no message is refused, and with nothing but an outcome", () => {
  for (const text of ["null", "[]", "7", '"pong"', "{}", '{"type":7}']) {
    assert.throws(() => decodeServerMessage(text), badMessage);
  }
  const type = fc.constantFrom(...full.map((message) => message.type));
  const near = fc.tuple(type, fc.constantFrom(...full), fc.dictionary(fc.string(), fc.anything()));
  fc.assert(
    fc.property(near, ([type, message, fields]) => {
      try {
        checkServerMessage({ ...message, ...fields, type });
      } catch (error) {
        assert.ok(error instanceof HoldfastError && error.code === "bad_message");
      }
    }),
  );
  assert.throws(() => decodeServerMessage("{"), { name: "HoldfastError", code: "bad_json" });
});

test("a refusal names the field", () => {
  assert.throws(() => checkServerMessage({ type: "end", channel: "a" }), {
    message: '"end" came with undefined as "cursor".',
  });
});

test("[NAME-1] [CUR-1] events are framed around their own JSON, with names that need no escaping", () => {
  const events = [1, 2].map((offset) => ({ payload: textPayload('"\n}'), offset, at: 5 }));
  const text = formatEvents(
    "azAZ09_.:@-",
    "k-0",
    "k-2",
    events.map((event) => formatEvent("k", event)),
  );
  assert.deepEqual(decodeServerMessage(text), {
    type: "events",
    channel: "azAZ09_.:@-",
    from: "k-0",
    to: "k-2",
    events: [1, 2].map((offset) => ({ cursor: `k-${offset}`, at: 5, data: '"\n}', encoding: "text" })),
  });
  assert.deepEqual(decodeServerMessage(formatEvents("a", "k-0", "k-5", [])), {
    type: "events",
    channel: "a",
    from: "k-0",
    to: "k-5",
    events: [],
  });
});

test("[ERR-1] an error in band tells its code, its sentence and what a client may do", () => {
  for (const code of Object.keys(outcomes) as (keyof typeof outcomes)[]) {
    const message = errorMessage(new HoldfastError(code, "why"), { ref: 7 });
    assert.deepEqual(message, { type: "error", code, message: "why", retry: outcomes[code].retry, ref: 7 });
    checkServerMessage(message);
  }
  const refused = new HoldfastError("precondition_failed", "why", { cursor: "k-17" });
  assert.equal(errorMessage(refused).cursor, "k-17");
});
