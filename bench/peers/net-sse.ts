import type { Peer } from "../peer.ts";
import { channelPath } from "./channel-sets.ts";

const head =
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n";

/** An event as a chunk of its own (RFC 9112 §7.1). */
function chunk(text: string): Uint8Array {
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}

/** What Node's sockets can do for an event stream: one chunk, made once and shared by all. */
export const netSse: Peer = {
  name: "net-sse",
  title: "bare net, one shared chunk, one write an event",
  transport: "SSE",
  packages: [],
  isLimit: true,
  dialect: { framing: "sse", path: channelPath },
  cannot: {
    publishing: "it takes no messages",
  },
  async serve() {
    const { serveRaw } = await import("./raw-server.ts");
    return await serveRaw({
      answer: () => head,
      encode: (payload) => chunk(`data: ${JSON.stringify(payload)}\n\n`),
    });
  },
};
