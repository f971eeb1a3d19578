import { createServer } from "node:http";
import { type PerMessageDeflateOptions, WebSocket, WebSocketServer } from "ws";
import type { Served } from "../peer.ts";
import { Sockets } from "../serve/sockets.ts";
import { ChannelSets, channelsOf } from "./channel-sets.ts";

const openingBracket = "[".charCodeAt(0);

/** Made once an event: given a string, `send` would encode it for each client. */
function encode(payload: unknown): Buffer {
  return Buffer.from(JSON.stringify(payload));
}

/** A broadcast as the README of `ws` shows it: `client.send` in a loop over those who are open. */
export async function serveWs(perMessageDeflate: PerMessageDeflateOptions | false): Promise<Served> {
  const clients = new ChannelSets<WebSocket>();
  const server = createServer();
  const sockets = new Sockets(server);
  const acceptor = new WebSocketServer({ server, perMessageDeflate });
  const broadcast = (channel: string, data: Buffer) => {
    for (const client of clients.of(channel)) {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary: false });
    }
  };
  acceptor.on("connection", (client, request) => {
    const channels = channelsOf(request.url);
    for (const channel of channels) clients.join(channel, client);
    const [published] = channelsOf(request.url, "publish");
    client.on("message", (data: Buffer) => {
      if (published === undefined) return;
      // A single one is passed on as it came.
      if (data[0] !== openingBracket) broadcast(published, data);
      else
        for (const payload of JSON.parse(data.toString()) as unknown[]) broadcast(published, encode(payload));
      client.send("ok");
    });
    client.on("error", () => {});
    client.on("close", () => {
      for (const channel of channels) clients.leave(channel, client);
    });
  });
  return {
    port: await sockets.listen(),
    publish(channel, payload) {
      broadcast(channel, encode(payload));
      return undefined;
    },
    // With compression, what waits for it is with the client and not with its socket.
    unsentBytes() {
      let bytes = 0;
      for (const client of acceptor.clients) bytes += client.bufferedAmount;
      return bytes;
    },
    close: () => sockets.close(),
  };
}
