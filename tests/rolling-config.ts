import { engineBroker } from "./engine.ts";

// What `holdfast serve` runs with as one of two nodes that are restarted in turn.
export default {
  log: "json",
  broker: () => engineBroker(Number(process.env["ENGINE_PORT"])),
  limits: { heartbeatMs: 1000 },
  close: { noticeMs: 800, spreadMs: 600, deadlineMs: 15_000 },
};
