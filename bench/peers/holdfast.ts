import type { Dialect } from "../load/dialect.ts";
import type { Peer } from "../peer.ts";
import { holdfastFlags } from "./holdfast-flags.ts";
import { holdfastResuming } from "./holdfast-resuming.ts";

const dialect: Dialect = {
  framing: "websocket",
  path: ([channel = ""], position) =>
    `/channels/${channel}${position === undefined ? "" : `?after=${position}`}`,
  isLive: (heard) => heard.includes('"control":"subscribed"'),
  resuming: holdfastResuming,
  oldest: "oldest",
};

/** A plain WebSocket: one channel a connection, one event a message. */
export const holdfast: Peer = {
  name: "holdfast",
  title: "Holdfast, plain WebSocket",
  transport: "WebSocket",
  packages: [],
  isOurs: true,
  nodeFlags: holdfastFlags,
  cannot: {
    "many-channels": "a plain WebSocket reads one channel; many take the session protocol (holdfast-session)",
  },
  dialect,
  publishing: [
    {
      over: "HTTP",
      request(channel, payloads) {
        const path = `/channels/${channel}`;
        const [payload, ...more] = payloads;
        if (more.length === 0) return { path, type: "application/json", body: JSON.stringify(payload) };
        const body = payloads.map((data) => `${JSON.stringify({ data })}\n`).join("");
        return { path, type: "application/x-ndjson", body };
      },
    },
    {
      over: "WebSocket",
      dialect,
      onlySingle:
        "a message on a plain WebSocket is one event; batches take the session protocol (holdfast-session)",
      message: (_channel, [payload]) => JSON.stringify(payload),
      acknowledged: '{"control":"published"',
    },
  ],
  async serve(setting) {
    const { serveHoldfast } = await import("./holdfast-server.ts");
    return await serveHoldfast(setting);
  },
};
