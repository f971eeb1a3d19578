import type { Bytes } from "../bytes.ts";
import type { ClientMessage, UncheckedClientMessage } from "../client-messages.ts";
import { formatCursor } from "../cursor.ts";
import { isRecord } from "../json.ts";
import { takeValue, takeValues, withText } from "./application-json.ts";
import { readDraft, writeDraft } from "./events.ts";
import { pack, writer } from "./packing.ts";
import { binary, readMessage } from "./reader.ts";

/** A client's message in MessagePack. */
export function packClientMessage(message: ClientMessage): Bytes {
  if (message.type === "publish") return packPublish(message);
  const carried = carriedMessage(message);
  return pack(() => writer.value(carried));
}

function carriedMessage(message: Exclude<ClientMessage, { type: "publish" }>): object {
  switch (message.type) {
    case "hello": {
      const { type, token, client, instance, subscriptions } = message;
      return { type, token, client, instance, subscriptions: subscriptions.map(carriedSubscription) };
    }
    case "subscribe":
      return { ...message, subscriptions: message.subscriptions.map(carriedSubscription) };
    case "signal": {
      const { type, channel, key, data } = message;
      return { type, channel, ...(key === "" ? {} : { key }), data: JSON.stringify(data) };
    }
    case "presence":
      return withText(message, "data");
    default:
      return message;
  }
}

function carriedSubscription(subscription: unknown): unknown {
  if (!isRecord(subscription) || subscription.join === undefined) return subscription;
  return withText(subscription, "join");
}

function packPublish({ ref, channel, events, ifMatch }: Extract<ClientMessage, { type: "publish" }>): Bytes {
  return pack(() => {
    writer.mapHeader(ifMatch === undefined ? 4 : 5);
    writer.member("type", "publish");
    writer.member("ref", ref);
    writer.member("channel", channel);
    writer.text("events");
    writer.listHeader(events.length);
    for (const event of events) writeDraft(event);
    if (ifMatch !== undefined) writer.member("ifMatch", formatCursor(ifMatch));
  });
}

/** Reads a client's message, still to be checked; throws `bad_message`, `bad_json`, `bad_utf8`. Rules PACK-1, PACK-3. */
export function readPackedMessage(said: string | Uint8Array): UncheckedClientMessage {
  const fields = readMessage(binary(said));
  if (fields.type === "signal" || fields.type === "presence") takeValue(fields, "data");
  else if (fields.type === "hello" || fields.type === "subscribe") takeValues(fields.subscriptions, "join");
  return { fields, toDrafts: (events) => events.map(readDraft) };
}
