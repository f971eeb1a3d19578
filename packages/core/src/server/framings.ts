import {
  type Bytes,
  type ControlMessage,
  type Cursor,
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
import type { Batch, EncodedEvent, Framing } from "./batch.ts";

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
  slot: 3,
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
    slot: -1,
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

function textFrame(text: string): Bytes {
  return frame("text", encodeUtf8(text));
}

/** One channel as WebSocket messages, one event each. Rules WSP-1 to WSP-3. */
const plainWebSocket: Framing = {
  slot: 4,
  events: (batch) => joinBytes(batch.events.map((event) => textFrame(event.json))),
  control(message) {
    switch (message.type) {
      case "heartbeat":
        return pingFrame;
      case "published":
        return textFrame(JSON.stringify({ control: "published", ...message.results[0] }));
      case "subscribed":
      case "gap":
      case "end":
      case "reconnect":
      case "error": {
        const { type, ...fields } = message;
        return textFrame(JSON.stringify({ control: type, ...fields }));
      }
      default:
        return undefined;
    }
  },
};

/** The faces whose bytes are shared by all their connections. */
export const framings = {
  /** The bare JSON of each message: the parts of a JSON answer. */
  sessionText: enveloped(0, encodeUtf8),
  sessionWebSocket: enveloped(1, textFrame),
  sessionSse: enveloped(2, (json) => encodeUtf8(formatSse({ data: json }))),
  plainSse,
  plainWebSocket,
} as const satisfies Record<string, Framing>;
