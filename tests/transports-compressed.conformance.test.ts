import { describe } from "node:test";
import { transportConformance } from "@holdfast/testkit";
import { transportsUnderTest } from "./transports-under-test.ts";

// Everything, however short, so that nothing is left that only works uncompressed.
describe("[ZIP-1] with compression", () => {
  // Each of a hundred thousand short messages is then deflated and inflated.
  const deadlineMs = 120_000;
  transportConformance(transportsUnderTest({ compression: { thresholdBytes: 0 } }), { deadlineMs });
});
