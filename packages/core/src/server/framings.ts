import {
  type Bytes,
  type ControlMessage,
  type Cursor,
  chunk,
  encodeUtf8,
  formatCompoundCursor,
  formatEvents,
  formatSse,
  formatSseComment,
  frame,
  joinBytes,
  parseCursor,
  pingFrame,
  sseData,
} from "@holdfast/protocol";
import { packControl, packEvents } from "@holdfast/protocol/msgpack";
import type { Batch, EncodedEvent, Framing } from "./batch.ts";
import { type Compression, deflatedFrame } from "./compression.ts";
import { type Envelope, layered, slots } from "./layers.ts";

function eventsText(batch: Batch): string {
  const { channel, epoch, from, to, events } = batch;
  return formatEvents(
    channel,
    `${epoch}-${from}`,
    `${epoch}-${to}`,
    events.map((event) => event.json),
  );
}

/** A face on which every message of the session protocol is its JSON in some envelope. */
function enveloped(slot: number, envelope: (json: string) => Bytes): Framing {
  return {
    slot,
    events: (batch) => envelope(eventsText(batch)),
    control: (message) => envelope(JSON.stringify(message)),
  };
}

/** The bare JSON of each message: the parts of a JSON answer, and what a WebSocket frames. */
const sessionText = enveloped(slots.sessionText, encodeUtf8);

/** The bare MessagePack of each message, which a WebSocket frames. Rules PACK-1, PACK-2. */
const sessionMsgpack: Framing = {
  slot: slots.sessionMsgpack,
  events({ channel, epoch, from, to, events }) {
    const packed = events.map((event) => event.packed);
    return packEvents(channel, `${epoch}-${from}`, `${epoch}-${to}`, packed);
  },
  control: packControl,
};

function sseEvent(event: EncodedEvent, id: string): string {
  const { type, payload } = event.event;
  return formatSse({ id, data: sseData(payload), ...(type === undefined ? {} : { event: type }) });
}

/** What both plain SSE faces say alike; `id` is what a client standing at the cursor would resume with. */
function sseControl(
  message: ControlMessage,
  id: (channel: string, cursor: string) => string,
): string | undefined {
  switch (message.type) {
    case "subscribed":
      return formatSse({ id: id(message.channel, message.cursor) });
    case "gap": {
      const { channel, from, to, reason } = message;
      return formatSse({
        id: id(channel, to),
        event: "gap",
        data: JSON.stringify({ channel, from, to, reason }),
      });
    }
    case "end":
      return formatSse({
        event: "end",
        data: JSON.stringify({ channel: message.channel, cursor: message.cursor }),
      });
    case "reconnect": {
      const { delayMs, reason } = message;
      return formatSse({ retryMs: delayMs, event: "reconnect", data: JSON.stringify({ delayMs, reason }) });
    }
    case "heartbeat":
      return formatSseComment(`heartbeat ${Object.values(message.heads).join(" ")}`.trimEnd());
    default:
      return undefined;
  }
}

function encoded(text: string | undefined): Bytes | undefined {
  return text === undefined ? undefined : encodeUtf8(text);
}

/** One channel as Server-Sent Events. Rules SSE-1 to SSE-7. */
const plainSse: Framing = {
  slot: slots.plainSse,
  events(batch) {
    // A batch without events still moves the reader: the id alone says how far.
    if (batch.events.length === 0) return encodeUtf8(formatSse({ id: `${batch.epoch}-${batch.to}` }));
    return encodeUtf8(batch.events.map((event) => sseEvent(event, event.cursor)).join(""));
  },
  control: (message) => encoded(sseControl(message, (_channel, cursor) => cursor)),
};

/** Several channels as Server-Sent Events, whose ids resume them all. Rule SSE-8. */
export function compoundSse(start: ReadonlyMap<string, Cursor>): Framing {
  const cursors = new Map(start);
  const move = (channel: string, cursor: Cursor): string => {
    cursors.set(channel, cursor);
    return formatCompoundCursor(cursors, channel);
  };
  return {
    slot: slots.own,
    events({ channel, epoch, to, events }) {
      let text = "";
      for (const event of events)
        text += sseEvent(event, move(channel, { epoch, offset: event.event.offset }));
      const id = move(channel, { epoch, offset: to });
      return encodeUtf8(events.length === 0 ? formatSse({ id }) : text);
    },
    control: (message) =>
      encoded(sseControl(message, (channel, cursor) => move(channel, parseCursor(cursor)))),
  };
}

const textFrame: Envelope = (message) => frame("text", message);
const binaryFrame: Envelope = (message) => frame("binary", message);

/** One channel as WebSocket messages, one event each. Rules WSP-1 to WSP-3. */
function plainWebSocket(slot: number, envelope: Envelope): Framing {
  const say = (fields: object) => envelope(encodeUtf8(JSON.stringify(fields)));
  return {
    slot,
    events: (batch) => joinBytes(batch.events.map((event) => envelope(encodeUtf8(event.json)))),
    control(message) {
      switch (message.type) {
        case "heartbeat":
          return pingFrame;
        case "published":
          return say({ control: "published", ...message.results[0] });
        case "subscribed":
        case "gap":
        case "end":
        case "reconnect":
        case "error": {
          const { type, ...fields } = message;
          return say({ control: type, ...fields });
        }
        default:
          return undefined;
      }
    },
  };
}

const sessionSse = enveloped(slots.sessionSse, (json) => encodeUtf8(formatSse({ data: json })));

/** The faces whose bytes are shared by all their connections. */
export const framings = {
  sessionText,
  sessionWebSocket: layered(slots.sessionWebSocket, sessionText, textFrame),
  sessionSse,
  plainSse,
  plainWebSocket: plainWebSocket(slots.plainWebSocket, textFrame),
  msgpackWebSocket: layered(slots.msgpackWebSocket, sessionMsgpack, binaryFrame),
} as const satisfies Record<string, Framing>;

/** The faces that a WebSocket may have. */
export type WebSocketFramings = Pick<
  typeof framings,
  "sessionWebSocket" | "plainWebSocket" | "msgpackWebSocket"
>;

/** The same faces for connections that have agreed on permessage-deflate. Rules ZIP-1, ZIP-4. */
export function deflatedWebSocket(compression: Compression): WebSocketFramings {
  const envelope = deflatedFrame("text", compression);
  return {
    sessionWebSocket: layered(slots.sessionWebSocketDeflated, sessionText, envelope),
    plainWebSocket: plainWebSocket(slots.plainWebSocketDeflated, envelope),
    msgpackWebSocket: layered(
      slots.msgpackWebSocketDeflated,
      sessionMsgpack,
      deflatedFrame("binary", compression),
    ),
  };
}

const chunkedFramings = new Map<Framing, Framing>([
  [sessionSse, layered(slots.sessionSseChunked, sessionSse, chunk)],
  [plainSse, layered(slots.plainSseChunked, plainSse, chunk)],
]);

/** An event stream in the chunks of an HTTP/1.1 body, ready for the socket itself. */
export function chunked(framing: Framing): Framing {
  return chunkedFramings.get(framing) ?? layered(slots.own, framing, chunk);
}
