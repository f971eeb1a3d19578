import assert from "node:assert/strict";
import test, { describe } from "node:test";
import fc from "fast-check";
import {
  checkLabels,
  type Draft,
  formatDraft,
  formatEvent,
  type LogEvent,
  parseDraft,
  parseDraftText,
  parseEvent,
} from "./event.ts";
import { jsonPayload, type Payload, payloadValue, textPayload } from "./payload.ts";

const badEvent = { name: "HoldfastError", code: "bad_event" };
const ascii = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => String.fromCharCode(first + index));
const visible = ascii(0x21, 0x7e);
const reserved = ["gap", "end", "reconnect", "error", "open"];

/** Lone surrogates included. The library's own unit "binary" takes seconds to set up. */
const codePoint = fc.nat(0x10ffff).map((code) => String.fromCodePoint(code));
/** Without backslashes: V8 can take a name for an earlier one that holds one (nodejs/node#63785). */
const json = fc.json({
  stringUnit: fc.string({ minLength: 1, maxLength: 1 }).filter((char) => char !== "\\"),
});
const payloads: fc.Arbitrary<Payload> = fc.oneof(
  json.map(jsonPayload),
  fc
    .string({ unit: codePoint })
    .filter((text) => text.isWellFormed())
    .map(textPayload),
  fc.uint8Array().map((bytes) => ({ encoding: "base64" as const, bytes })),
);
const types = fc
  .string({ unit: fc.constantFrom(..."azAZ09_.:-"), minLength: 1, maxLength: 64 })
  .filter((type) => !reserved.includes(type));
const names = fc.string({ unit: fc.constantFrom(...visible), minLength: 1, maxLength: 128 });
const labels = { type: types, key: names, id: names };
const options = { requiredKeys: ["payload"] as "payload"[], noNullPrototype: true };
const drafts = fc.record({ payload: payloads, ...labels }, options) as fc.Arbitrary<Draft>;
const logEvents = fc.record(
  { payload: payloads, ...labels, from: fc.string(), offset: fc.maxSafeNat(), at: fc.maxSafeNat() },
  { requiredKeys: ["payload", "offset", "at"], noNullPrototype: true },
) as fc.Arbitrary<LogEvent>;

describe("labels", () => {
  test("[EVT-2] legal types, keys and ids are taken", () => {
    fc.assert(fc.property(fc.record(labels, { requiredKeys: [] }), (given) => checkLabels(given)));
    checkLabels({});
  });

  for (const type of reserved) {
    test(`[EVT-2] the type ${type} belongs to SSE and is refused`, () => {
      assert.throws(() => checkLabels({ type }), { ...badEvent, message: /reserved/ });
      checkLabels({ type: `${type}s` });
      checkLabels({ type: type.toUpperCase() });
    });
  }

  test("[EVT-2] every character is allowed or refused as the rule says", () => {
    for (let code = 0; code < 0x180; code++) {
      const char = String.fromCharCode(code);
      const inType = /[A-Za-z0-9_.:-]/.test(char);
      const inName = code >= 0x21 && code <= 0x7e;
      const check = (label: object) => () => checkLabels(label);
      if (inType) checkLabels({ type: char });
      else assert.throws(check({ type: char }), badEvent, `type ${code}`);
      for (const label of [{ key: char }, { id: char }]) {
        if (inName) checkLabels(label);
        else assert.throws(check(label), badEvent, `${JSON.stringify(label)}`);
      }
    }
  });

  const refused = [
    { type: "" },
    { type: "a".repeat(65) },
    { type: "a\n" },
    { type: 'a"b' },
    { type: null },
    { type: 7 },
    { type: ["a"] },
    { key: "" },
    { key: "a".repeat(129) },
    { key: "two words" },
    { key: "a\n" },
    { key: null },
    { id: "" },
    { id: "a".repeat(129) },
    { id: "ż" },
    { id: 7 },
  ];
  for (const given of refused) {
    test(`[EVT-2] ${JSON.stringify(given).slice(0, 40)} is refused`, () => {
      assert.throws(() => checkLabels(given), badEvent);
    });
  }
});

describe("an event to publish", () => {
  test("[EVT-1] arrives as it was formatted", () => {
    fc.assert(fc.property(drafts, (draft) => assert.deepEqual(parseDraftText(formatDraft(draft)), draft)));
  });

  test("[EVT-1] keeps the text of its JSON, numbers that no double holds included", () => {
    const data = '{"big":12345678901234567890,"one":1.0,"a":1,"a":2,"7":0,"3":0,"s":"\\u0041"}';
    const line = `{"id":"x","data":${data},"type":"t"}`;
    assert.deepEqual(parseDraftText(line), {
      payload: { encoding: "json", text: data },
      type: "t",
      id: "x",
    });
  });

  test("[EVT-1] with its data given twice has the last, as JSON.parse has it", () => {
    const draft = parseDraftText('{"data":1.0,"\\u0064ata" : [2.0] }');
    assert.deepEqual(draft.payload, { encoding: "json", text: "[2.0]" });
  });

  test("[EVT-1] without the text at hand is serialised again", () => {
    assert.deepEqual(parseDraft({ data: { a: 1 } }).payload, { encoding: "json", text: '{"a":1}' });
  });

  test("[EVT-1] null is data; no data is none", () => {
    assert.deepEqual(parseDraftText('{"data":null}').payload, { encoding: "json", text: "null" });
    assert.throws(() => parseDraftText("{}"), badEvent);
  });

  const refused: [json: string, code: string][] = [
    ["[]", "bad_event"],
    ["null", "bad_event"],
    ['"data"', "bad_event"],
    ['{"data":1,"encoding":"text"}', "bad_event"],
    ['{"data":"AA","encoding":"base64"}', "bad_event"],
    ['{"data":"A","encoding":"json"}', "bad_event"],
    ['{"data":"A","encoding":null}', "bad_event"],
    ['{"data":1,"type":"open"}', "bad_event"],
    ['{"data":1,"key":7}', "bad_event"],
    ['{"__proto__":{"data":1}}', "bad_event"],
    ['{"data":"\\ud800","encoding":"text"}', "bad_utf8"],
    ['{"data":1', "bad_json"],
    ["", "bad_json"],
  ];
  for (const [json, code] of refused) {
    test(`[EVT-1] [EVT-2] [EVT-3] ${json || "nothing"} is refused with ${code}`, () => {
      assert.throws(() => parseDraftText(json), { name: "HoldfastError", code });
    });
  }

  test("[EVT-1] its publisher is not taken from its word", () => {
    assert.equal(parseDraftText('{"data":1,"from":"eve"}').from, undefined);
    assert.equal(formatDraft({ payload: jsonPayload("1"), from: "eve" }), '{"data":1}');
  });

  test("[EVT-2] is not written with labels that would break out of its JSON", () => {
    assert.throws(() => formatDraft({ payload: jsonPayload("1"), type: 'a","id":"b' }), badEvent);
  });
});

describe("an event in the log", () => {
  test("[EVT-1] is received as what it was, in the kind in which it was published", () => {
    fc.assert(
      fc.property(logEvents, ({ payload, offset, ...rest }) => {
        const text = formatEvent("k3v9x2a", { payload, offset, ...rest });
        assert.doesNotMatch(text, /[\r\n]/);
        const kind = payload.encoding === "json" ? {} : { encoding: payload.encoding };
        assert.deepEqual(parseEvent(JSON.parse(text)), {
          cursor: { epoch: "k3v9x2a", offset },
          data: payloadValue(payload),
          ...kind,
          ...rest,
        });
      }),
    );
  });

  test("[EVT-1] text and the JSON string of the same letters stay two kinds", () => {
    const received = [jsonPayload('"a"'), textPayload("a")].map((payload) =>
      parseEvent(JSON.parse(formatEvent("k", { payload, offset: 1, at: 2 }))),
    );
    assert.deepEqual(
      received.map(({ data, encoding }) => [data, encoding]),
      [
        ["a", undefined],
        ["a", "text"],
      ],
    );
  });

  const event = { cursor: "k-1", at: 2, data: 3 };
  const refused: [why: string, json: unknown, code: string][] = [
    ["a list", [event], "bad_message"],
    ["null", null, "bad_message"],
    ["no time", { cursor: "k-1", data: 3 }, "bad_message"],
    ["an infinite time", { ...event, at: Number.POSITIVE_INFINITY }, "bad_message"],
    ["no data", { cursor: "k-1", at: 2 }, "bad_message"],
    ["no cursor", { at: 2, data: 3 }, "bad_cursor"],
    ["a type that is no string", { ...event, type: 7 }, "bad_message"],
    ["a publisher that is no string", { ...event, from: {} }, "bad_message"],
    ["text that is no string", { ...event, encoding: "text" }, "bad_message"],
    ["an encoding from the future", { ...event, data: "a", encoding: "zstd" }, "bad_message"],
    ["broken base64", { ...event, data: "A", encoding: "base64" }, "bad_event"],
  ];
  for (const [why, json, code] of refused) {
    test(`[EVT-1] ${why} is refused`, () => {
      assert.throws(() => parseEvent(json), { name: "HoldfastError", code });
    });
  }
});
