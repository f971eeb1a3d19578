import type { Peer } from "../peer.ts";
import { holdfastFlags } from "./holdfast-flags.ts";
import { holdfastResuming } from "./holdfast-resuming.ts";

const subscribed = '"type":"subscribed"';

/** The session protocol, as our client speaks it: many channels on one connection, all events of a tick in one message. */
export const holdfastSession: Peer = {
  name: "holdfast-session",
  title: "Holdfast, session protocol on WebSocket",
  transport: "WebSocket",
  packages: [],
  isOurs: true,
  nodeFlags: holdfastFlags,
  dialect: {
    framing: "websocket",
    path: () => "/connect",
    // Without a position `after` is not said.
    hello: (channels, after) =>
      JSON.stringify({ type: "hello", subscriptions: channels.map((channel) => ({ channel, after })) }),
    isLive: (heard, channels) => heard.split(subscribed).length > channels.length,
    resuming: holdfastResuming,
    oldest: "oldest",
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
  async serve(setting) {
    const { serveHoldfast } = await import("./holdfast-server.ts");
    return await serveHoldfast(setting);
  },
};
