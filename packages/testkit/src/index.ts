export * from "./conformance/broker.ts";
export * from "./conformance/transports.ts";
export { type Family, lintExposition, parseExposition, type Sample, sumOf } from "./exposition/exposition.ts";
export {
  type Admission,
  FaultProxy,
  type RequestHead,
  type Verdict,
  type Way,
} from "./fault-proxy/fault-proxy.ts";
export { Checker } from "./history/checker.ts";
export { TruthLog } from "./history/truth-log.ts";
export { drawWorld, type WorldOptions } from "./simulation/options.ts";
export { type SimulateExtras, shrink, simulate } from "./simulation/simulate.ts";
export type { WorldReport } from "./simulation/world.ts";
