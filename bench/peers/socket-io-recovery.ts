import type { Peer } from "../peer.ts";
import { recoveringDialect, socketIoPublishing } from "./socket-io-dialect.ts";

/** With connection state recovery, as its documentation shows it. */
export const socketIoRecovery: Peer = {
  name: "socket.io-recovery",
  title: "Socket.IO with connection state recovery, WebSocket only",
  transport: "WebSocket",
  packages: ["socket.io"],
  dialect: recoveringDialect,
  publishing: [socketIoPublishing],
  async serve(setting) {
    const { serveSocketIo } = await import("./socket-io-server.ts");
    const connectionStateRecovery = { maxDisconnectionDuration: 2 * 60 * 1000, skipMiddlewares: true };
    return await serveSocketIo(setting, { connectionStateRecovery });
  },
};
