import { describe } from "node:test";
import { transportConformance } from "@holdfast/testkit";
import { transportsUnderTest } from "./transports-under-test.ts";

// Everything, however short, so that nothing is left that only works uncompressed.
describe("[ZIP-1] with compression", () => {
  transportConformance(transportsUnderTest({ compression: { thresholdBytes: 0 } }));
});
