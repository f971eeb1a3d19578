import { createServer } from "node:http";
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
  cannot: {
    publishing: "it takes no messages: publishing is a route that the application writes",
  },
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
    const server = createServer((request, response) => {
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
