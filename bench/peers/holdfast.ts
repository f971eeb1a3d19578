import type { Peer } from "../peer.ts";

/** A plain WebSocket: one channel a connection, one event a message. */
export const holdfast: Peer = {
  name: "holdfast",
  title: "Holdfast, plain WebSocket",
  transport: "WebSocket",
  packages: [],
  cannot: {
    "many-channels": "a plain WebSocket reads one channel; many take the session protocol (holdfast-session)",
  },
  dialect: {
    framing: "websocket",
    path: ([channel = ""]) => `/channels/${channel}`,
    isLive: (heard) => heard.includes('"control":"subscribed"'),
  },
  async serve() {
    const { serveHoldfast } = await import("./holdfast-server.ts");
    return await serveHoldfast();
  },
};
