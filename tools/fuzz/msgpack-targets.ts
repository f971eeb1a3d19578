import assert from "node:assert/strict";
import { checkClientMessage, checkServerMessage, isRecord, parseEvent } from "@holdfast/protocol";
import { msgpackCodec, packControl, readPackedMessage } from "@holdfast/protocol/msgpack";
import { vectors } from "@holdfast/protocol/vectors";
import { Decoder } from "@msgpack/msgpack";
import { anyOf, mutated } from "./input.ts";
import { type FuzzTarget, target, unlessRefused } from "./target.ts";

/** Bytes as characters, so that what mutates texts mutates them too. */
function characters(list: readonly { readonly hex?: string }[]): string[] {
  return list.map(({ hex = "" }) => Buffer.from(hex, "hex").toString("latin1"));
}

/** The first bytes of values of each type, lying lengths among them. */
const tags = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).concat(
  [
    "\xd9\x05",
    "\xc4\xff",
    "\xdb\xff\xff\xff\xff",
    "\xdd\x7f\xff\xff\xff",
    "\xdf\0\0\0\x01",
    "\xc6\0\0\0\x02",
  ],
  ["\xcf\0\x20\0\0\0\0\0\0", "\xcb\x7f\xf8\0\0\0\0\0\0", "\xca\x80\0\0\0", "\x91".repeat(20), "\xd6\xff"],
);

function near(valid: readonly { readonly hex: string }[], what: string) {
  const refused = vectors.refused.filter((vector) => vector.what === what);
  const texts = anyOf(mutated([...characters(valid), ...characters(refused)], tags));
  return texts.map((text) => new Uint8Array(Buffer.from(text, "latin1")));
}

/** Messages whose members are carried as they are, so that another reader must read the same of them. */
const literal = new Set(["unsubscribe", "publish", "auth", "ping"]);

/** Everything that may come over the wire in MessagePack. */
export const msgpackTargets: readonly FuzzTarget[] = [
  target(
    "client-message-in-msgpack",
    near(vectors.msgpackClientMessages, "client message in MessagePack"),
    (input) => {
      const unchecked = unlessRefused(() => readPackedMessage(input));
      if (unchecked === undefined) return;
      agreesWithAnother(input, unchecked.fields);
      const message = unlessRefused(() => checkClientMessage(unchecked));
      if (message === undefined) return;
      const again = checkClientMessage(readPackedMessage(msgpackCodec.encode(message)));
      assert.equal(shown(again), shown(message));
    },
  ),
  target(
    "server-message-in-msgpack",
    near([...vectors.msgpackServerMessages, ...vectors.msgpackEvents], "server message in MessagePack"),
    (input) => {
      const message = unlessRefused(() => checkServerMessage(msgpackCodec.decode(input)));
      if (message === undefined) return;
      if (message.type === "events") {
        for (const event of message.events) unlessRefused(() => parseEvent(event));
        return;
      }
      const again = checkServerMessage(msgpackCodec.decode(packControl(message)));
      assert.equal(shown(again), shown(message));
    },
  ),
];

function agreesWithAnother(input: Uint8Array, fields: unknown): void {
  if (!isRecord(fields) || !literal.has(String(fields.type))) return;
  // That library refuses this name, which here is a legal one.
  if (Buffer.from(input).includes("__proto__")) return;
  assert.equal(shown(new Decoder().decode(input)), shown(fields));
}

/** A value as text, to compare. */
function shown(value: unknown): string {
  return JSON.stringify(value);
}
