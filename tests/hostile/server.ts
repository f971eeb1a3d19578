import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createHoldfast, type Stats } from "@holdfast/server";
import { createPrimary } from "@holdfast/server/workers";
import { type Ask, type Held, optionsOf, type Serving, type Setting, type Told } from "./setting.ts";

// The process under attack. Whatever is thrown in it that nobody handles is its end, and its exit code says so.

interface Server {
  readonly serving: Serving;
  held(): Promise<Held>;
  stop(): Promise<void>;
}

function heldOf(stats: Stats): Held {
  const { connections, sessions, readers, waiters, publishing, unsentBytes } = stats;
  return { connections, sessions, readers, waiters, publishing, unsentBytes, replaced: 0 };
}

async function single(setting: Setting): Promise<Server> {
  const holdfast = createHoldfast(optionsOf(setting));
  const { url: plain } = await holdfast.listen({ port: 0 });
  const { cert, key } = setting;
  const secure =
    cert === undefined || key === undefined
      ? {}
      : { secure: (await holdfast.listen({ port: 0, host: "localhost", cert, key })).url };
  return {
    serving: { plain, ...secure },
    held: async () => heldOf(holdfast.stats()),
    stop: () => holdfast.close({ spreadMs: 0, deadlineMs: 2000 }),
  };
}

/** A server that is somebody else's, and has its own paths. */
async function attached(setting: Setting): Promise<Server> {
  const holdfast = createHoldfast(optionsOf(setting));
  const { headersTimeoutMs, headersBytesMax } = setting.options.limits ?? {};
  const server = createServer(
    {
      ...(headersBytesMax === undefined ? {} : { maxHeaderSize: headersBytesMax }),
      ...(headersTimeoutMs === undefined
        ? {}
        : { headersTimeout: headersTimeoutMs, connectionsCheckingInterval: headersTimeoutMs / 4 }),
    },
    (_request, response) => response.writeHead(200).end("the application's own"),
  );
  let connections = 0;
  server.on("connection", (socket) => {
    connections++;
    socket.once("close", () => connections--);
  });
  holdfast.attach(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    serving: { plain: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    held: async () => ({ ...heldOf(holdfast.stats()), connections }),
    stop: async () => {
      await holdfast.close({ spreadMs: 0, deadlineMs: 2000 });
      server.closeAllConnections();
      server.close();
    },
  };
}

async function severalWorkers(setting: Setting): Promise<Server> {
  const script = join(import.meta.dirname, "worker.ts");
  const primary = createPrimary(optionsOf(setting), { workers: 2, script, args: [JSON.stringify(setting)] });
  const { url: plain } = await primary.listen({ port: 0 });
  return {
    serving: { plain },
    held: async () => {
      const { workers } = await primary.stats();
      const all = workers.flatMap(({ stats }) => (stats === undefined ? [] : [heldOf(stats)]));
      const total = (name: keyof Held) => all.reduce((sum, held) => sum + held[name], 0);
      return {
        connections: total("connections"),
        sessions: total("sessions"),
        readers: total("readers"),
        waiters: total("waiters"),
        publishing: total("publishing"),
        unsentBytes: total("unsentBytes"),
        replaced: workers.reduce((sum, { replaced }) => sum + replaced, 0),
      };
    },
    stop: () => primary.close({ spreadMs: 0, deadlineMs: 2000 }),
  };
}

const setting = JSON.parse(process.argv[2] ?? "{}") as Setting;
const start = { plain: single, secure: single, attached, workers: severalWorkers }[setting.bed];
const server = await start(setting);

function tell(told: Told): void {
  process.send?.(told);
}

function heapBytes(): number {
  global.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function answer(ask: Ask): Promise<void> {
  switch (ask) {
    case "held":
      tell({ held: await server.held() });
      return;
    case "heap":
      tell({ heapBytes: heapBytes() });
      return;
    case "stop":
      await server.stop();
      process.disconnect?.();
      return;
  }
}

process.on("message", (ask: Ask) => void answer(ask));
tell({ serving: server.serving });
