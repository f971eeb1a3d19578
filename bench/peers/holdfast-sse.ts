import type { Peer } from "../peer.ts";
import { channelPath } from "./channel-sets.ts";

/** A plain event stream: of one channel, or of up to 50 together. */
export const holdfastSse: Peer = {
  name: "holdfast-sse",
  title: "Holdfast, Server-Sent Events",
  transport: "SSE",
  packages: [],
  isOurs: true,
  dialect: {
    framing: "sse",
    path: (channels) =>
      channels.length === 1 ? `/channels/${channels[0]}` : `/events${channelPath(channels).slice(1)}`,
    // Each channel's position comes before its first event. Rule SSE-1.
    isLive: (heard, channels) => heard.split("\nid: ").length > channels.length,
  },
  cannot: {
    publishing: "whoever reads by SSE publishes by HTTP, which is measured as holdfast",
  },
  async serve() {
    const { serveHoldfast } = await import("./holdfast-server.ts");
    return await serveHoldfast();
  },
};
