import { transportConformance } from "@holdfast/testkit";
import { transportsUnderTest } from "./transports-under-test.ts";

transportConformance(transportsUnderTest());
