import type { Dialect } from "../load/dialect.ts";
import { textAfter } from "../load/text-after.ts";
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

/**
 * With connection state recovery a client has a private session id, and each event an offset as its last argument; whoever
 * comes back says both as it connects to the namespace. A position is the two with a space between.
 */
export const recoveringDialect: Dialect = {
  ...socketIoDialect,
  answer(message, position) {
    if (!message.startsWith("0{")) return undefined;
    if (position === undefined) return "40";
    const [pid, offset] = position.split(" ");
    return `40${JSON.stringify({ pid, offset })}`;
  },
  resuming: {
    after(message, position) {
      const pid = position?.split(" ", 1)[0];
      const type = message.toString("latin1", 0, 3);
      if (type === "40{") {
        const given = textAfter(message, '"pid":"');
        return given === pid ? position : given;
      }
      return type === "42[" && pid !== undefined ? `${pid} ${textAfter(message, ',"')}` : position;
    },
  },
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
