import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { folder, type Running, run, selfSigned, startServer, until } from "../rig.test.ts";

/** The lines of the log so far. */
function entries({ stderr }: Running): Record<string, unknown>[] {
  const whole = stderr.slice(0, stderr.lastIndexOf("\n") + 1);
  return whole.split("\n").flatMap((line) => (line.startsWith("{") ? JSON.parse(line) : []));
}

/** Asks the primary what its workers hold, and returns their processes. */
async function workersOf(server: Running): Promise<number[]> {
  const before = entries(server).length;
  server.kill("SIGUSR2");
  const counted = () =>
    entries(server)
      .slice(before)
      .filter(({ pid, stats }) => pid !== undefined && stats !== undefined);
  await until(() =>
    entries(server)
      .slice(before)
      .some(({ followed }) => followed !== undefined),
  );
  return counted().map(({ pid }) => pid as number);
}

function publish(url: string): Promise<Response> {
  return fetch(`${url}/channels/a`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Connection: "close" },
    body: "1",
  });
}

async function cursors(url: string): Promise<Set<string>> {
  const answers = await Promise.all(
    Array.from({ length: 6 }, async () => (await publish(url)).json() as Promise<{ cursor: string }>),
  );
  return new Set(answers.map(({ cursor }) => cursor));
}

test("[ACK] several workers serve one port and one log", async (t) => {
  const { server, url } = await startServer(t, ["--workers", "2"]);
  assert.equal((await workersOf(server)).length, 2);
  assert.equal((await cursors(url)).size, 6);
  const { events } = (await (await fetch(`${url}/channels/a?after=oldest`)).json()) as { events: unknown[] };
  assert.equal(events.length, 6);
});

test("[SEE] a worker that dies is replaced, the log survives it, and what is logged names the worker", async (t) => {
  const cwd = folder(t, {
    "holdfast.config.mjs": `export default {
      authenticate: () => { throw new Error("no idea"); },
      authorize: () => true,
    };`,
  });
  const { server, url } = await startServer(t, ["--workers", "1"], { cwd });
  assert.equal((await fetch(`${url}/channels/a`)).status, 503);
  await until(() =>
    entries(server).some(({ message, worker }) => message === '"authenticate" failed.' && worker === 1),
  );
  const [before] = await workersOf(server);
  assert.ok(before !== undefined);
  process.kill(before, "SIGKILL");
  await until(async () => {
    const [now] = await workersOf(server);
    return now !== undefined && now !== before;
  });
  assert.equal((await fetch(`${url}/health/live`)).status, 200);
  const ended = entries(server).find(({ message }) => message === "A worker ended; another takes its place.");
  assert.deepEqual([ended?.["worker"], ended?.["pid"], ended?.["how"]], [1, before, "SIGKILL"]);
});

for (const target of ["the primary", "everybody"] as const) {
  test(`[CALM] SIGTERM to ${target} lets every client of every worker go in peace and ends with 0`, async (t) => {
    const { server, url } = await startServer(t, ["--workers", "2"]);
    const streams = await Promise.all(
      Array.from({ length: 4 }, () =>
        fetch(`${url}/channels/a`, { headers: { Accept: "text/event-stream" } }),
      ),
    );
    const workers = await workersOf(server);
    server.kill("SIGTERM");
    if (target === "everybody") for (const pid of workers) process.kill(pid, "SIGTERM");
    for (const stream of streams) assert.match(await stream.text(), /^event: reconnect$/m);
    const { code, stderr } = await server.exited;
    assert.equal(code, 0);
    assert.doesNotMatch(stderr, /"level":"(warn|error)"/);
  });
}

test("[CALM] SIGTERM to one worker lets its clients go in peace, and another takes its place", async (t) => {
  const { server } = await startServer(t, ["--workers", "2"]);
  const [asked = 0, other] = await workersOf(server);
  process.kill(asked, "SIGTERM");
  await until(async () => {
    const now = await workersOf(server);
    return now.length === 2 && !now.includes(asked) && now.includes(other ?? 0);
  });
  assert.doesNotMatch(server.stderr, /"level":"(warn|error)"/);
});

test("a second SIGTERM ends the primary and its workers at once", async (t) => {
  const { server } = await startServer(t, ["--workers", "2", "--set", "close.noticeMs=600000"]);
  const workers = await workersOf(server);
  server.kill("SIGTERM");
  await server.says("stderr", /Closing/);
  server.kill("SIGTERM");
  assert.equal((await server.exited).code, 143);
  await until(() => workers.every((pid) => !isAlive(pid)));
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function refusals(t: TestContext, args: readonly string[], files: Record<string, string> = {}) {
  const { code, stdout, stderr } = await run(t, ["serve", "--port", "0", "--workers", "2", ...args], {
    cwd: folder(t, files),
  });
  return { code, stdout, lines: stderr.trimEnd().split("\n") };
}

test("mistakes are told once, and not by each worker", async (t) => {
  assert.deepEqual(await refusals(t, ["--set", "limits.heartbeatMs=often", "--tls-key", "key.pem"]), {
    code: 2,
    stdout: "",
    lines: [
      "holdfast: --tls-key needs --tls-cert as well.",
      'holdfast: --set limits.heartbeatMs=often: The option "limits.heartbeatMs" must be a whole number from 1 up.',
    ],
  });
  const { code, lines } = await refusals(t, ["--workers", "0"]);
  assert.deepEqual(
    [code, lines],
    [2, ['holdfast: --workers must be auto or a whole number from 1 to 1024, not "0".']],
  );
});

test("where no worker can serve that is said once, and the end is 3", async (t) => {
  const { code, stdout, lines } = await refusals(t, ["--log", "json"], {
    "holdfast.config.mjs": `
      if (process.env.HOLDFAST_WORKER_NUMBER) throw new Error("not here");
      export default {};`,
  });
  assert.deepEqual([code, stdout], [3, ""]);
  assert.equal(lines.filter((line) => line.includes("not here")).length, 1);
  assert.equal(lines.at(-1), "holdfast: The first worker ended before it served; it has said why.");
});

test("a port in use is told before any worker is started", async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  t.after(() => taken.close());
  await once(taken, "listening");
  const { port } = taken.address() as { port: number };
  const { code, stderr } = await run(t, ["serve", "--workers", "2", "--port", `${port}`]);
  assert.equal(code, 8);
  assert.match(stderr, /^holdfast: Port \d+ of 127\.0\.0\.1 is in use, .*\n$/);
});

test("workers speak TLS as well", async (t) => {
  const { cwd } = await selfSigned(t);
  const { url } = await startServer(t, ["--workers", "2", "--tls-cert", "cert.pem", "--tls-key", "key.pem"], {
    cwd,
  });
  assert.match(url, /^https:/);
  const { Agent, request } = await import("node:https");
  for (let count = 0; count < 4; count++) {
    const sent = request(`${url}/health/ready`, { rejectUnauthorized: false, agent: new Agent() }).end();
    const [response] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
    response.resume();
    assert.equal(response.statusCode, 200);
  }
});
