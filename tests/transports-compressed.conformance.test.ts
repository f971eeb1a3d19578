import { describe } from "node:test";
import { transportConformance } from "@holdfast/testkit";
import { transportsUnderTest } from "./transports-under-test.ts";

// So low that all batches and most control messages are compressed, beside single numbers, which go as they are.
describe("[ZIP-1] with compression", () => {
  transportConformance(transportsUnderTest({ compression: { thresholdBytes: 80 } }));
});
