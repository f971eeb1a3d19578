import { createServer } from "node:http";
import type { Peer } from "../peer.ts";
import { Sockets } from "../serve/sockets.ts";
import { ChannelSets, channelPath, channelsOf } from "./channel-sets.ts";

/** A broadcast as the README of `ws` shows it: `client.send` in a loop over those who are open. */
export const ws: Peer = {
  name: "ws",
  title: "ws, client.send in a loop",
  transport: "WebSocket",
  packages: ["ws"],
  dialect: { framing: "websocket", path: channelPath },
  async serve() {
    const { WebSocket, WebSocketServer } = await import("ws");
    const clients = new ChannelSets<InstanceType<typeof WebSocket>>();
    const server = createServer();
    const sockets = new Sockets(server);
    const acceptor = new WebSocketServer({ server });
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
      unsentBytes: () => sockets.unsentBytes(),
      close: () => sockets.close(),
    };
  },
};
