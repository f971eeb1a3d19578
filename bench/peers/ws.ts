import type { Peer } from "../peer.ts";
import { channelPath } from "./channel-sets.ts";

export const ws: Peer = {
  name: "ws",
  title: "ws, client.send in a loop",
  transport: "WebSocket",
  packages: ["ws"],
  dialect: { framing: "websocket", path: channelPath },
  publishing: [
    {
      over: "WebSocket",
      dialect: { framing: "websocket", path: ([channel = ""]) => `/?publish=${channel}` },
      message: (_channel, payloads) => JSON.stringify(payloads.length === 1 ? payloads[0] : payloads),
      acknowledged: "ok",
    },
  ],
  async serve() {
    const { serveWs } = await import("./ws-server.ts");
    return await serveWs(false);
  },
};
