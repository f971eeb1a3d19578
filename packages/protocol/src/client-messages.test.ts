import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import {
  type ClientMessage,
  checkClientMessage,
  decodeClientMessage,
  decodeSignalKey,
  formatClientMessage,
  formatSubscription,
  isInstance,
  parseStart,
  parseSubscription,
  RefusedRequest,
  type Subscription,
} from "./client-messages.ts";
import type { Cursor } from "./cursor.ts";
import { HoldfastError, outcomes } from "./errors.ts";
import { msgpackCodec, readPackedMessage } from "./msgpack/index.ts";
import { jsonPayload, textPayload } from "./payload.ts";

const refusal = (code: string) => ({ name: "HoldfastError", code });
const record = <T extends object>(required: T, optional: object) =>
  fc.record(
    { ...required, ...optional },
    { requiredKeys: Object.keys(required) as never[], noNullPrototype: true },
  );
const pick = (unit: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...unit), minLength, maxLength });

/** Lone surrogates included. The library's own unit "binary" takes seconds to set up. */
const codePoint = fc.nat(0x10ffff).map((code) => String.fromCodePoint(code));
const channel = pick("azAZ09_.:@-", 1, 128);
const cursor: fc.Arbitrary<Cursor> = fc.record(
  { epoch: pick("az09", 1, 24), offset: fc.maxSafeNat() },
  { noNullPrototype: true },
);
/** Without backslashes: V8 can take a name for an earlier one that holds one (nodejs/node#63785). */
const json = fc.json({
  stringUnit: fc.string({ minLength: 1, maxLength: 1 }).filter((char) => char !== "\\"),
});
// Through JSON once, because -0 does not survive it.
const data = json.map((text) => JSON.parse(JSON.stringify(JSON.parse(text))) as unknown);
const list = fc.array(data, { maxLength: 3 });
const draft = record(
  {
    payload: fc.oneof(
      json.map(jsonPayload),
      fc.string().map(textPayload),
      fc.uint8Array().map((bytes) => ({ encoding: "base64" as const, bytes })),
    ),
  },
  { type: pick("az09", 1, 64), key: pick('!~"\\', 1, 128), id: pick("!~09", 1, 128) },
);
const client = fc.record({ name: fc.string(), version: fc.string() }, { noNullPrototype: true });
const type = <T extends string>(name: T) => ({ type: fc.constant(name) });
const messages = fc.oneof(
  record(
    { ...type("hello"), subscriptions: list },
    { token: fc.string(), client, instance: pick("azAZ09_-", 8, 64) },
  ),
  record({ ...type("subscribe"), subscriptions: list }, {}),
  record({ ...type("unsubscribe"), channels: list }, {}),
  record(
    {
      ...type("publish"),
      ref: fc.maxSafeInteger(),
      channel,
      events: fc.array(draft, { minLength: 1, maxLength: 4 }),
    },
    { ifMatch: cursor },
  ),
  record({ ...type("signal"), channel, key: fc.string({ maxLength: 128 }), data }, {}),
  record({ ...type("presence"), channel, data }, {}),
  record({ ...type("auth"), token: fc.string() }, {}),
  record({ ...type("ping") }, {}),
) as fc.Arbitrary<ClientMessage>;

test("every message decodes to what was encoded", () => {
  fc.assert(
    fc.property(messages, (message) =>
      assert.deepEqual(decodeClientMessage(formatClientMessage(message)), message),
    ),
    { numRuns: 1000 },
  );
});

test("[PACK-1] [PACK-2] every message in MessagePack decodes to what was encoded", () => {
  fc.assert(
    fc.property(messages, (message) => {
      const again = checkClientMessage(readPackedMessage(msgpackCodec.encode(message)));
      assert.deepEqual(again, message);
    }),
    { numRuns: 1000 },
  );
});

test("arbitrary text and JSON are refused with the code that fits, and with nothing else", () => {
  const word = fc.constantFrom(
    "hello",
    "subscribe",
    "unsubscribe",
    "publish",
    "signal",
    "presence",
    "auth",
    "ping",
  );
  const field = fc.constantFrom(
    "ref",
    "channel",
    "channels",
    "events",
    "subscriptions",
    "ifMatch",
    "key",
    "data",
    "token",
    "client",
    "instance",
  );
  const value = fc.oneof(
    data,
    fc.constantFrom("orders", "k-1", 7, [], {}, [{ data: 1 }], [{ toString: 1 }], { name: { toString: 1 } }),
  );
  const near = fc
    .tuple(fc.oneof(word, data), fc.dictionary(field, value))
    .map(([type, fields]) => JSON.stringify({ type, ...fields }));
  const codes = new Set([
    "bad_json",
    "bad_message",
    "unknown_message",
    "bad_channel",
    "bad_cursor",
    "bad_event",
    "bad_utf8",
  ]);
  fc.assert(
    fc.property(fc.oneof(near, json, fc.string({ unit: codePoint })), (text) => {
      try {
        decodeClientMessage(text);
      } catch (error) {
        assert.ok(error instanceof HoldfastError && codes.has(error.code), `${text}: ${String(error)}`);
      }
    }),
    { numRuns: 3000 },
  );
});

describe("refused", () => {
  const refused: [text: string, code: string][] = [
    ["", "bad_json"],
    ["hello", "bad_json"],
    ['{"type":"ping"', "bad_json"],
    ["null", "bad_message"],
    ["[]", "bad_message"],
    ['"ping"', "bad_message"],
    ["{}", "bad_message"],
    ['{"type":1}', "bad_message"],
    ['{"__proto__":{"type":"ping"}}', "bad_message"],
    ['{"type":"Ping"}', "unknown_message"],
    ['{"type":"events"}', "unknown_message"],
    ['{"type":"constructor"}', "unknown_message"],
    ['{"type":"hello","token":7}', "bad_message"],
    ['{"type":"hello","token":null}', "bad_message"],
    ['{"type":"hello","instance":"short"}', "bad_message"],
    ['{"type":"hello","instance":"has a space"}', "bad_message"],
    ['{"type":"hello","subscriptions":{}}', "bad_message"],
    ['{"type":"hello","subscriptions":null}', "bad_message"],
    ['{"type":"hello","client":"web"}', "bad_message"],
    ['{"type":"hello","client":{"name":"web"}}', "bad_message"],
    ['{"type":"hello","client":{"name":{"toString":1},"version":"1"}}', "bad_message"],
    ['{"type":"subscribe"}', "bad_message"],
    ['{"type":"subscribe","subscriptions":"orders"}', "bad_message"],
    ['{"type":"unsubscribe","channels":"orders"}', "bad_message"],
    ['{"type":"publish","channel":"a","events":[{"data":1}]}', "bad_message"],
    ['{"type":"publish","ref":"1","channel":"a","events":[{"data":1}]}', "bad_message"],
    ['{"type":"publish","ref":1.5,"channel":"a","events":[{"data":1}]}', "bad_message"],
    ['{"type":"publish","ref":9007199254740992,"channel":"a","events":[{"data":1}]}', "bad_message"],
    ['{"type":"signal","channel":"a"}', "bad_message"],
    ['{"type":"signal","channel":"a","key":7,"data":1}', "bad_message"],
    ['{"type":"signal","channel":"a b","data":1}', "bad_channel"],
    ['{"type":"presence","channel":"a"}', "bad_message"],
    ['{"type":"presence","data":{}}', "bad_channel"],
    ['{"type":"auth"}', "bad_message"],
    ['{"type":"auth","token":["t"]}', "bad_message"],
  ];
  for (const [text, code] of refused) {
    test(`${text || "nothing"} with ${code}`, () => {
      assert.throws(() => decodeClientMessage(text), refusal(code));
    });
  }

  const refusedPublishes: [fields: string, code: string][] = [
    ['"channel":"a","events":[]', "bad_message"],
    ['"channel":"a"', "bad_message"],
    ['"channel":"a","events":{"data":1}', "bad_message"],
    ['"channel":"","events":[{"data":1}]', "bad_channel"],
    ['"events":[{"data":1}]', "bad_channel"],
    ['"channel":"a","events":[{"data":1},{}]', "bad_event"],
    ['"channel":"a","events":[7]', "bad_event"],
    ['"channel":"a","events":[{"data":1,"type":"gap"}]', "bad_event"],
    ['"channel":"a","events":[{"data":"\\udc00","encoding":"text"}]', "bad_utf8"],
    ['"channel":"a","events":[{"data":1}],"ifMatch":"latest"', "bad_cursor"],
    ['"channel":"a","events":[{"data":1}],"ifMatch":null', "bad_cursor"],
  ];
  for (const [fields, code] of refusedPublishes) {
    test(`a publish of ${fields} with ${code}, naming its ref`, () => {
      assert.throws(
        () => decodeClientMessage(`{"type":"publish","ref":-3,${fields}}`),
        (error) => error instanceof RefusedRequest && error.code === code && error.ref === -3,
      );
    });
  }

  test("with the sentence that says what was wrong", () => {
    assert.throws(() => decodeClientMessage('{"type":"subscribe","subscriptions":{"channel":"a"}}'), {
      message: '"subscriptions" is a list, not {"channel":…}.',
    });
    assert.throws(() => decodeClientMessage('{"type":"presence","channel":"a"}'), {
      message: '"presence" needs "data"; it may be null.',
    });
  });
});

describe("a publish", () => {
  const decode = (text: string) => {
    const message = decodeClientMessage(text);
    assert.equal(message.type, "publish");
    return message.type === "publish" ? message.events : [];
  };

  test("[EVT-1] carries each event's JSON as it was written", () => {
    const texts = ["12345678901234567890", "1.0", '{"b":1,"a":2,"a":3}', '"\\u0041"', "[ 1e2 ]"];
    const events = texts.map((text, index) => `{"id":"${index}","data": ${text} ,"key":"k"}`);
    const drafts = decode(`{"events":[${events.join(" , ")}],"ref":1,"type":"publish","channel":"a"}`);
    assert.deepEqual(
      drafts.map(({ payload }) => payload),
      texts.map((text) => ({ encoding: "json", text })),
    );
  });

  test("[EVT-1] takes the last of repeated and escaped names, as JSON.parse does", () => {
    const decoy = '"events":[{"data":0.0},{"data":0.0}]';
    const text = `{"type":"publish","ref":1,${decoy},"channel":"a","\\u0065vents":[{"data":1.0,"data":2.0}]}`;
    assert.deepEqual(decode(text), [{ payload: { encoding: "json", text: "2.0" } }]);
  });

  test("[EVT-1] takes no other member's list for its events", () => {
    const other = '[{"data":2.0}]';
    const text = `{"type":"publish","a":${other},"ref":1,"channel":"a","events":[{"data":1.0}],"b":${other}}`;
    assert.deepEqual(decode(text), [{ payload: { encoding: "json", text: "1.0" } }]);
  });

  test("[EVT-1] is not mistaken by braces, brackets and quotes inside strings", () => {
    const data = JSON.stringify({ '"}]\\': ['{"data":1}', '\\"', "]}"] });
    const text = `{"x":"\\"events\\":[","type":"publish","ref":1,"channel":"a","events":[{"data":${data}}]}`;
    assert.deepEqual(decode(text), [{ payload: { encoding: "json", text: data } }]);
  });

  test("[EVT-4] of data nested half a million deep is refused by its ref, and ends nothing", () => {
    const deep = "[".repeat(500_000) + "]".repeat(500_000);
    const text = `{"type":"publish","ref":7,"channel":"a","events":[{"data":${deep}}]}`;
    assert.throws(() => decode(text), { name: "HoldfastError", code: "bad_event", ref: 7 });
  });

  test("keeps of its message no more than the events", () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const heap = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const padding = " ".repeat(1024 * 1024);
    const before = heap();
    const kept = Array.from({ length: 50 }, (_, index) =>
      decode(
        `{"type":"publish",${padding}"ref":1,"channel":"a","events":[{"data":"${index} of a few dozen"}]}`,
      ),
    );
    assert.ok(heap() - before < 10 * 1024 * 1024);
    assert.equal(kept.length, 50);
  });
});

describe("a subscription", () => {
  test("decodes to what was encoded", () => {
    const start = fc.oneof(
      fc.record({ after: fc.oneof(fc.constantFrom("oldest", "latest"), cursor) }, { noNullPrototype: true }),
      fc.record({ last: fc.maxSafeNat() }, { noNullPrototype: true }),
    );
    const subscriptions = record(
      { channel, start, signals: fc.boolean(), presence: fc.boolean() },
      { join: data },
    );
    fc.assert(
      fc.property(subscriptions as fc.Arbitrary<Subscription>, (subscription) => {
        const json: unknown = JSON.parse(JSON.stringify(formatSubscription(subscription)));
        assert.deepEqual(parseSubscription(json), subscription);
      }),
    );
  });

  test("[READ-2] begins at the head unless it says otherwise", () => {
    assert.deepEqual(parseSubscription({ channel: "a" }), {
      channel: "a",
      start: { after: "latest" },
      signals: false,
      presence: false,
    });
  });

  test("joins with null when it says null, and not when it says nothing", () => {
    assert.equal(parseSubscription({ channel: "a", join: null }).join, null);
    assert.equal("join" in parseSubscription({ channel: "a" }), false);
  });

  const refused: [json: unknown, code: string][] = [
    ["orders", "bad_message"],
    [null, "bad_message"],
    [["orders"], "bad_message"],
    [{}, "bad_channel"],
    [{ channel: "a b" }, "bad_channel"],
    [{ channel: "a", after: 17 }, "bad_cursor"],
    [{ channel: "a", after: null }, "bad_cursor"],
    [{ channel: "a", after: "k-1", last: 1 }, "bad_parameter"],
    [{ channel: "a", last: "1" }, "bad_parameter"],
    [{ channel: "a", signals: "yes" }, "bad_message"],
    [{ channel: "a", presence: 1 }, "bad_message"],
    [{ channel: "a", presence: null }, "bad_message"],
  ];
  for (const [json, code] of refused) {
    test(`${JSON.stringify(json)} is refused with ${code}`, () => {
      assert.throws(() => parseSubscription(json), refusal(code));
    });
  }
});

describe("where to read", () => {
  test("[READ-2] after takes a cursor, oldest or latest; last takes a count", () => {
    assert.deepEqual(parseStart("k-17", undefined), { after: { epoch: "k", offset: 17 } });
    assert.deepEqual(parseStart("oldest", undefined), { after: "oldest" });
    assert.deepEqual(parseStart("latest", undefined), { after: "latest" });
    assert.deepEqual(parseStart(undefined, 0), { last: 0 });
    assert.deepEqual(parseStart(undefined, 10), { last: 10 });
  });

  test("[READ-2] after and last exclude each other, whatever they are", () => {
    for (const after of ["k-17", "latest", "nonsense", "", null]) {
      assert.throws(() => parseStart(after, 1), refusal("bad_parameter"));
    }
  });

  test("[READ-2] last is a whole number from 0", () => {
    for (const last of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "1", null, [1]]) {
      assert.throws(() => parseStart(undefined, last), refusal("bad_parameter"));
    }
  });
});

test("an instance is 8 to 64 of its alphabet", () => {
  for (const text of ["abcd_-09", "Z".repeat(64)]) assert.equal(isInstance(text), true);
  for (const text of ["abcdefg", "Z".repeat(65), "abcdefgh\n", "abcd.efg", 12345678, null]) {
    assert.equal(isInstance(text), false);
  }
});

test("[SIG-3] a signal's key is up to 128 characters, and empty when not given", () => {
  assert.equal(decodeSignalKey(undefined), "");
  assert.equal(decodeSignalKey("x".repeat(128)), "x".repeat(128));
  for (const key of ["x".repeat(129), null, 7])
    assert.throws(() => decodeSignalKey(key), refusal("bad_message"));
  assert.throws(() => decodeSignalKey("\ud83d"), refusal("bad_utf8"));
});

test("a refused request has the outcome of what refused it", () => {
  for (const code of Object.keys(outcomes) as (keyof typeof outcomes)[]) {
    const inner = new HoldfastError(code, "why");
    const { status, retry, message, cause, ref } = new RefusedRequest(inner, 7);
    assert.deepEqual([status, retry, message, cause, ref], [inner.status, inner.retry, "why", inner, 7]);
  }
});
