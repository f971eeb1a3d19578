import { serveAsWorker } from "@holdfast/server/workers";
import { engineBroker } from "./engine.ts";

// A worker with a broker of its own, on an engine that all share; its one argument is the engine's port.
await serveAsWorker({ logger: () => {}, broker: () => engineBroker(Number(process.argv[2])) });
