export { msgpackCodec, packControl, packEvent, packEvents, readPackedMessage } from "./messages.ts";
