import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { Bench } from "./bench/bench.ts";
import { createLaneNode, createLogs, createPageNode } from "./nodes.ts";
import { createAnswer } from "./requests.ts";
import { Site } from "./site/site.ts";
import { greet } from "./sources/chat.ts";
import { Jobs } from "./sources/job.ts";
import { publishMachine } from "./sources/machine.ts";

const host = "127.0.0.1";
const projectFolder = join(import.meta.dirname, "../..");

export interface Demo {
  /** Where to look, as in `http://127.0.0.1:7070/`. */
  readonly url: string;
  /** Lets every client go, ends the jobs, and frees the ports. */
  stop(): Promise<void>;
}

/** Starts everything; rejects with the system's error for a port that is taken. Port 0 takes any free one. */
export async function startDemo(wantedPort: number): Promise<Demo> {
  const broker = createLogs();
  const holdfast = createPageNode(broker);
  const server = createServer();
  const sockets = track(server);
  // A request may come before everything is there. A node takes its own paths, and leaves the rest to those before it.
  const ready = Promise.withResolvers<(request: IncomingMessage, response: ServerResponse) => void>();
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    void ready.promise.then((answer) => answer(request, response));
  });
  holdfast.attach(server);
  server.listen(wantedPort, host);
  await once(server, "listening");

  const { port } = server.address() as AddressInfo;
  const bench = await Bench.open(holdfast, () => createLaneNode(broker, port), wantedPort === 0 ? 0 : port);
  const jobs = new Jobs(holdfast, projectFolder);
  const lines = Object.values(bench.ports).map((line) => `${host}:${line}`);
  const connectSources = lines.flatMap((line) => [`http://${line}`, `ws://${line}`]);
  const site = await Site.build(import.meta.dirname, connectSources);
  const stopMachine = publishMachine(holdfast);
  await greet(holdfast);
  ready.resolve(createAnswer(site, bench, jobs));

  return {
    url: `http://${host}:${port}/`,
    async stop() {
      stopMachine();
      await jobs.stop();
      await bench.close();
      server.close();
      await holdfast.close({ deadlineMs: 1000 });
      for (const socket of sockets) socket.destroy();
      await broker.stop();
    },
  };
}

/** The open connections of a server, upgraded ones included. */
function track(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return sockets;
}
