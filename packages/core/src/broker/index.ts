export * from "./memory.ts";
export * from "./port.ts";
export { BrokerHost, type BrokerHostOptions, type Guest, type ReplyLine } from "./remote/broker-host.ts";
export { decodeMessage, encodeMessage } from "./remote/message-text.ts";
export type { BrokerDescription, Reply, Request } from "./remote/messages.ts";
export { RemoteBroker, type RemoteBrokerOptions } from "./remote/remote-broker.ts";
