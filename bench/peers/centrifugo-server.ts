import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { Served, Setting } from "../peer.ts";

interface Publish {
  readonly channel: string;
  readonly data: string;
}

const startTimeoutMs = 10_000;

/** Runs the binary with its defaults, but open to everybody on this machine. */
export async function serveCentrifugo(binary: string, { channels }: Setting): Promise<Served> {
  const port = await freePort();
  const env = {
    ...process.env,
    CENTRIFUGO_HTTP_SERVER_ADDRESS: "127.0.0.1",
    CENTRIFUGO_HTTP_SERVER_PORT: String(port),
    CENTRIFUGO_CLIENT_INSECURE: "true",
    CENTRIFUGO_CLIENT_CHANNEL_LIMIT: String(Math.max(128, channels)),
    CENTRIFUGO_HTTP_API_INSECURE: "true",
    CENTRIFUGO_HTTP_API_ERROR_MODE: "transport",
    CENTRIFUGO_HEALTH_ENABLED: "true",
    CENTRIFUGO_USAGE_STATS_DISABLED: "true",
    CENTRIFUGO_LOG_LEVEL: "error",
  };
  const child = spawn(binary, [], { env, stdio: ["ignore", "ignore", "inherit"] });
  process.once("exit", () => child.kill("SIGKILL"));
  const failed = once(child, "error").then(([error]) => Promise.reject(error as Error));
  failed.catch(() => {});
  await Promise.race([healthy(port), failed]);
  if (child.pid === undefined) throw new Error(`${binary} did not start.`);
  const api = new Api(port);
  return {
    port,
    pid: child.pid,
    publish: (channel, payload) => api.publish({ channel, data: payload }),
    // It has its own queues; a publisher waits for its acknowledgements.
    unsentBytes: () => 0,
    async close() {
      api.close();
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function healthy(port: number): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  while (performance.now() < deadline) {
    const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok === true) return;
    await sleep(20);
  }
  throw new Error("Centrifugo did not become healthy.");
}

/** Its HTTP API, by one connection that is kept: what is published in one go is one batch, and goes in order. */
class Api {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;
  #gathered: Publish[] = [];
  #sending: Promise<void> | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  publish(publish: Publish): Promise<void> {
    this.#gathered.push(publish);
    this.#sending ??= Promise.resolve().then(() => this.#send());
    return this.#sending;
  }

  async #send(): Promise<void> {
    const publishes = this.#gathered;
    this.#gathered = [];
    this.#sending = undefined;
    const [first] = publishes;
    if (publishes.length === 1) await this.#post("/api/publish", first);
    else await this.#post("/api/batch", { commands: publishes.map((publish) => ({ publish })) });
  }

  async #post(path: string, body: unknown): Promise<void> {
    const headers = { "Content-Type": "application/json" };
    const options = {
      method: "POST",
      host: "127.0.0.1",
      port: this.#port,
      path,
      headers,
      agent: this.#agent,
    };
    const outgoing = request(options);
    outgoing.end(JSON.stringify(body));
    const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
    const said = await text(answer);
    if (answer.statusCode !== 200) throw new Error(`Centrifugo answered ${answer.statusCode}: ${said}`);
  }

  close(): void {
    this.#agent.destroy();
  }
}
