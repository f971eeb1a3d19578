export { readPackedMessage } from "./client-messages.ts";
export { msgpackCodec } from "./codec.ts";
export { packEvent, packEvents } from "./events.ts";
export { packControl } from "./server-messages.ts";
