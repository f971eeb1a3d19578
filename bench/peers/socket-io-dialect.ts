import type { Dialect } from "../load/dialect.ts";
import type { WebSocketWay } from "../publish-way.ts";
import { channelPath } from "./channel-sets.ts";

/** Engine.IO 4 and Socket.IO 5 on WebSocket, as text: `0` opens, `40` connects to the main namespace, `2` is answered by `3`. */
export const socketIoDialect: Dialect = {
  framing: "websocket",
  path: (channels) => `/socket.io${channelPath(channels)}&EIO=4&transport=websocket`,
  answer: (message) => (message.startsWith("0{") ? "40" : undefined),
  isLive: (heard) => heard.includes("\n40{"),
  ping: { asked: "2", answer: "3" },
};

/** `42` is an event, with the number that its acknowledgement, `43`, will have. */
export const socketIoPublishing: WebSocketWay = {
  over: "WebSocket",
  dialect: {
    ...socketIoDialect,
    path: ([channel = ""]) => `/socket.io/?publish=${channel}&EIO=4&transport=websocket`,
  },
  message: (channel, payloads, slot) => `42${slot}${JSON.stringify(["publish", channel, payloads])}`,
  acknowledged: "43",
};
