import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  Agent,
  createServer,
  get,
  type IncomingMessage,
  type RequestListener,
  request,
  type Server,
} from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { FaultProxy, type Way } from "./fault-proxy.ts";

interface Rig {
  readonly proxy: FaultProxy;
  readonly server: Server;
  /** Sockets that the server has. */
  readonly sockets: Set<Socket>;
}

async function start(t: TestContext, listener: RequestListener): Promise<Rig> {
  const server = createServer(listener);
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = await FaultProxy.start(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(async () => {
    await proxy.stop();
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { proxy, server, sockets };
}

/** One round trip over a connection of its own. */
async function fetchText(url: string, init?: RequestInit): Promise<{ status: number; text: string }> {
  const response = await fetch(url, { ...init, headers: { Connection: "close", ...init?.headers } });
  return { status: response.status, text: await response.text() };
}

async function open(url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const outgoing = get(url, { agent: false, headers });
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  // It will be cut; that it is so is what a test looks for.
  for (const emitter of [outgoing, response]) emitter.on("error", () => {});
  return response;
}

/** Bytes that the proxy holds in one direction. */
function held(proxy: FaultProxy, way: Way): number {
  return proxy.connections.reduce((sum, connection) => sum + connection.flow(way).heldBytes, 0);
}

/** Resolves when it is closed, with an error or without. */
function closed(emitter: NodeJS.EventEmitter): Promise<void> {
  return new Promise((resolve) => emitter.on("close", () => resolve()));
}

test("what nobody disturbs passes as it is, in both directions", async (t) => {
  const { proxy } = await start(t, (incoming, response) => {
    incoming.pipe(response);
  });
  const body = "ü".repeat(300_000);
  assert.deepEqual(await fetchText(proxy.url, { method: "POST", body }), { status: 200, text: body });
});

test("several requests on one connection each pass, whatever frames their bodies", async (t) => {
  const { proxy } = await start(t, (incoming, response) => {
    if (incoming.url === "/chunked") response.write("chunk");
    if (incoming.method === "HEAD") response.setHeader("Content-Length", 1000);
    if (incoming.url === "/nothing") response.statusCode = 204;
    response.end(
      incoming.method === "HEAD" || incoming.url === "/nothing" ? undefined : `of ${incoming.url}`,
    );
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const texts: string[] = [];
  for (const [method, path] of [
    ["GET", "/plain"],
    ["GET", "/chunked"],
    ["HEAD", "/head"],
    ["GET", "/nothing"],
    ["POST", "/body"],
  ] as const) {
    const outgoing = request(`${proxy.url}${path}`, { agent, method });
    outgoing.end(method === "POST" ? "GET / HTTP/1.1\r\n\r\n" : undefined);
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) text += chunk as string;
    texts.push(text);
  }
  assert.deepEqual(texts, ["of /plain", "chunkof /chunked", "", "", "of /body"]);
  assert.equal(proxy.connections.length, 1);
  assert.deepEqual(proxy.connections[0]?.requests, [
    "GET /plain",
    "GET /chunked",
    "HEAD /head",
    "GET /nothing",
    "POST /body",
  ]);
});

test("bytes that are no HTTP pass too", async (t) => {
  const { proxy, server } = await start(t, () => {});
  server.on("clientError", (_error, socket) => socket.end("not HTTP"));
  const socket = connect(Number(new URL(proxy.url).port), "127.0.0.1");
  socket.end("neither is this");
  let text = "";
  for await (const chunk of socket.setEncoding("utf8")) text += chunk as string;
  assert.equal(text, "not HTTP");
});

test("a cut resets both sides, and what comes later is served", async (t) => {
  const { proxy, sockets } = await start(t, (incoming, response) => {
    response.write("begun");
    if (incoming.url !== "/endless") response.end();
  });
  const response = await open(`${proxy.url}/endless`);
  await once(response, "data");
  const gone = closed([...sockets][0] as Socket);
  const aborted = closed(response);
  assert.equal(proxy.cut(), 1);
  await Promise.all([gone, aborted]);
  assert.equal(response.complete, false);
  assert.equal((await fetchText(proxy.url)).text, "begun");
});

test("while a direction is stalled nothing passes in it; then all of it does, in order", async (t) => {
  const asked: string[] = [];
  const { proxy } = await start(t, (incoming, response) => {
    asked.push(incoming.url ?? "");
    response.write("first ");
    response.end("second");
  });
  proxy.stall("down");
  const answered = fetchText(`${proxy.url}/a`);
  // The request arrives, and its answer is held where the proxy can tell.
  while (held(proxy, "down") < "first second".length) await new Promise(setImmediate);
  assert.deepEqual(asked, ["/a"]);
  proxy.release("down");
  assert.equal((await answered).text, "first second");
  proxy.stall("up");
  const later = fetchText(`${proxy.url}/b`);
  while (held(proxy, "up") === 0) await new Promise(setImmediate);
  assert.deepEqual(asked, ["/a"]);
  proxy.release("up");
  assert.equal((await later).text, "first second");
});

test("a stalled reader is felt by the server: what the proxy holds is bounded", async (t) => {
  let written = 0;
  let isFull = false;
  const { proxy } = await start(t, (_incoming, response) => {
    const chunk = Buffer.alloc(256 * 1024);
    const write = () => {
      while (!response.destroyed && written < 256 * chunk.length) {
        written += chunk.length;
        if (!response.write(chunk)) break;
      }
      isFull = response.writableNeedDrain;
    };
    response.on("drain", write);
    write();
  });
  proxy.stall("down");
  const outgoing = get(proxy.url, { agent: false }).on("error", () => {});
  const settled = async () => {
    for (let before = -1; before !== written || !isFull; ) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await settled();
  assert.ok(written < 64 * 1024 * 1024, `${written} bytes were taken`);
  assert.ok(held(proxy, "down") < 1024 * 1024);
  outgoing.destroy();
});

test("a forsaken connection stays open on both sides, and nothing passes", async (t) => {
  const { proxy, sockets } = await start(t, (incoming, response) => {
    if (incoming.url === "/other") response.end("alive");
    else response.write("begun");
  });
  const response = await open(proxy.url);
  await once(response, "data");
  const [socket] = sockets;
  proxy.forsake();
  response.on("data", () => assert.fail("nothing passes"));
  response.on("close", () => assert.fail("nobody is told"));
  socket?.write("5\r\nlater\r\n");
  // Long enough for it to pass, if it did: another connection is served meanwhile.
  assert.equal((await fetchText(`${proxy.url}/other`)).text, "alive");
  assert.equal(socket?.destroyed, false);
  response.removeAllListeners("close").removeAllListeners("data");
  response.destroy();
});

test("new connections can be reset, or taken and ignored", async (t) => {
  const { proxy, sockets } = await start(t, (_incoming, response) => response.end("served"));
  proxy.admit("reset");
  await assert.rejects(fetchText(proxy.url));
  proxy.admit("ignore");
  const ignored = connect(Number(new URL(proxy.url).port), "127.0.0.1").on("error", () => {});
  await once(ignored, "connect");
  ignored.on("data", () => assert.fail("it is ignored"));
  ignored.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  proxy.admit("serve");
  assert.equal((await fetchText(proxy.url)).text, "served");
  assert.equal(sockets.size, 0);
  assert.equal(ignored.destroyed, false);
  ignored.destroy();
});

test("a slow direction takes its time", async (t) => {
  const { proxy } = await start(t, (_incoming, response) => response.end(Buffer.alloc(3000)));
  proxy.throttle("down", 20_000);
  const began = performance.now();
  assert.equal((await fetchText(proxy.url)).text.length, 3000);
  // A lower bound of time is no race: it cannot be undercut by a machine that is slow.
  assert.ok(performance.now() - began > 100);
});

test("what is delayed arrives whole and in order", async (t) => {
  const { proxy } = await start(t, (_incoming, response) => {
    response.write("a");
    response.write("b");
    response.end("c");
  });
  proxy.delay("down", 40);
  const began = performance.now();
  assert.equal((await fetchText(proxy.url)).text, "abc");
  assert.ok(performance.now() - began >= 39);
});

test("a WebSocket can be refused by the proxy, and nothing else is", async (t) => {
  const { proxy, server } = await start(t, (_incoming, response) => response.end("served"));
  server.on("upgrade", () => assert.fail("the server must not see it"));
  const permit = proxy.refuseWebSockets(403);
  const socket = new WebSocket(proxy.url.replace("http", "ws"));
  await once(socket, "close");
  assert.equal((await fetchText(proxy.url)).text, "served");
  permit();
});

test("a WebSocket can be accepted and then swallowed", async (t) => {
  const { proxy, server } = await start(t, () => {});
  server.on("upgrade", (incoming: IncomingMessage, socket: Socket) => {
    socket.on("data", () => assert.fail("nothing passes"));
    socket.write(acceptance(incoming));
    socket.write(Buffer.of(0x81, 2, 0x68, 0x69));
  });
  proxy.swallowWebSockets();
  const socket = new WebSocket(proxy.url.replace("http", "ws"));
  await once(socket, "open");
  socket.onmessage = () => assert.fail("nothing passes");
  socket.send("hello");
  proxy.cut();
  await once(socket, "close");
});

test("a WebSocket that nobody disturbs passes, frames and all", async (t) => {
  const { proxy, server } = await start(t, () => {});
  server.on("upgrade", (incoming: IncomingMessage, socket: Socket) => {
    socket.write(acceptance(incoming));
    socket.write(Buffer.of(0x81, 2, 0x68, 0x69));
  });
  const socket = new WebSocket(proxy.url.replace("http", "ws"));
  const [event] = (await once(socket, "message")) as [MessageEvent];
  assert.equal(event.data, "hi");
  proxy.cut();
  await once(socket, "close");
});

function acceptance(incoming: IncomingMessage): string {
  const key = `${incoming.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash("sha1").update(key).digest("base64");
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

test("an event stream can be held back until so much of it has come", async (t) => {
  let say: (text: string) => void = () => {};
  const { proxy } = await start(t, (incoming, response) => {
    if (incoming.url === "/other") {
      response.end("served");
      return;
    }
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    say = (text) => response.write(text);
    say("data: 1\n\n");
  });
  proxy.bufferStreams(100);
  const response = await open(proxy.url, { Accept: "text/event-stream" });
  let text = "";
  response.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  assert.equal((await fetchText(`${proxy.url}/other`)).text, "served");
  assert.equal(text, "");
  say(`data: ${"x".repeat(200)}\n\n`);
  while (!text.includes("xx")) await once(response, "data");
  assert.ok(text.startsWith("data: 1\n\n"));
  response.destroy();
});

test("everything can be answered by the proxy", async (t) => {
  const { proxy } = await start(t, () => assert.fail("the server must not see it"));
  const permit = proxy.answerAll(502);
  assert.equal((await fetchText(proxy.url)).status, 502);
  assert.equal((await fetchText(proxy.url, { method: "POST", body: "x".repeat(100_000) })).status, 502);
  permit();
});

test("later connections can go elsewhere", async (t) => {
  const { proxy } = await start(t, (_incoming, response) => response.end("one"));
  const other = await start(t, (_incoming, response) => response.end("two"));
  assert.equal((await fetchText(proxy.url)).text, "one");
  proxy.retarget(other.proxy.url);
  assert.equal((await fetchText(proxy.url)).text, "two");
});
