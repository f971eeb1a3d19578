import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const main = join(import.meta.dirname, "../examples/demo/main.ts");

/** The process that `npm start` runs. */
export class DemoProcess {
  readonly process: ChildProcess;
  output = "";
  errors = "";

  constructor(port: number, variables: Readonly<Record<string, string>> = {}) {
    const args = [main, "--port", String(port)];
    const env = { ...process.env, ...variables };
    this.process = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], env });
    this.process.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
    });
    this.process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.errors += text;
    });
  }

  /** Resolves with the address that its one line names; rejects with what it said when it ended instead. */
  async address(): Promise<string> {
    const ended = this.ended().then(() => {
      throw new Error(`The demo ended: ${this.errors}`);
    });
    ended.catch(() => {});
    while (!this.output.includes("\n")) await Promise.race([once(this.process.stdout!, "data"), ended]);
    const [address] = /http:\/\/127\.0\.0\.1:\d+\//.exec(this.output) ?? [];
    if (address === undefined) throw new Error(`The demo said "${this.output}".`);
    return address;
  }

  /** Resolves with its exit code once it has said its last. */
  async ended(): Promise<number | null> {
    const [code] = (await once(this.process, "close")) as [number | null];
    return code;
  }

  /** Asks it to end, and resolves with its exit code. */
  async end(): Promise<number | null> {
    if (this.process.exitCode !== null) return this.process.exitCode;
    const ended = this.ended();
    this.process.kill("SIGTERM");
    return await ended;
  }
}
