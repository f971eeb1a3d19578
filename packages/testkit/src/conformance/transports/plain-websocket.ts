import { type ErrorCode, type GapReason, isErrorCode, outcomes } from "@holdfast/protocol";
import { type Lane, PlainReader, plainLane } from "./lane.ts";
import { type JsonEvent, toSeen } from "./plain-json.ts";

type Control =
  | { readonly control: "subscribed"; readonly cursor: string }
  | { readonly control: "gap"; readonly from: string; readonly to: string; readonly reason: GapReason }
  | { readonly control: "end"; readonly cursor: string }
  | { readonly control: "error"; readonly code: string; readonly retry: string }
  | { readonly control: "reconnect" };

/** Reads a channel's WebSocket with nothing but the platform's own class. */
class SocketReader extends PlainReader {
  #isOver = false;

  async turn(): Promise<"again" | "over"> {
    const { url, channel, after } = this.request;
    const query = new URLSearchParams({ after: this.position ?? after });
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/channels/${channel}?${query}`);
    const leave = () => socket.close();
    this.signal.addEventListener("abort", leave);
    try {
      await this.#readAll(socket);
    } finally {
      this.signal.removeEventListener("abort", leave);
    }
    if (this.#isOver) return "over";
    throw new Error("The socket was closed.");
  }

  #readAll(socket: WebSocket): Promise<void> {
    return new Promise((resolve) => {
      socket.addEventListener("message", ({ data }) =>
        this.#take(JSON.parse(String(data)) as JsonEvent | Control),
      );
      socket.addEventListener("error", () => {});
      socket.addEventListener("close", ({ reason }) => {
        if (isErrorCode(reason) && !this.#isOver) this.#refused(reason);
        resolve();
      });
    });
  }

  #refused(code: ErrorCode): void {
    if (outcomes[code].retry === "retry") return;
    this.#isOver = true;
    this.hearer.refused(code);
  }

  #take(message: JsonEvent | Control): void {
    if (this.signal.aborted) return;
    if (!("control" in message)) {
      this.position = message.cursor;
      this.hearer.events([toSeen(message)], message.cursor);
      return;
    }
    switch (message.control) {
      case "subscribed":
        if (this.position === undefined) this.hearer.subscribed(message.cursor);
        this.position = message.cursor;
        return;
      case "gap":
        this.position = message.to;
        this.hearer.gap(message.from, message.to, message.reason);
        return;
      case "end":
        this.#isOver = true;
        this.hearer.end(message.cursor);
        return;
      default:
    }
  }
}

export const plainWebSocket: Lane = plainLane("websocket", SocketReader);
