import type { Peer } from "../peer.ts";
import { channelPath } from "./channel-sets.ts";
import { holdfastFlags } from "./holdfast-flags.ts";

/** A plain event stream: of one channel, or of up to 50 together. */
export const holdfastSse: Peer = {
  name: "holdfast-sse",
  title: "Holdfast, Server-Sent Events",
  transport: "SSE",
  packages: [],
  isOurs: true,
  nodeFlags: holdfastFlags,
  dialect: {
    framing: "sse",
    path(channels, position) {
      const after = position === undefined ? "" : `?after=${position}`;
      return channels.length === 1
        ? `/channels/${channels[0]}${after}`
        : `/events${channelPath(channels).slice(1)}`;
    },
    oldest: "oldest",
    // Each channel's position comes before its first event. Rule SSE-1.
    isLive: (heard, channels) => heard.split("\nid: ").length > channels.length,
  },
  cannot: {
    publishing: "whoever reads by SSE publishes by HTTP, which is measured as holdfast",
  },
  async serve(setting) {
    const { serveHoldfast } = await import("./holdfast-server.ts");
    return await serveHoldfast(setting);
  },
};
