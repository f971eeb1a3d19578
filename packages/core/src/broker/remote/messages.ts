import type { Cursor, Draft, ErrorCode, Position } from "@holdfast/protocol";
import type {
  AppendResult,
  Capabilities,
  LogBatch,
  LogPage,
  LogRange,
  LogState,
  ReadLimits,
} from "../port.ts";

/** What a remote broker is at its other end, told before the first call. */
export interface BrokerDescription {
  readonly name: string;
  readonly capabilities: Capabilities;
}

/** What each call is answered. */
export interface Answers {
  append: AppendResult;
  read: LogPage;
  before: LogRange & { readonly at: number };
  range: LogRange;
  state: LogState;
  close: LogRange;
  follow: LogRange;
  probe: null;
}

/** A call to the broker at the other end, without the number by which its answer is known. */
export type Call =
  | {
      readonly ask: "append";
      readonly channel: string;
      readonly drafts: readonly Draft[];
      readonly ifMatch?: Cursor;
    }
  | {
      readonly ask: "read";
      readonly channel: string;
      readonly after: Position;
      readonly limits: ReadLimits;
    }
  | { readonly ask: "before"; readonly channel: string; readonly count: number }
  | { readonly ask: "range" | "state" | "close" | "follow"; readonly channel: string }
  | { readonly ask: "probe" };

/** From a remote broker to its host. `unfollow` and `leave` are not answered. */
export type Request =
  | (Call & { readonly id: number })
  | { readonly ask: "unfollow"; readonly channel: string }
  | { readonly ask: "leave" };

/** What a log's followers are told: the same message to all of them. */
export type LogNotice =
  | { readonly is: "appended"; readonly channel: string; readonly batch: LogBatch }
  | { readonly is: "closed" | "disturbed"; readonly channel: string };

/** From a host to a remote broker. */
export type Reply =
  | { readonly is: "answer"; readonly id: number; readonly value: Answers[keyof Answers] }
  | {
      readonly is: "refusal";
      readonly id: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly cursor?: string;
    }
  | LogNotice;
