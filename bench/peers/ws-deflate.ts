import { createServer } from "node:http";
import type { Peer } from "../peer.ts";
import { Sockets } from "../serve/sockets.ts";
import { ChannelSets, channelPath, channelsOf } from "./channel-sets.ts";

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
    const { WebSocket, WebSocketServer } = await import("ws");
    const clients = new ChannelSets<InstanceType<typeof WebSocket>>();
    const server = createServer();
    const sockets = new Sockets(server);
    const acceptor = new WebSocketServer({ server, perMessageDeflate });
    acceptor.on("connection", (client, request) => {
      const channels = channelsOf(request.url);
      for (const channel of channels) clients.join(channel, client);
      client.on("error", () => {});
      client.on("close", () => {
        for (const channel of channels) clients.leave(channel, client);
      });
    });
    return {
      port: await sockets.listen(),
      publish(channel, payload) {
        // Made once: given a string, `send` would encode it for each client.
        const data = Buffer.from(JSON.stringify(payload));
        for (const client of clients.of(channel)) {
          if (client.readyState === WebSocket.OPEN) client.send(data, { binary: false });
        }
      },
      // What waits to be compressed is with the client, not with its socket.
      unsentBytes() {
        let bytes = 0;
        for (const client of acceptor.clients) bytes += client.bufferedAmount;
        return bytes;
      },
      close: () => sockets.close(),
    };
  },
};
