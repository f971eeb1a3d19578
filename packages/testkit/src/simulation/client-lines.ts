import { closeError, type Loss, type Posted, toError } from "@holdfast/core/client";
import { type Codec, decodeUtf8, isRecord, SseParser } from "@holdfast/protocol";
import type { Down } from "./line.ts";
import type { Random } from "./random.ts";

/** What a client's side of a line tells. */
export interface LinkHearer {
  opened(): void;
  /** Part of a message came. */
  heard(): void;
  message(json: unknown): void;
  answered(more: boolean): void;
  lost(loss: Loss): void;
}

/** A transport on the client's side: what comes from the line, as the client's core hears it. */
export type Reading = (item: Down) => void;

const reset: Loss = { type: "failed", reason: "The connection was reset." };

/** What is in each of the whole, unmasked frames that servers send, text or bytes. RFC 6455 §5.2. */
function* framesOf(bytes: Uint8Array): Generator<string | Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const short = view.getUint8(at + 1);
    const header = short < 126 ? 2 : short === 126 ? 4 : 10;
    const length =
      short < 126 ? short : short === 126 ? view.getUint16(at + 2) : Number(view.getBigUint64(at + 2));
    const payload = bytes.subarray(at + header, at + header + length);
    yield view.getUint8(at) === 0x81 ? decodeUtf8(payload) : payload;
    at += header + length;
  }
}

/** `accepted` is called before the hearer is told, so that `hello` comes first. */
export function readWebSocket(hearer: LinkHearer, codec: Codec, accepted: () => void): Reading {
  return (item) => {
    switch (item.is) {
      case "accepted":
        accepted();
        return hearer.opened();
      case "bytes":
        for (const said of framesOf(item.bytes)) hearer.message(codec.decode(said));
        return;
      case "closed": {
        const error = closeError(item.code, item.reason);
        return hearer.lost(error === undefined ? { type: "ended" } : { type: "refused", error });
      }
      default:
        return hearer.lost(reset);
    }
  };
}

/** Bytes arrive in pieces that have nothing to do with messages, nor with characters. */
export function readStream(hearer: LinkHearer, random: Random): Reading {
  const decoder = new TextDecoder();
  let messages = 0;
  const parser = new SseParser(({ data }) => {
    messages++;
    hearer.message(JSON.parse(data));
  });
  const push = (piece: Uint8Array) => {
    const before = messages;
    parser.push(decoder.decode(piece, { stream: true }));
    if (messages === before) hearer.heard();
  };
  return (item) => {
    switch (item.is) {
      case "accepted":
        return hearer.opened();
      case "bytes": {
        const cut = random.chance(0.2) ? random.below(item.bytes.length) : 0;
        if (cut > 0) push(item.bytes.subarray(0, cut));
        return push(item.bytes.subarray(cut));
      }
      case "ended":
        return hearer.lost({ type: "ended" });
      case "body":
        return hearer.lost(refusalOf(item));
      default:
        return hearer.lost(reset);
    }
  };
}

export function readAnswer(hearer: LinkHearer): Reading {
  return (item) => {
    if (item.is !== "body") return hearer.lost(reset);
    if (item.status !== 200) return hearer.lost(refusalOf(item));
    const { messages, more } = JSON.parse(item.text) as { messages: unknown[]; more: boolean };
    hearer.opened();
    for (const message of messages) hearer.message(message);
    return hearer.answered(more);
  };
}

export function readPosted(item: Down): Posted {
  if (item.is !== "body") return reset;
  return item.status < 300 ? { type: "answered", json: JSON.parse(item.text) } : refusalOf(item);
}

/** A problem of this protocol, or something that a proxy said. */
function refusalOf({ status, text }: Extract<Down, { is: "body" }>): Loss {
  try {
    const json: unknown = JSON.parse(text);
    if (isRecord(json) && typeof json.code === "string") return { type: "refused", error: toError(json) };
  } catch {
    // Not ours.
  }
  return { type: "failed", reason: `HTTP ${status}` };
}
