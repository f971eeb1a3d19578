export {
  createPrimary,
  type Primary,
  type PrimaryOptions,
  type PrimaryStats,
  type WorkerStats,
  WorkersError,
} from "./primary.ts";
export { Place, serveAsWorker, type WorkerOptions, workerNumber } from "./worker.ts";
