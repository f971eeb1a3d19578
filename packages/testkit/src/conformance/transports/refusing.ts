import assert from "node:assert/strict";
import { type ErrorCode, outcomes } from "@holdfast/protocol";
import { askSession, type Message, type Refusal, refusedPlain } from "./asking.ts";
import type { Bench } from "./bench.ts";
import type { TransportName } from "./lane.ts";

/** Bad input, and what it must be answered with, over one transport. */
export interface RefusalRule {
  readonly title: string;
  prove(bench: Bench, transport: TransportName): Promise<void>;
}

function rule(title: string, prove: RefusalRule["prove"]): RefusalRule {
  return { title, prove };
}

/** Holds a refusal against the table of outcomes. */
function checkRefusal(what: string, refusal: Refusal, code: ErrorCode): void {
  const { status, closeCode, retry } = outcomes[code];
  const expected =
    refusal.by === "status" ? { by: "status", status, code, retry } : { by: "close", closeCode, code };
  assert.deepEqual(refusal, expected, what);
}

const long = "c".repeat(129);

/** Below `/channels/`, with what it is refused with on every transport. */
const badReads: readonly (readonly [path: string, code: ErrorCode])[] = [
  [`${long}`, "bad_channel"],
  ["a%20b", "bad_channel"],
  ["%C3%A4", "bad_channel"],
  ["news?after=nonsense", "bad_cursor"],
  ["news?after=-5", "bad_cursor"],
  ["news?after=K3v-5", "bad_cursor"],
  ["news?after=k3v-05", "bad_cursor"],
  ["news?after=k3v-9007199254740992", "bad_cursor"],
  ["news?after=", "bad_cursor"],
  ["news?last=-1", "bad_parameter"],
  ["news?last=1.5", "bad_parameter"],
  ["news?after=oldest&last=3", "bad_parameter"],
  ["news?after=oldest&after=latest", "bad_parameter"],
  ["news?unknown=1", "bad_parameter"],
];

const jsonReads: typeof badReads = [
  ["news?wait=61", "bad_parameter"],
  ["news?wait=-1", "bad_parameter"],
  ["news?wait=soon", "bad_parameter"],
  ["news?limit=0", "bad_parameter"],
  ["news?limit=1001", "bad_parameter"],
];

/** What is no `hello`, whatever carries it. */
const badHellos: readonly (readonly [text: string, code: ErrorCode])[] = [
  ["", "bad_json"],
  ["{", "bad_json"],
  ["null", "bad_message"],
  ["[]", "bad_message"],
  ["{}", "bad_message"],
  ['{"type":"publish","ref":1,"channel":"a","events":[{"data":1}]}', "bad_message"],
  ['{"type":"nonsense"}', "bad_message"],
  ['{"type":"hello","token":7}', "bad_message"],
  ['{"type":"hello","instance":"short"}', "bad_message"],
  ['{"type":"hello","client":"me"}', "bad_message"],
  ['{"type":"hello","subscriptions":{}}', "bad_message"],
];

interface BadSubscription {
  readonly channel: string;
  readonly [field: string]: unknown;
}

/** Subscriptions that are refused one by one, and disturb no other. */
const badSubscriptions: readonly (readonly [subscription: BadSubscription, code: ErrorCode])[] = [
  [{ channel: "a b" }, "bad_channel"],
  [{ channel: long }, "bad_channel"],
  [{ channel: "x1", after: "nonsense" }, "bad_cursor"],
  [{ channel: "x2", after: "-5" }, "bad_cursor"],
  [{ channel: "x3", after: "oldest", last: 1 }, "bad_parameter"],
  [{ channel: "x4", last: -1 }, "bad_parameter"],
  [{ channel: "x5", signals: "yes" }, "bad_message"],
  [{ channel: "good", after: "oldest" }, "already_subscribed"],
];

export const refusing = [
  rule(
    "[ERR-1] [CUR-1] [NAME-1] [JSON-5] what cannot be read is refused by the outcome that names it",
    async (bench, transport) => {
      const isJson = transport === "poll" || transport === "long-poll";
      for (const [path, code] of isJson ? [...badReads, ...jsonReads] : badReads) {
        const wait =
          transport === "long-poll" && !path.includes("wait")
            ? `${path.includes("?") ? "&" : "?"}wait=1`
            : "";
        checkRefusal(path, await refusedPlain(`${bench.node.url}/channels/${path}${wait}`, transport), code);
      }
    },
  ),

  rule(
    "[ERR-1] [SES-1] [SES-4] what is no `hello` is refused, and nothing is served",
    async (bench, transport) => {
      for (const [text, code] of badHellos) {
        const outcome = await askSession(bench.node.url, transport, [text], ({ length }) => length > 1);
        assert.ok("refusal" in outcome, `${text} was answered with ${JSON.stringify(outcome)}`);
        checkRefusal(text, outcome.refusal, code);
      }
    },
  ),

  rule("[ERR-1] [EVT-3] bytes that are no UTF-8 are refused as such", async (bench, transport) => {
    if (transport === "websocket") return;
    const bytes = Buffer.from([...Buffer.from('{"type":"hello","token":"'), 0xff, 0x22, 0x7d]);
    const outcome = await askSession(bench.node.url, transport, [bytes], () => true);
    assert.ok("refusal" in outcome);
    checkRefusal("a byte of no text", outcome.refusal, "bad_utf8");
  }),

  rule(
    "[ERR-1] [SUB-2] [SUB-4] [SES-7] a subscription that is refused disturbs no other",
    async (bench, transport) => {
      const channel = bench.channel();
      const cursor = await bench.press.numbered(channel, 2);
      const bad = badSubscriptions.map(([subscription]) =>
        subscription.channel === "good" ? { ...subscription, channel } : subscription,
      );
      const hello = { type: "hello", subscriptions: [{ channel, after: "oldest" }, ...bad] };
      const isEnough = (messages: readonly Message[]) =>
        messages.filter(({ type }) => type === "error").length === bad.length &&
        messages.some(({ type, to }) => type === "events" && to === cursor);
      const read = async () => {
        const outcome = await askSession(bench.node.url, transport, [JSON.stringify(hello)], isEnough);
        assert.ok("messages" in outcome, JSON.stringify(outcome));
        return outcome.messages;
      };
      const messages = [...(await read())];
      // The refusals alone may have ended the wait for a held answer: the next one has the events.
      if (!isEnough(messages)) messages.push(...(await read()).filter(({ type }) => type === "events"));
      assert.ok(isEnough(messages), JSON.stringify(messages));
      const refused = messages.filter(({ type }) => type === "error");
      for (const [index, [, code]] of badSubscriptions.entries()) {
        const { channel: name } = bad[index] ?? {};
        const error = refused.find((one) => one.channel === name);
        assert.deepEqual(
          [error?.code, error?.retry],
          [code, outcomes[code].retry],
          JSON.stringify(bad[index]),
        );
      }
    },
  ),

  rule("[ERR-1] [SUB-3] subscriptions beyond the limit are refused one by one", async (bench, transport) => {
    const prefix = bench.channel();
    const subscriptions = Array.from({ length: 1030 }, (_, index) => ({ channel: `${prefix}-${index}` }));
    const isEnough = (messages: readonly Message[]) =>
      messages.filter(({ type }) => type === "error" || type === "subscribed").length ===
      subscriptions.length;
    const hello = JSON.stringify({ type: "hello", subscriptions });
    const outcome = await askSession(bench.node.url, transport, [hello], isEnough);
    assert.ok("messages" in outcome);
    const codes = outcome.messages.filter(({ type }) => type === "error").map(({ code }) => code);
    assert.deepEqual(codes, Array(6).fill("too_many_subscriptions"));
    assert.equal(outcome.messages.filter(({ type }) => type === "subscribed").length, 1024);
  }),
];
