import type { Peer } from "../peer.ts";
import { channelPath } from "./channel-sets.ts";

/** As in the README of `ws`, but with a threshold that compresses all that is measured. */
const perMessageDeflate = {
  zlibDeflateOptions: { chunkSize: 1024, memLevel: 7, level: 3 },
  zlibInflateOptions: { chunkSize: 10 * 1024 },
  clientNoContextTakeover: true,
  serverNoContextTakeover: true,
  serverMaxWindowBits: 10,
  concurrencyLimit: 10,
  threshold: 128,
};

/** The broadcast of the README of `ws` with its permessage-deflate, which compresses for each connection. */
export const wsDeflate: Peer = {
  name: "ws-deflate",
  title: "ws, permessage-deflate as its README has it",
  transport: "WebSocket",
  packages: ["ws"],
  only: ["compressed-fan-out"],
  dialect: { framing: "websocket", path: channelPath, offersDeflate: true },
  async serve() {
    const { serveWs } = await import("./ws-server.ts");
    return await serveWs(perMessageDeflate);
  },
};
