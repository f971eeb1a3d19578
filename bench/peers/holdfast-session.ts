import type { Peer } from "../peer.ts";

const subscribed = '"type":"subscribed"';

/** The session protocol, as our client speaks it: many channels on one connection, all events of a tick in one message. */
export const holdfastSession: Peer = {
  name: "holdfast-session",
  title: "Holdfast, session protocol on WebSocket",
  transport: "WebSocket",
  packages: [],
  isOurs: true,
  dialect: {
    framing: "websocket",
    path: () => "/connect",
    hello: (channels) =>
      JSON.stringify({ type: "hello", subscriptions: channels.map((channel) => ({ channel })) }),
    isLive: (heard, channels) => heard.split(subscribed).length > channels.length,
  },
  publishing: [
    {
      over: "WebSocket",
      dialect: {
        framing: "websocket",
        path: () => "/connect",
        hello: () => JSON.stringify({ type: "hello" }),
        isLive: (heard) => heard.includes('"type":"welcome"'),
      },
      message: (channel, payloads, slot) =>
        JSON.stringify({ type: "publish", ref: slot, channel, events: payloads.map((data) => ({ data })) }),
      acknowledged: '{"type":"published"',
    },
  ],
  notPublishing: { HTTP: "the route is the one that is measured as holdfast" },
  async serve() {
    const { serveHoldfast } = await import("./holdfast-server.ts");
    return await serveHoldfast();
  },
};
