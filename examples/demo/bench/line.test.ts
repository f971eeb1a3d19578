import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { after, afterEach, before, test } from "node:test";
import { sound } from "./faults.ts";
import { Line } from "./line.ts";

/** Answers what it was asked, and streams say so again whenever `more` is called. */
const upstream = createServer((request, response) => {
  const isStream = request.headers.accept === "text/event-stream";
  response.setHeader("Access-Control-Allow-Origin", "*");
  if (!isStream) response.end(`${request.method} ${request.url}`);
  else response.write("first");
});
const upgraded = new Set<Socket>();
let line: Line;
let url: string;

before(async () => {
  upstream.on("upgrade", (_request, socket: Socket) => {
    upgraded.add(socket);
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    socket.pipe(socket);
  });
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const { port } = upstream.address() as AddressInfo;
  line = await Line.open(() => `http://127.0.0.1:${port}`, 0);
  url = `http://127.0.0.1:${line.port}/connect`;
});

afterEach(() => {
  line.faults = sound;
});

after(async () => {
  await line.close();
  for (const socket of upgraded) socket.destroy();
  upstream.closeAllConnections();
  upstream.close();
});

const poll = () => fetch(url, { method: "POST", body: "{}" });
const longPoll = () => fetch(`${url}?wait=5`, { method: "POST", body: "{}" });
const stream = () => fetch(url, { method: "POST", body: "{}", headers: { Accept: "text/event-stream" } });

/** Asks for an upgrade and returns the socket once something was answered. */
async function upgrade(): Promise<{ socket: Socket; answer: string }> {
  const socket = connect(line.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(
    "GET /connect HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  const [answer] = (await once(socket, "data")) as [Buffer];
  return { socket, answer: answer.toString("latin1") };
}

test("[MOVE] a sound line passes everything on, both ways", async () => {
  assert.equal(await (await poll()).text(), "POST /connect");
  assert.equal(await (await longPoll()).text(), "POST /connect?wait=5");
  const { socket, answer } = await upgrade();
  assert.match(answer, /^HTTP\/1\.1 101 /);
  socket.write("echo");
  assert.equal(String((await once(socket, "data"))[0]), "echo");
  socket.destroy();
});

test("[MOVE] a line that is cut resets what is open, and whatever comes", async () => {
  const { socket } = await upgrade();
  const open = await stream();
  const reader = open.body!.getReader();
  await reader.read();
  const closed = new Promise((resolve) => socket.once("close", resolve));
  line.faults = { ...sound, cut: true };
  await closed;
  await assert.rejects(reader.read());
  await assert.rejects(poll());
  line.faults = sound;
  assert.equal((await poll()).status, 200);
});

test("[MOVE] a blocked WebSocket is closed, and refused before the upgrade; the rest goes on", async () => {
  const { socket } = await upgrade();
  const closed = new Promise((resolve) => socket.once("close", resolve));
  line.faults = { ...sound, blocked: ["websocket"] };
  await closed;
  assert.match((await upgrade()).answer, /^HTTP\/1\.1 403 /);
  assert.equal((await poll()).status, 200);
});

test("[MOVE] a blocked stream is answered with silence, and then with everything", async () => {
  line.faults = { ...sound, blocked: ["sse"] };
  let isAnswered = false;
  const answered = stream().then((response) => {
    isAnswered = true;
    return response;
  });
  assert.equal((await poll()).status, 200);
  assert.equal(isAnswered, false);
  line.faults = sound;
  const reader = (await answered).body!.getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "first");
  await reader.cancel();
});

test("[MOVE] blocked polls are refused, each kind by itself", async () => {
  line.faults = { ...sound, blocked: ["long-poll"] };
  assert.equal((await longPoll()).status, 504);
  assert.equal((await poll()).status, 200);
  line.faults = { ...sound, blocked: ["poll"] };
  assert.equal((await poll()).status, 403);
  assert.equal((await fetch(new URL("/health/live", url))).status, 200);
});

test("[AUTH] a page that made its own name mean this machine gets nothing through", async () => {
  const socket = connect(line.port, "127.0.0.1");
  const lines = [
    "GET /connect HTTP/1.1",
    "Host: elsewhere.example",
    "Connection: Upgrade",
    "Upgrade: websocket",
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  assert.match(String((await once(socket, "data"))[0]), /^HTTP\/1\.1 403 /);
  socket.destroy();
  const answer = await new Promise<number | undefined>((resolve, reject) => {
    const headers = { Host: "elsewhere.example" };
    get({ port: line.port, host: "127.0.0.1", path: "/connect", headers }, ({ statusCode }) =>
      resolve(statusCode),
    ).on("error", reject);
  });
  assert.equal(answer, 403);
});

test("[MOVE] an answer that comes before the end of its request is passed on, and the line holds", async () => {
  const socket = connect(line.port, "127.0.0.1");
  socket.write("POST /connect HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n{}");
  const closed = once(socket, "close");
  assert.match(String((await once(socket, "data"))[0]), /^HTTP\/1\.1 200 /);
  await closed;
  assert.equal((await poll()).status, 200);
});
