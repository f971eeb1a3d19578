import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { folder, type Running, startServer, until } from "../rig.test.ts";

/** Opens connections that each ask something, and hears what each is told. */
function open(t: TestContext, port: number, count: number) {
  return Array.from({ length: count }, () => {
    const socket = connect(port, "127.0.0.1");
    const connection = { socket, received: "", isClosed: false };
    t.after(() => socket.destroy());
    socket.setEncoding("utf8").on("data", (text: string) => {
      connection.received += text;
    });
    // A connection that is cut off may be reset.
    socket
      .on("error", () => {})
      .on("close", () => {
        connection.isClosed = true;
      });
    socket.write("GET /channels/a HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n");
    return connection;
  });
}

type Connections = ReturnType<typeof open>;
const isServed = ({ received }: Connections[number]) =>
  /^HTTP\/1\.1 200.*Transfer-Encoding: chunked/is.test(received);
// As an EventSource would give up at a status. Rule CALM-6.
const isTold = ({ received }: Connections[number]) => /event: reconnect.*"overloaded"/s.test(received);

async function closed(sockets: readonly Socket[]): Promise<void> {
  await Promise.all(
    sockets.map((socket) => {
      socket.destroy();
      return socket.closed ? undefined : once(socket, "close");
    }),
  );
}

async function countedBy(server: Running): Promise<Record<string, number>> {
  const before = server.stderr.length;
  server.kill("SIGUSR2");
  await until(() => /"What is held right now\.".*\n/.test(server.stderr.slice(before)));
  return JSON.parse(/^.*"What is held right now\.".*$/m.exec(server.stderr.slice(before))?.[0] ?? "");
}

test("[BND-2] [ERR-2] where a process may open few files, connections beyond are refused and counted, and none hangs", async (t) => {
  const { server, port } = await startServer(t, [], { filesMax: 96 });
  assert.match(
    server.stderr,
    /"This node takes \d+ connections, fewer than connectionsMax, as its process may open 96 files\./,
  );
  const connections = open(t, port, 120);
  await until(() => connections.every((one) => isServed(one) || one.isClosed));
  const served = connections.filter(isServed);
  assert.ok(served.length >= 20 && served.length < 90, `${served.length} are served`);
  assert.ok(connections.some(isTold));
  assert.match(
    server.stderr,
    /"Connections are refused: this node takes at most \d+ \(its process may open 96 files\)\."/,
  );
  const { connectionsRefused, filesExhausted, readers } = await countedBy(server);
  assert.deepEqual([connectionsRefused, filesExhausted, readers], [120 - served.length, 0, served.length]);

  await closed(served.slice(0, 10).map(({ socket }) => socket));
  await until(async () => (await countedBy(server))["readers"] === served.length - 10);
  const later = open(t, port, 5);
  await until(() => later.every(isServed));
});

test("[SEE] when the application has taken all files that is said and counted, and all is well when it lets go", async (t) => {
  const cwd = folder(t, {
    "holdfast.config.mjs": `
      import { closeSync, openSync } from "node:fs";
      const taken = [];
      process.on("SIGHUP", () => {
        if (taken.length > 0) for (const file of taken.splice(0)) closeSync(file);
        else try { for (;;) taken.push(openSync("/dev/null", "r")); } catch {}
      });
      export default { open: true };`,
  });
  const { server, port } = await startServer(t, [], { filesMax: 96, cwd });
  const [before] = open(t, port, 1);
  await until(() => before !== undefined && isServed(before));
  server.kill("SIGHUP");
  await server.says("stderr", /No more files may be open in this process/);
  const dropped = open(t, port, 3);
  await until(() => dropped.every(({ isClosed }) => isClosed));
  assert.ok(((await countedBy(server))["filesExhausted"] ?? 0) >= 1);
  server.kill("SIGHUP");
  await server.says("stderr", /Files can be opened again/);
  const [after] = open(t, port, 1);
  await until(() => after !== undefined && isServed(after));
  assert.equal(before?.isClosed, false);
});
