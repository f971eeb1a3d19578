import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { FakeServer } from "./fake-server.test.ts";

const client = new URL("index.ts", import.meta.url).href;

/** Runs a program of the client in a process of its own, which must come to its end by itself. */
async function runToItsEnd(program: string): Promise<string> {
  const text = `import { connect } from ${JSON.stringify(client)};\n${program}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", text], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (piece) => (output += piece));
  const [code] = await once(child, "close");
  assert.equal(code, 0);
  return output;
}

for (const transport of ["websocket", "sse", "long-poll", "poll"]) {
  test(`after close() nothing of ${transport} keeps the process alive`, async () => {
    const server = await FakeServer.start();
    const output = await runToItsEnd(`
      const client = connect(${JSON.stringify(server.url)}, { transports: [${JSON.stringify(transport)}] });
      const subscription = client.subscribe("a");
      await subscription.ready;
      await client.publish("a", 1);
      for await (const event of subscription) {
        console.log(event.data);
        client.close();
      }
    `);
    assert.equal(output, "1\n");
    await server.stop();
  });
}

test("nor does a server that no longer answers anything", async () => {
  const server = await FakeServer.start();
  server.onSay = ({ type }, session) => {
    // From here on it is deaf: a close is not answered, and nothing is cut.
    if (type === "subscribed") queueMicrotask(() => session.socket.removeAllListeners("data").pause());
    return false;
  };
  await runToItsEnd(`
    const client = connect(${JSON.stringify(server.url)}, { transports: ["websocket"] });
    await client.subscribe("a").ready;
    client.close();
  `);
  await server.stop();
});

test("nor one that never answered", async () => {
  const server = createServer(() => {}).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  for (const transport of ["websocket", "sse", "poll"]) {
    await runToItsEnd(`
      const client = connect("http://127.0.0.1:${address.port}", { transports: [${JSON.stringify(transport)}] });
      client.subscribe("a");
      client.publish("a", 1);
      setTimeout(() => client.close(), 50);
    `);
  }
  server.close();
});

test("left alone, a client whose last user has gone lets the process end", async () => {
  const server = await FakeServer.start();
  await runToItsEnd(`
    const client = connect(${JSON.stringify(server.url)}, { need: "duplex", timing: { lingerMs: 10 } });
    await client.publish("a", 1);
  `);
  assert.equal(server.head("a"), 1);
  await server.stop();
});
