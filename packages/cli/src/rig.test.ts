import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createHoldfast, type HoldfastOptions } from "@holdfast/server";
import { generate } from "selfsigned";

const main = fileURLToPath(new URL("main.ts", import.meta.url));

export interface Result {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** All of stdin; without it stdin is empty, with `null` it stays open. */
  readonly input?: string | Uint8Array | null;
  /** How many files its process may open. */
  readonly filesMax?: number;
}

/** A folder that is gone after the test, with these files in it. */
export function folder(t: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const path = mkdtempSync(join(tmpdir(), "holdfast-cli-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

/** A running `holdfast`. */
export class Running {
  readonly process: ChildProcess;
  readonly exited: Promise<Result>;
  stdout = "";
  stderr = "";

  constructor(t: TestContext, args: readonly string[], { env = {}, cwd, input = "", filesMax }: RunOptions) {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(HOLDFAST_|NODE_|FORCE_COLOR)/.test(name),
    );
    const command = [process.execPath, main, ...args];
    const [program = "", ...rest] =
      filesMax === undefined ? command : ["sh", "-c", `ulimit -n ${filesMax}; exec "$@"`, "sh", ...command];
    const child = spawn(program, rest, {
      cwd: cwd ?? folder(t),
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: "pipe",
    });
    this.process = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    child.stdin.on("error", () => {});
    if (input !== null) child.stdin.end(input);
    this.exited = once(child, "close").then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
    t.after(async () => {
      child.kill("SIGKILL");
      await this.exited;
    });
  }

  /** Resolves with the match when it has been written; rejects when the process ends without it. */
  async says(stream: "stdout" | "stderr", pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this[stream]);
      if (match !== null) return match;
      const end = await Promise.race([once(this.process[stream] ?? this.process, "data"), this.exited]);
      if (Array.isArray(end)) continue;
      const last = pattern.exec(this[stream]);
      if (last !== null) return last;
      throw new Error(`holdfast ended (${end.code}) without saying ${pattern}:\n${end.stdout}${end.stderr}`);
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }
}

/** Starts `holdfast`; it is gone at the end of the test. */
export function start(t: TestContext, args: readonly string[], options: RunOptions = {}): Running {
  return new Running(t, args, options);
}

/** Runs `holdfast` to its end. */
export async function run(
  t: TestContext,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Result> {
  return await start(t, args, options).exited;
}

/** A server on a port of its own. */
export async function startServer(t: TestContext, args: readonly string[] = [], options: RunOptions = {}) {
  const server = start(t, ["serve", "--port", "0", ...args], options);
  const [, url = ""] = await server.says("stdout", /listens on (\S+)/);
  return { server, url, port: Number(new URL(url).port) };
}

/** A server in this process, closed at the end of the test, and where it is in the words of the environment. */
export async function serveHere(t: TestContext, options: HoldfastOptions = {}) {
  const holdfast = createHoldfast({ logger: () => {}, ...options });
  const { url } = await holdfast.listen({ port: 0 });
  t.after(() => holdfast.close({ deadlineMs: 0 }));
  return { holdfast, url, env: { HOLDFAST_URL: url } };
}

/** The events that a channel holds, oldest first. */
export async function eventsOf(
  url: string,
  channel: string,
  token?: string,
): Promise<Record<string, unknown>[]> {
  const events: Record<string, unknown>[] = [];
  const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  for (let after = "oldest"; ; ) {
    const answer = await fetch(`${url}/channels/${channel}?after=${after}&limit=1000`, { headers });
    const page = (await answer.json()) as {
      events: Record<string, unknown>[];
      cursor: string;
      more: boolean;
    };
    events.push(...page.events);
    after = page.cursor;
    if (!page.more) return events;
  }
}

/** Resolves when a condition holds; the test's own timeout is the only bound. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(5);
}

/** An address on this machine where nothing listens. */
export async function emptyUrl(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
}

/** A certificate for 127.0.0.1 that nobody signed, and a folder with it and its key. */
export async function selfSigned(t: TestContext) {
  const { cert, private: key } = await generate([{ name: "commonName", value: "localhost" }], {
    extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }],
  });
  return { cert, key, cwd: folder(t, { "cert.pem": cert, "key.pem": key }) };
}
