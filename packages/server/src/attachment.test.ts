import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { connect, createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { createHoldfast, type Holdfast, type LogEntry } from "./index.ts";
import { call, forgotten, post, RawClient, SocketClient, StreamClient } from "./rig.test.ts";

const application: RequestListener = (request, response) => {
  request.resume();
  request.on("end", () => response.end(`application ${request.url}`));
};

async function startApplication(
  t: TestContext,
  prepare: (server: Server, holdfast: Holdfast) => void,
  listener = application,
): Promise<{ url: string; port: number; server: Server; holdfast: Holdfast; log: LogEntry[] }> {
  const log: LogEntry[] = [];
  const holdfast = createHoldfast({ logger: (entry) => log.push(entry) });
  const server = createServer(listener);
  prepare(server, holdfast);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    await holdfast.close({ spreadMs: 0 });
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, server, holdfast, log };
}

async function assertServes(t: TestContext, base: string, holdfast: Holdfast): Promise<void> {
  assert.equal((await post(`${base}/channels/a`, "1")).status, 201);
  assert.equal((await call(`${base}/channels/a`)).json.events.length, 1);
  assert.equal((await call(`${base}/health/ready`)).status, 200);
  const stream = await StreamClient.open(t, `${base}/channels/a?after=oldest`);
  await stream.receives("data: 1");
  const socket = await SocketClient.open(t, `${base}/connect`);
  socket.say({ type: "hello", subscriptions: [{ channel: "a", after: "oldest" }] });
  assert.equal((await socket.message(2)).type, "events");
  stream.leave();
  socket.socket.close();
  await forgotten(holdfast);
}

test("attached, it takes its own paths and leaves the application its own", async (t) => {
  const { url, holdfast } = await startApplication(t, (server, node) => node.attach(server));
  await assertServes(t, url, holdfast);
  for (const path of ["/", "/orders", "/channels", "/connected", "/health", "/eventsource?x=1"]) {
    assert.equal((await call(`${url}${path}`)).text, `application ${path}`);
  }
  assert.equal((await call(`${url}/channels/a/nothing`)).json.code, "not_found");
});

test("attached under a path, it takes nothing outside of that", async (t) => {
  const { url, holdfast } = await startApplication(t, (server, node) =>
    node.attach(server, { path: "/live" }),
  );
  await assertServes(t, `${url}/live`, holdfast);
  for (const path of ["/channels/a", "/connect", "/health/live", "/live", "/lively/channels/a"]) {
    assert.equal((await call(`${url}${path}`)).text, `application ${path}`);
  }
  const holdfast2 = createHoldfast();
  for (const path of ["live", "/live/", "/"]) {
    assert.throws(() => holdfast2.attach(createServer(), { path }), { name: "ConfigurationError" });
  }
  await holdfast2.close();
});

test("attached, it leaves other WebSockets to others, and other upgrades to the application", async (t) => {
  const { url, port } = await startApplication(t, (server, node) => {
    const other = new WebSocketServer({ noServer: true });
    server.on("upgrade", (request, socket, head) => {
      if (request.url === "/chat") {
        other.handleUpgrade(request, socket, head, (websocket) => websocket.send('"chat"'));
      }
    });
    node.attach(server);
  });
  const chat = await SocketClient.open(t, `${url}/chat`);
  assert.equal(await chat.message(0), "chat");
  const ours = await SocketClient.open(t, `${url}/channels/a`);
  assert.equal((await ours.message(0)).control, "subscribed");
  const h2c = new RawClient(t, port).send(
    "GET /channels/a HTTP/1.1",
    "Host: localhost",
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "",
    "",
  );
  await h2c.receives('"channel":"a"');
});

test("attached, it does not make upgrades out of the application's requests", async (t) => {
  const { port } = await startApplication(t, (server, node) => node.attach(server));
  for (const protocol of ["h2c", "websocket"]) {
    const client = new RawClient(t, port).send(
      "GET /orders HTTP/1.1",
      "Host: localhost",
      "Connection: Upgrade",
      `Upgrade: ${protocol}`,
      "",
      "",
    );
    await client.receives("application /orders");
  }
});

test("attached, it leaves Expect: 100-continue to the application as it was", async (t) => {
  for (const own of [false, true]) {
    const { port } = await startApplication(t, (server, node) => {
      if (own) {
        server.on("checkContinue", (_request, response) => {
          response.writeHead(417).end("application refuses");
        });
      }
      node.attach(server);
    });
    const send = (path: string) =>
      new RawClient(t, port).send(
        `POST ${path} HTTP/1.1`,
        "Host: localhost",
        "Content-Type: text/plain",
        "Content-Length: 2",
        "Expect: 100-continue",
        "",
        "",
      );
    const theirs = send("/orders");
    await theirs.receives(own ? "application refuses" : "100 Continue");
    const ours = send("/channels/a");
    await ours.receives("100 Continue");
    ours.socket.write("hi");
    await ours.receives("201 Created");
  }
});

test("detached, everything is as it was before", async (t) => {
  let detach = () => {};
  const { url, server, holdfast } = await startApplication(t, (attached, node) => {
    detach = node.attach(attached);
  });
  detach();
  assert.deepEqual(server.listeners("request"), [application]);
  assert.deepEqual([server.listenerCount("upgrade"), server.listenerCount("checkContinue")], [0, 0]);
  assert.equal((await call(`${url}/channels/a`)).text, "application /channels/a");
  holdfast.attach(server);
  assert.equal((await call(`${url}/channels/a`)).json.channel, "a");
  await holdfast.close();
  assert.equal((await call(`${url}/channels/a`)).text, "application /channels/a");
});

test("as middleware it answers its own paths, and calls next for the others", async (t) => {
  const holdfasts: Holdfast[] = [];
  const { url } = await startApplication(
    t,
    (_server, node) => holdfasts.push(node),
    (request, response) => {
      // As Express does it for a router that is mounted under a path.
      if (!request.url?.startsWith("/live")) return void response.end("elsewhere");
      request.url = request.url.slice("/live".length) || "/";
      holdfasts[0]?.handler(request, response, () => response.end("next"));
    },
  );
  assert.equal((await post(`${url}/live/channels/a`, "1")).status, 201);
  assert.equal((await call(`${url}/live/channels/a`)).json.events.length, 1);
  assert.equal((await call(`${url}/live/other`)).text, "next");
  assert.equal((await call(`${url}/channels/a`)).text, "elsewhere");
});

test("as middleware behind a body parser it says what is wrong, instead of waiting for ever", async (t) => {
  const holdfasts: Holdfast[] = [];
  const { url, holdfast, log } = await startApplication(
    t,
    (_server, node) => holdfasts.push(node),
    (request, response) => {
      request.resume().on("end", () => holdfasts[0]?.handler(request, response));
    },
  );
  const { status, json } = await post(`${url}/channels/a`, "1");
  assert.deepEqual([status, json.code], [500, "internal"]);
  assert.match(String(log[0]?.error), /before any body parser/);
  assert.equal((await call(`${url}/other`)).json.code, "not_found");
  assert.equal(holdfast.stats().publishing, 0);
});

test("an upgrade can be handed over by whoever distributes them", async (t) => {
  const { url } = await startApplication(t, (server, node) => {
    server.on("upgrade", (request, socket, head) => {
      if (!node.upgrade(request, socket, head))
        socket.end("HTTP/1.1 418 Not here\r\nConnection: close\r\n\r\n");
    });
  });
  const ours = await SocketClient.open(t, `${url}/channels/a`);
  assert.equal((await ours.message(0)).control, "subscribed");
});

test("attached to HTTP/2 without TLS, it serves its paths there", async (t) => {
  const holdfast = createHoldfast();
  const server = createHttp2Server((_request, response) => {
    response.end("application");
  });
  holdfast.attach(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(async () => {
    session.destroy();
    await holdfast.close();
    server.close();
  });
  const get = async (path: string) => {
    const stream = session.request({ ":path": path }).setEncoding("utf8");
    let text = "";
    for await (const chunk of stream) text += chunk;
    return text;
  };
  assert.match(await get("/channels/a"), /"channel":"a"/);
  assert.equal(await get("/other"), "application");
});
