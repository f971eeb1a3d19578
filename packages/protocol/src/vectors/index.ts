import type { Subscription } from "../client-messages.ts";
import type { Cursor } from "../cursor.ts";
import type { ErrorCode } from "../errors.ts";
import type { ControlMessage, ServerMessage } from "../server-messages.ts";
import type { SseMessage } from "../sse.ts";
import clientMessages from "./client-messages.json" with { type: "json" };
import compoundCursors from "./compound-cursors.json" with { type: "json" };
import cursors from "./cursors.json" with { type: "json" };
import drafts from "./drafts.json" with { type: "json" };
import events from "./events.json" with { type: "json" };
import msgpackClientMessages from "./msgpack-client-messages.json" with { type: "json" };
import msgpackEvents from "./msgpack-events.json" with { type: "json" };
import msgpackServerMessages from "./msgpack-server-messages.json" with { type: "json" };
import problems from "./problems.json" with { type: "json" };
import refused from "./refused.json" with { type: "json" };
import serverMessages from "./server-messages.json" with { type: "json" };
import sse from "./sse.json" with { type: "json" };
import subscriptions from "./subscriptions.json" with { type: "json" };
import websocketFrames from "./websocket-frames.json" with { type: "json" };

/** What every vector has: a name, which says what is special about it. */
export interface Vector {
  readonly name: string;
}

/** JSON by its own text, text, or bytes in hex. */
export type PayloadVector = { readonly json: string } | { readonly text: string } | { readonly hex: string };

export interface DraftFields {
  readonly payload: PayloadVector;
  readonly type?: string;
  readonly key?: string;
  readonly id?: string;
}

export interface CursorVector extends Vector, Cursor {
  readonly text: string;
}

export interface CompoundCursorVector extends Vector {
  readonly text: string;
  readonly cursors: readonly { readonly channel: string; readonly cursor: string }[];
}

export interface EventVector extends Vector {
  readonly epoch: string;
  readonly event: DraftFields & { readonly offset: number; readonly at: number; readonly from?: string };
  readonly json: string;
  /** The event on the plain face. */
  readonly sse: string;
}

export interface DraftVector extends Vector {
  readonly text: string;
  readonly draft: DraftFields;
}

export interface ClientMessageVector extends Vector {
  readonly text: string;
  /** As decoded, but that the payloads of a `publish` are written as vectors. */
  readonly message: { readonly type: string; readonly [field: string]: unknown };
}

/** A message in MessagePack, as bytes in hex. Rules PACK-1 to PACK-4. */
export interface MsgpackClientMessageVector extends Vector {
  readonly message: ClientMessageVector["message"];
  readonly hex: string;
}

export interface MsgpackServerMessageVector extends Vector {
  readonly message: ControlMessage;
  readonly hex: string;
}

/** An `events` message in MessagePack. */
export interface MsgpackEventsVector extends Vector {
  readonly channel: string;
  readonly epoch: string;
  /** The offsets of its cursors. */
  readonly from: number;
  readonly to: number;
  readonly events: readonly EventVector["event"][];
  readonly hex: string;
}

export interface SubscriptionVector extends Vector {
  readonly text: string;
  readonly subscription: Subscription;
}

export interface ServerMessageVector extends Vector {
  readonly text: string;
  readonly message: ServerMessage;
}

export interface SseBlock {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
  readonly retryMs?: number;
}

export interface SseVector extends Vector {
  /** What encodes to `text`; absent where a stream is only to be read. */
  readonly blocks?: readonly (SseBlock | { readonly comment: string })[];
  readonly text: string;
  readonly messages: readonly SseMessage[];
  readonly lastEventId: string;
  readonly retryMs?: number;
}

export interface WebSocketFrameVector extends Vector {
  readonly kind: "text" | "binary";
  readonly deflated?: boolean;
  /** In hex; the payload follows it. */
  readonly header: string;
  /** The bytes of `hex`, `times` over. */
  readonly payload: { readonly hex: string; readonly times: number };
}

export interface ProblemVector extends Vector {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly cursor?: string;
  readonly text: string;
}

export interface RefusedVector extends Vector {
  /** What the input was given as. */
  readonly what:
    | "channel"
    | "cursor"
    | "position"
    | "compound cursor"
    | "client message"
    | "subscription"
    | "event to publish"
    | "event"
    | "server message"
    | "JSON payload"
    | "base64"
    | "UTF-8"
    | "client message in MessagePack"
    | "server message in MessagePack";
  readonly text?: string;
  /** Instead of `text`, where the input is no text. */
  readonly hex?: string;
  readonly code: ErrorCode;
}

/** Every golden vector by its family. Rule VEC-1. */
export interface Vectors {
  readonly cursors: readonly CursorVector[];
  readonly compoundCursors: readonly CompoundCursorVector[];
  readonly events: readonly EventVector[];
  readonly drafts: readonly DraftVector[];
  readonly clientMessages: readonly ClientMessageVector[];
  readonly msgpackClientMessages: readonly MsgpackClientMessageVector[];
  readonly msgpackServerMessages: readonly MsgpackServerMessageVector[];
  readonly msgpackEvents: readonly MsgpackEventsVector[];
  readonly subscriptions: readonly SubscriptionVector[];
  readonly serverMessages: readonly ServerMessageVector[];
  readonly sse: readonly SseVector[];
  readonly websocketFrames: readonly WebSocketFrameVector[];
  readonly problems: readonly ProblemVector[];
  readonly refused: readonly RefusedVector[];
}

/** Plain data from the files of this folder; its README says how to read them. */
export const vectors: Vectors = {
  cursors,
  compoundCursors,
  events: events as readonly EventVector[],
  drafts: drafts as readonly DraftVector[],
  clientMessages,
  msgpackClientMessages: msgpackClientMessages as readonly MsgpackClientMessageVector[],
  msgpackServerMessages: msgpackServerMessages as readonly MsgpackServerMessageVector[],
  msgpackEvents: msgpackEvents as readonly MsgpackEventsVector[],
  subscriptions: subscriptions as readonly SubscriptionVector[],
  serverMessages: serverMessages as readonly ServerMessageVector[],
  sse: sse as readonly SseVector[],
  websocketFrames: websocketFrames as readonly WebSocketFrameVector[],
  problems: problems as readonly ProblemVector[],
  refused: refused as readonly RefusedVector[],
};
