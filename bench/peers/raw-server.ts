import { createServer, type Socket } from "node:net";
import type { Served } from "../peer.ts";
import { Sockets } from "../serve/sockets.ts";
import { ChannelSets, channelsOf } from "./channel-sets.ts";

/** The least a server can be: it answers a request, and from then on writes bytes that are ready. */
interface RawFace {
  /** The head of the answer to a request. */
  answer(request: string): string;
  /** The bytes that carry a payload. */
  encode(payload: string): Uint8Array;
}

/** Serves with nothing but `node:net`: each event is encoded once, and written to each socket that reads its channel. */
export async function serveRaw({ answer, encode }: RawFace): Promise<Served> {
  const readers = new ChannelSets<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    let request = "";
    const receive = (bytes: Buffer) => {
      request += bytes.toString("latin1");
      if (!request.includes("\r\n\r\n")) return;
      socket.off("data", receive);
      socket.resume();
      socket.write(answer(request));
      const channels = channelsOf(request.split(" ", 2)[1]);
      for (const channel of channels) readers.join(channel, socket);
      socket.once("close", () => {
        for (const channel of channels) readers.leave(channel, socket);
      });
    };
    socket.on("data", receive);
  });
  const sockets = new Sockets(server);
  return {
    port: await sockets.listen(),
    publish(channel, payload) {
      const bytes = encode(payload);
      for (const socket of readers.of(channel)) socket.write(bytes);
    },
    unsentBytes: () => sockets.unsentBytes(),
    close: () => sockets.close(),
  };
}
