import { SessionCounts } from "@holdfast/core/server";

/** How clients are served: `request` is any that is answered at once, `long-poll` one whose answer may be held. */
export const transports = ["websocket", "sse", "long-poll", "request"] as const;
export type Transport = (typeof transports)[number];

/** What went over one transport since the start. */
export class Traffic extends SessionCounts {
  readonly transport: Transport;
  /** Batches, control messages and answers, and their bytes as they were framed. */
  sentMessages = 0;
  sentBytes = 0;
  opened = 0;
  /** By the reason in one word. */
  readonly closed = new Map<string, number>();

  constructor(transport: Transport) {
    super();
    this.transport = transport;
  }

  sent(messages: number, bytes: number): void {
    this.sentMessages += messages;
    this.sentBytes += bytes;
  }

  left(reason: string): void {
    this.closed.set(reason, (this.closed.get(reason) ?? 0) + 1);
  }
}

/** The traffic of one node, by transport. */
export class Traffics {
  readonly websocket = new Traffic("websocket");
  readonly sse = new Traffic("sse");
  readonly longPoll = new Traffic("long-poll");
  readonly request = new Traffic("request");

  get all(): readonly Traffic[] {
    return [this.websocket, this.sse, this.longPoll, this.request];
  }
}
