import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import type { Peer } from "../peer.ts";
import { Sockets } from "../serve/sockets.ts";
import { channelPath, channelsOf } from "./channel-sets.ts";

/** Sessions registered with channels, and `channel.broadcast`, as its guide to channels shows. */
export const betterSse: Peer = {
  name: "better-sse",
  title: "better-sse, channel.broadcast",
  transport: "SSE",
  packages: ["better-sse"],
  dialect: { framing: "sse", path: channelPath },
  publishing: [
    {
      over: "HTTP",
      request: (channel, payloads) => ({
        path: channelPath([channel]),
        type: "application/json",
        body: JSON.stringify(payloads),
      }),
    },
  ],
  async serve() {
    const { createChannel, createSession } = await import("better-sse");
    const channels = new Map<string, ReturnType<typeof createChannel>>();
    const channelNamed = (name: string) => {
      const known = channels.get(name);
      if (known !== undefined) return known;
      const channel = createChannel();
      channels.set(name, channel);
      return channel;
    };
    // Publishing is not its business: an application writes such a route by itself.
    const publish = async (request: IncomingMessage, response: ServerResponse) => {
      const payloads = (await json(request)) as unknown[];
      for (const name of channelsOf(request.url)) {
        for (const payload of payloads) channelNamed(name).broadcast(payload);
      }
      response.statusCode = 201;
      response.end();
    };
    const server = createServer((request, response) => {
      if (request.method === "POST") {
        void publish(request, response);
        return;
      }
      void createSession(request, response).then((session) => {
        for (const name of channelsOf(request.url)) channelNamed(name).register(session);
      });
    });
    const sockets = new Sockets(server);
    return {
      port: await sockets.listen(),
      publish(channel, payload) {
        channelNamed(channel).broadcast(payload);
        return undefined;
      },
      unsentBytes: () => sockets.unsentBytes(),
      close: () => sockets.close(),
    };
  },
};
