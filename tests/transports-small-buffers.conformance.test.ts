import { describe } from "node:test";
import { transportConformance } from "@holdfast/testkit";
import { transportsUnderTest } from "./transports-under-test.ts";

/** Every connection is full with whatever is written to it: all that is read is read by lagging. */
const limits = { connectionBufferBytesMax: 1 };

describe("[BND-1] [READ-3] with a buffer of one byte a connection", () => {
  transportConformance(transportsUnderTest({ limits }), { leaveOut: /a hundred thousand events/ });
});
