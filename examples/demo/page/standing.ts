import type { ConnectionState } from "@holdfast/client";

const transportWords: Readonly<Record<string, string>> = {
  websocket: "WebSocket",
  sse: "Server-Sent Events",
  "long-poll": "long poll",
  poll: "poll",
};

type CloseReason = Extract<ConnectionState, { type: "closed" }>["reason"];

function describeEnd(reason: CloseReason): string {
  if (reason.type === "closed") return "Closed";
  return reason.type === "reauthenticate" ? "Signed out" : `Refused: ${reason.error.message}`;
}

/** How a connection stands, in words. */
export function describe(state: ConnectionState): string {
  switch (state.type) {
    case "live":
      return `Live over ${transportWords[state.transport] ?? state.transport}`;
    case "recovering":
      return "Lost, recovering";
    case "connecting":
      return "Connecting";
    case "offline":
      return "Offline";
    case "idle":
      return "Idle";
    case "closed":
      return describeEnd(state.reason);
  }
}
