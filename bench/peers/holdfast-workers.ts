import type { Peer } from "../peer.ts";
import { holdfast } from "./holdfast.ts";
import { holdfastSession } from "./holdfast-session.ts";

const variable = "HOLDFAST_BENCH_WORKERS";
const workersUsual = 3;

/** The command line's server, with several processes behind one port: as many as the environment says. */
export const holdfastWorkers: Peer = {
  name: "holdfast-workers",
  title: "holdfast serve --workers, plain WebSocket",
  transport: "WebSocket",
  packages: [],
  isOurs: true,
  only: ["many-connections"],
  dialect: holdfast.dialect,
  async serve(setting) {
    const { serveWorkers } = await import("./holdfast-workers-server.ts");
    return await serveWorkers(Number(process.env[variable] ?? workersUsual), setting);
  },
};

/** The same with clients of the session protocol, who resume after its workers were killed. */
export const holdfastRestarted: Peer = {
  name: "holdfast-restarted",
  title: "holdfast serve --workers 2, session protocol",
  transport: "WebSocket",
  packages: [],
  isOurs: true,
  only: ["connect-storm"],
  restarts: true,
  dialect: holdfastSession.dialect,
  async serve(setting) {
    const { serveWorkers } = await import("./holdfast-workers-server.ts");
    return await serveWorkers(2, setting);
  },
};
