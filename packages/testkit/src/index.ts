export * from "./conformance/broker.ts";
