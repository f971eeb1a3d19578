import type { Peer } from "../peer.ts";
import { holdfast } from "./holdfast.ts";
import { holdfastFlags } from "./holdfast-flags.ts";

/** A plain WebSocket that agreed on permessage-deflate: each event is compressed once for all of them. */
export const holdfastDeflate: Peer = {
  name: "holdfast-deflate",
  title: "Holdfast, compression: true",
  transport: "WebSocket",
  packages: [],
  isOurs: true,
  nodeFlags: holdfastFlags,
  only: ["compressed-fan-out"],
  dialect: { ...holdfast.dialect, offersDeflate: true },
  async serve(setting) {
    const { serveHoldfast } = await import("./holdfast-server.ts");
    return await serveHoldfast(setting, { compression: { thresholdBytes: 128 } });
  },
};

/** The same server with readers that offer nothing: what compression costs. */
export const holdfastUndeflated: Peer = {
  ...holdfast,
  name: "holdfast-undeflated",
  title: "Holdfast, no compression",
  only: ["compressed-fan-out"],
};
