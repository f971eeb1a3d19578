import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

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

  constructor(t: TestContext, args: readonly string[], { env = {}, cwd, input = "" }: RunOptions) {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(HOLDFAST_|NODE_|FORCE_COLOR)/.test(name),
    );
    const child = spawn(process.execPath, [main, ...args], {
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
