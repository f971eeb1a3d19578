import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, get } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";
import { createHoldfast } from "./index.ts";
import { forgotten, RawClient, StreamClient, startNode } from "./rig.test.ts";

const streamHead = ["GET /channels/a HTTP/1.1", "Host: localhost", "Accept: text/event-stream", "", ""];

test("[SSE-1] a stream may begin on a connection that was kept alive, and is the last on it", async (t) => {
  const { holdfast, url } = await startNode(t);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const fetchWith = async (path: string, headers = {}) => {
    const [response] = await once(get(`${url}${path}`, { agent, headers }), "response");
    return response;
  };
  const page = await fetchWith("/channels/a");
  const { localPort } = page.socket;
  page.resume();
  await once(page, "end");
  const stream = await fetchWith("/channels/a", { Accept: "text/event-stream" });
  assert.equal(stream.socket.localPort, localPort);
  assert.equal(stream.headers.connection, "close");
  assert.equal(stream.headers["transfer-encoding"], "chunked");
  await holdfast.publish("a", "heard");
  let text = "";
  for await (const bytes of stream) {
    text += bytes;
    if (text.includes('data: "heard"')) break;
  }
  await forgotten(holdfast);
});

test("[SSE-5] the end of a stream is the end of its body, as HTTP says it", async (t) => {
  const { holdfast, port } = await startNode(t);
  const client = new RawClient(t, port).send(...streamHead);
  await client.receives("id: ");
  await holdfast.publish("a", 1);
  await holdfast.closeChannel("a");
  await client.closes();
  assert.match(client.received, /event: end\r?\n[\s\S]*\r\n0\r\n\r\n$/);
});

test("[BND-1] a client that closes its half of a stream has gone", async (t) => {
  const { holdfast, port } = await startNode(t);
  const socket = connect(port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.write(streamHead.join("\r\n"));
  await once(socket, "data");
  socket.end();
  await once(socket.resume(), "close");
  await forgotten(holdfast);
});

test("[SSE-1] [ORD-1] a stream of somebody else's server is written in the same chunks, and its end is one", async (t) => {
  const holdfast = createHoldfast({ logger: () => {} });
  const server = createServer();
  holdfast.attach(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  t.after(async () => {
    await holdfast.close({ spreadMs: 0 });
    server.close();
  });
  const own = await StreamClient.open(t, `http://127.0.0.1:${port}/channels/a`);
  await own.receives("id: ");
  const raw = new RawClient(t, port).send(...streamHead);
  await raw.receives("id: ");
  for (let n = 1; n <= 3; n++) await holdfast.publish("a", n);
  await own.receives("data: 3");
  await raw.receives("data: 3");
  await holdfast.closeChannel("a");
  await own.receives("event: end");
  await raw.receives("\r\n0\r\n\r\n");
});
