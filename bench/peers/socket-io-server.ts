import { createServer } from "node:http";
import { Server, type ServerOptions } from "socket.io";
import type { Served, Setting } from "../peer.ts";
import { Sockets } from "../serve/sockets.ts";
import { channelsOf } from "./channel-sets.ts";

/** Packets that Engine.IO keeps while its WebSocket is still sending those before. It tells nobody, so it is looked at. */
interface Backlog {
  readonly writeBuffer: readonly unknown[];
}

/** What a packet takes beside its payload, about. */
const packetBytes = 160;

/** Serves channels as rooms, with WebSocket as the only transport; where there is one channel, all sockets are the room. */
export async function serveSocketIo(setting: Setting, options: Partial<ServerOptions>): Promise<Served> {
  const server = createServer();
  const sockets = new Sockets(server);
  const io = new Server(server, { transports: ["websocket"], serveClient: false, ...options });
  const backlogs = new Set<Backlog>();
  const emit = (channel: string, payload: string) => {
    if (setting.channels > 1) io.to(channel).emit("event", payload);
    else io.emit("event", payload);
  };
  io.on("connection", (socket) => {
    if (setting.channels > 1) void socket.join([...channelsOf(socket.request.url)]);
    socket.on("publish", (channel: string, payloads: readonly string[], acknowledge: () => void) => {
      for (const payload of payloads) emit(channel, payload);
      acknowledge();
    });
    const backlog = socket.conn as unknown as Backlog;
    backlogs.add(backlog);
    socket.on("disconnect", () => backlogs.delete(backlog));
  });
  return {
    port: await sockets.listen(),
    publish(channel, payload) {
      emit(channel, payload);
      return undefined;
    },
    unsentBytes() {
      let bytes = sockets.unsentBytes();
      for (const { writeBuffer } of backlogs) bytes += writeBuffer.length * packetBytes;
      return bytes;
    },
    async close() {
      await io.close();
    },
  };
}
