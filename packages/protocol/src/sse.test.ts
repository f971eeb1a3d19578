import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { jsonPayload, textPayload, toPayload } from "./payload.ts";
import { formatSse, formatSseComment, type SseMessage, SseParser, sseData } from "./sse.ts";

interface Reading {
  messages: SseMessage[];
  lastEventId: string;
  retryMs: number | undefined;
}

function read(...pieces: string[]): Reading {
  const messages: SseMessage[] = [];
  const parser = new SseParser((message) => messages.push(message));
  for (const piece of pieces) parser.push(piece);
  return { messages, lastEventId: parser.lastEventId, retryMs: parser.retryMs };
}

/** The same by a parser of someone else's. */
function readByOracle(...pieces: string[]): Reading {
  const reading: Reading = { messages: [], lastEventId: "", retryMs: undefined };
  const parser = createParser({
    onId: (id) => {
      reading.lastEventId = id;
    },
    onRetry: (retryMs) => {
      reading.retryMs = retryMs;
    },
    onEvent: ({ event, data }) => {
      reading.messages.push({ event: event || "message", data, id: reading.lastEventId });
    },
  });
  for (const piece of pieces) parser.feed(piece);
  return reading;
}

function cut(text: string, places: readonly number[]): string[] {
  const ends = [...places.map((place) => place % (text.length + 1)), text.length].sort((a, b) => a - b);
  return ends.map((end, index) => text.slice(ends[index - 1] ?? 0, end));
}

const line = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      "",
      "data: a",
      "data",
      "data:",
      "data:  b ",
      "id: 1",
      "id",
      "id: 2\u00003",
      "event: x",
      "event:",
      "retry: 12",
      "retry: 1x",
      "retry:",
      ": note",
      ":",
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom("data", "id", "event", "Data", "datax", " data", "retry"),
        fc.constantFrom(":", ": ", "", "::"),
        fc.string(),
      )
      .map((parts) => parts.join("")),
  },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(..."datiev:ent \u2028\ud83d😀\0") }) },
);
const lineEnd = fc.constantFrom("\n", "\r\n", "\r");
const streams = fc
  .tuple(
    fc.constantFrom("", "\ufeff"),
    fc.array(
      fc.tuple(line, lineEnd).map((parts) => parts.join("")),
      { maxLength: 30 },
    ),
    line,
  )
  .map(([start, lines, rest]) => start + lines.join("") + rest);
/** Lone surrogates included. The library's own unit "binary" takes seconds to set up. */
const codePoint = fc.nat(0x10ffff).map((code) => String.fromCodePoint(code));
const places = fc.array(fc.nat(), { maxLength: 12 });

describe("parsing", () => {
  test("a stream says the same however it is cut into pieces", () => {
    fc.assert(
      fc.property(streams, places, (stream, ends) => {
        const whole = read(stream);
        assert.deepEqual(read(...cut(stream, ends)), whole);
        assert.deepEqual(read(...stream.split("")), whole);
      }),
      { numRuns: 500 },
    );
  });

  test("a stream says what eventsource-parser reads in it", () => {
    fc.assert(
      fc.property(streams, places, (stream, ends) => {
        assert.deepEqual(read(stream), readByOracle(stream));
        const pieces = cut(stream, ends);
        assert.deepEqual(read(...pieces), readByOracle(...pieces));
      }),
      { numRuns: 2000 },
    );
  });

  test("[SSE-1] a block without data is no message, but moves the place to resume from", () => {
    assert.deepEqual(read("retry: 1840\nid: k-15\n: subscribed\n\n"), {
      messages: [],
      lastEventId: "k-15",
      retryMs: 1840,
    });
  });

  test("[GAP] an event cut off before its end does not move the place to resume from", () => {
    const first = "id: k-15\ndata: a\n\n";
    const second = "id: k-16\ndata: b\n";
    const { messages, lastEventId } = read(first, second);
    assert.deepEqual(messages, [{ event: "message", data: "a", id: "k-15" }]);
    assert.equal(lastEventId, "k-15");
    assert.equal(read(first, second, "\n").lastEventId, "k-16");
  });

  test("an id persists until another comes, and an empty one clears it", () => {
    const ids = read("id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n").messages.map(({ id }) => id);
    assert.deepEqual(ids, ["1", "1", ""]);
  });

  test("a delay beyond what timers can wait is cut to that: they would take it as none", () => {
    assert.equal(read("retry: 99999999999999999999\n").retryMs, 2 ** 31 - 1);
    assert.equal(read(`retry: ${"9".repeat(400)}\n`).retryMs, 2 ** 31 - 1);
    assert.equal(read("retry: 007\n").retryMs, 7);
  });

  test("only the first character of a stream can be a byte order mark", () => {
    assert.deepEqual(read("\ufeff", "data: a\n\n").messages, [{ event: "message", data: "a", id: "" }]);
    assert.deepEqual(read("", "\ufeffdata: a\n\n").messages, [{ event: "message", data: "a", id: "" }]);
    assert.deepEqual(read("\ufeff\ufeffdata: a\n\n").messages, []);
    assert.deepEqual(read("\n\ufeffdata: a\n\n").messages, []);
  });
});

describe("the limit of a block", () => {
  const parser = () => new SseParser(() => {}, 10);

  test("[BND] lets through what reaches it, block after block", () => {
    const reader = parser();
    for (let block = 0; block < 5; block++) reader.push("data:12345\n\n");
    parser().push("\n\ndata:12345");
  });

  test("[BND] is 16 Mi characters when nobody says otherwise", () => {
    const reader = new SseParser(() => {});
    reader.push("x".repeat(16 * 1024 * 1024));
    assert.throws(() => reader.push("x"), { name: "HoldfastError", code: "too_large" });
  });

  test("[BND] refuses what exceeds it, in one piece or in many, in one line or in many", () => {
    for (const text of [
      "data:123456\n",
      "data:123456",
      "data:1\r\ndata:",
      ":1234567890",
      "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk",
    ]) {
      assert.throws(() => parser().push(text), { name: "HoldfastError", code: "too_large" });
      assert.throws(
        () => {
          const reader = parser();
          for (const char of text) reader.push(char);
        },
        { name: "HoldfastError", code: "too_large" },
      );
    }
  });
});

/** Characters that string and array methods walk through while `run` runs. What a rope hides shows in the next search. */
function charactersWalked(run: () => void): number {
  let walked = 0;
  const { indexOf, slice, includes } = String.prototype;
  const { join } = Array.prototype;
  try {
    String.prototype.indexOf = function (this: string, search: string, from = 0) {
      const found = indexOf.call(this, search, from);
      walked += (found === -1 ? this.length : found + 1) - from;
      return found;
    };
    String.prototype.slice = function (this: string, start?: number, end?: number) {
      const piece = slice.call(this, start, end);
      walked += piece.length;
      return piece;
    };
    String.prototype.includes = function (this: string, search: string) {
      walked += this.length;
      return includes.call(this, search);
    };
    Array.prototype.join = function (this: unknown[], separator?: string) {
      const joined = join.call(this, separator);
      walked += joined.length;
      return joined;
    };
    run();
  } finally {
    Object.assign(String.prototype, { indexOf, slice, includes });
    Array.prototype.join = join;
  }
  return walked;
}

describe("work is linear in the length of the stream", () => {
  const length = 256 * 1024;
  const inPieces = (stream: string, size: number): string[] => {
    const pieces: string[] = [];
    for (let at = 0; at < stream.length; at += size) pieces.push(stream.slice(at, at + size));
    return pieces;
  };
  const streams: [name: string, stream: string][] = [
    ["one long line", `data: ${"x".repeat(length)}\n\n`],
    ["many lines of one block", `${"data: xxxxxxxx\n".repeat(length / 16)}\n`],
    ["many blocks ended by LF", "data: x\n\n".repeat(length / 8)],
    ["many blocks ended by CR", "data: x\r\r".repeat(length / 8)],
    ["many blocks ended by CR LF", "data: x\r\n\r\n".repeat(length / 8)],
    ["lines that end now so, now so", "data: x\ndata: y\r\r\n\n".repeat(length / 16)],
  ];
  for (const [name, stream] of streams) {
    for (const size of [1, 7, stream.length]) {
      test(`${name}, ${size === stream.length ? "in one piece" : `${size} characters a piece`}`, () => {
        const pieces = inPieces(stream, size);
        let received = 0;
        const parser = new SseParser(({ data }) => {
          received += data.length;
        });
        const walked = charactersWalked(() => {
          for (const piece of pieces) parser.push(piece);
        });
        assert.ok(received > 0);
        assert.ok(walked <= 8 * stream.length, `${walked} characters walked for ${stream.length}`);
      });
    }
  }

  test("the count would show a parser that is not", () => {
    let buffer = "";
    const walked = charactersWalked(() => {
      for (let at = 0; at < 1000; at++) {
        buffer += "x";
        buffer.indexOf("\n");
      }
    });
    assert.equal(walked, (1000 * 1001) / 2);
  });
});

describe("formatting", () => {
  test("[SSE-2] a block has its fields in order and ends with an empty line", () => {
    assert.equal(
      formatSse({ retryMs: 1840, id: "k-16", event: "order.paid", data: '{"total":42}' }),
      'retry: 1840\nid: k-16\nevent: order.paid\ndata: {"total":42}\n\n',
    );
    assert.equal(formatSse({ id: "k-16" }), "id: k-16\n\n");
    assert.equal(formatSse({ data: "" }), "data: \n\n");
    assert.equal(formatSseComment("k-16"), ": k-16\n\n");
  });

  test("[SSE-2] text has one data line a line; CR LF and CR count as LF", () => {
    assert.equal(formatSse({ data: "a\nb" }), "data: a\ndata: b\n\n");
    assert.equal(
      formatSse({ data: "a\r\nb\rc\n\nd\n" }),
      "data: a\ndata: b\ndata: c\ndata: \ndata: d\ndata: \n\n",
    );
  });

  test("[SSE-2] data is the payload alone: JSON as it is, text as it is, bytes as base64", () => {
    assert.equal(sseData(jsonPayload('{ "total": 42.0 }')), '{ "total": 42.0 }');
    assert.equal(sseData(textPayload(" a\nb ")), " a\nb ");
    assert.equal(sseData(toPayload(Uint8Array.of(0, 255, 16))), "AP8Q");
  });

  test("[SSE-2] what is formatted is read back, by our parser and by eventsource-parser", () => {
    const blocks = fc.record(
      {
        id: fc.stringMatching(/^[a-z0-9]{1,24}-[0-9]{1,15}$/),
        event: fc.stringMatching(/^[A-Za-z0-9_.:-]{1,64}$/),
        data: fc.oneof(
          fc.string({ unit: codePoint }),
          fc.string({ unit: fc.constantFrom("\r", "\n", " ", ":", "\ufeff", "x") }),
          fc.json(),
        ),
        retryMs: fc.nat(),
      },
      { requiredKeys: ["id", "data"] },
    );
    fc.assert(
      fc.property(fc.array(blocks, { minLength: 1 }), places, (list, ends) => {
        const stream = list.map((block) => formatSse(block) + formatSseComment(block.id)).join("");
        const expected = list.map(({ id, event = "message", data }) => ({
          id,
          event,
          data: data.replace(/\r\n?/g, "\n"),
        }));
        assert.deepEqual(read(...cut(stream, ends)).messages, expected);
        assert.deepEqual(readByOracle(stream).messages, expected);
      }),
    );
  });
});
