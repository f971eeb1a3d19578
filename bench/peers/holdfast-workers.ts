import type { Peer } from "../peer.ts";
import { holdfast } from "./holdfast.ts";

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
