import type { Peer } from "../peer.ts";
import { socketIoDialect, socketIoPublishing } from "./socket-io-dialect.ts";

export const socketIo: Peer = {
  name: "socket.io",
  title: "Socket.IO, io.emit, WebSocket only",
  transport: "WebSocket",
  packages: ["socket.io"],
  dialect: socketIoDialect,
  publishing: [socketIoPublishing],
  async serve(setting) {
    const { serveSocketIo } = await import("./socket-io-server.ts");
    return await serveSocketIo(setting, {});
  },
};
