import { serveAsWorker } from "@holdfast/server/workers";
import { optionsOf, type Setting } from "./setting.ts";

// A worker of a primary under attack; its one argument is the setting, in JSON.
await serveAsWorker(optionsOf(JSON.parse(process.argv[2] ?? "{}") as Setting));
