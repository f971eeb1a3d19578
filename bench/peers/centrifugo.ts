import type { Peer } from "../peer.ts";

const variable = "HOLDFAST_BENCH_CENTRIFUGO";

/** Centrifugo 6, spoken to in its JSON protocol, and published to by its HTTP API, a batch for what comes together. */
export const centrifugo: Peer = {
  name: "centrifugo",
  title: "Centrifugo, WebSocket, published to over its HTTP API",
  transport: "WebSocket",
  packages: [],
  dialect: {
    framing: "websocket",
    path: () => "/connection/websocket",
    hello: (channels) =>
      [{ connect: {} }, ...channels.map((channel) => ({ subscribe: { channel } }))]
        .map((command, index) => JSON.stringify({ id: index + 1, ...command }))
        .join("\n"),
    isLive: (heard, channels) => heard.split('"subscribe":{').length > channels.length,
    ping: { asked: "{}", answer: "{}" },
  },
  publishing: [
    {
      over: "HTTP",
      request(channel, payloads) {
        const commands = payloads.map((data) => ({ channel, data }));
        const isBatch = commands.length > 1;
        const body = isBatch ? { commands: commands.map((publish) => ({ publish })) } : commands[0];
        return {
          path: isBatch ? "/api/batch" : "/api/publish",
          type: "application/json",
          body: JSON.stringify(body),
        };
      },
    },
  ],
  notPublishing: { WebSocket: "it advises to publish by its server API, from an application's backend" },
  absence: () =>
    process.env[variable] === undefined ? `${variable}, the path of its binary, is not set` : undefined,
  async serve(setting) {
    const { serveCentrifugo } = await import("./centrifugo-server.ts");
    return await serveCentrifugo(process.env[variable] ?? "centrifugo", setting);
  },
};
