import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runScenario } from "../run.ts";
import { fanOut } from "../scenarios/fan-out.ts";
import { publishing } from "../scenarios/publishing.ts";
import { centrifugo } from "./centrifugo.ts";

// Speaks just enough of Centrifugo's protocol and server API, as its documentation describes them, to be measured.
const standIn = `#!${process.execPath}
const { createServer } = require("node:http");
const { WebSocketServer } = require("ws");
const rooms = new Map();
const publish = ({ channel, data }) => {
  const push = JSON.stringify({ push: { channel, pub: { data } } });
  for (const client of rooms.get(channel) ?? []) client.send(push);
};
const server = createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  if (request.url === "/api/publish") publish(JSON.parse(body));
  else if (request.url === "/api/batch") for (const command of JSON.parse(body).commands) publish(command.publish);
  else if (request.url !== "/health") response.statusCode = 404;
  response.end("{}");
});
new WebSocketServer({ server, path: "/connection/websocket" }).on("connection", (client) => {
  client.on("error", () => {});
  client.on("message", (message) => {
    for (const line of String(message).split("\\n")) {
      const { id, connect, subscribe } = JSON.parse(line);
      if (connect) client.send(JSON.stringify({ id, connect: { client: "a", ping: 25, pong: true } }));
      if (!subscribe) continue;
      const room = rooms.get(subscribe.channel) ?? new Set();
      rooms.set(subscribe.channel, room.add(client));
      client.on("close", () => room.delete(client));
      client.send(JSON.stringify({ id, subscribe: {} }));
    }
  });
});
server.listen(process.env.CENTRIFUGO_HTTP_SERVER_PORT, process.env.CENTRIFUGO_HTTP_SERVER_ADDRESS);
`;

const size = { scale: 0.002, windowMs: 30, warmUpMs: 10 };
const options = { size, runs: 1, execArgv: () => [] };

test("without a path to its binary it is left out, and it is said why", async () => {
  const path = process.env.HOLDFAST_BENCH_CENTRIFUGO;
  delete process.env.HOLDFAST_BENCH_CENTRIFUGO;
  try {
    const { runs, refusals } = await runScenario(fanOut, [centrifugo], options);
    assert.deepEqual(runs, []);
    assert.deepEqual(refusals, [
      { peer: "centrifugo", reason: "HOLDFAST_BENCH_CENTRIFUGO, the path of its binary, is not set" },
    ]);
  } finally {
    if (path !== undefined) process.env.HOLDFAST_BENCH_CENTRIFUGO = path;
  }
});

test("a binary is run, published to singly and in batches, and read from", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const binary = join(folder, "centrifugo.cjs");
  const ws = JSON.stringify(import.meta.resolve("ws").replace("file://", ""));
  writeFileSync(binary, standIn.replace('"ws"', ws));
  chmodSync(binary, 0o755);
  const before = process.env.HOLDFAST_BENCH_CENTRIFUGO;
  process.env.HOLDFAST_BENCH_CENTRIFUGO = binary;
  t.after(() => {
    if (before === undefined) delete process.env.HOLDFAST_BENCH_CENTRIFUGO;
    else process.env.HOLDFAST_BENCH_CENTRIFUGO = before;
  });
  for (const scenario of [fanOut, publishing]) {
    const oneTrial = { ...scenario, trials: (given: typeof size) => scenario.trials(given).slice(0, 1) };
    const { runs } = await runScenario(oneTrial, [centrifugo], options);
    for (const { failure, observations } of runs) {
      assert.equal(failure, undefined);
      assert.ok(observations.length > 0);
      assert.deepEqual(
        observations.flatMap(({ notes }) => notes),
        [],
      );
      assert.ok(observations.every(({ lost }) => lost === 0));
    }
    assert.equal(runs.length, 1);
  }
});
