import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Answered, Asked, Operations } from "./operations.ts";

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export interface ChildOptions {
  /** For Node itself, as in `--cpu-prof`. */
  readonly execArgv?: readonly string[];
}

/** A process of the bench, which answers operations of the type `O`. */
export class Child<O extends Operations> {
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;

  /** Starts a process that calls `answerParent`. */
  constructor(file: URL, { execArgv = [] }: ChildOptions = {}) {
    this.#process = fork(file, { execArgv: [...execArgv], stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const { pid } = this.#process;
    if (pid === undefined) throw new Error(`${file.pathname} did not start.`);
    this.pid = pid;
    this.#process.on("message", (answer: Answered) => this.#answered(answer));
    this.#process.once("exit", (code, signal) => {
      const error = new Error(`A process of the bench ended by itself (${signal ?? code}).`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  /** Rejects with what went wrong in the process, or when it ends before it has answered. */
  async call<N extends keyof O & string>(
    name: N,
    ...given: Parameters<O[N]>
  ): Promise<Awaited<ReturnType<O[N]>>> {
    if (!this.#process.connected) throw new Error("A process of the bench is no longer there.");
    const asked: Asked = { id: this.#asked++, name, given: given[0] };
    const answer = new Promise<unknown>((resolve, reject) =>
      this.#waiting.set(asked.id, { resolve, reject }),
    );
    this.#process.send(asked);
    return (await answer) as Awaited<ReturnType<O[N]>>;
  }

  #answered(answer: Answered): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ("error" in answer) waiting?.reject(new Error(answer.error));
    else waiting?.resolve(answer.result);
  }

  /** Lets the process go, which ends it. Resolves when it has ended. */
  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    if (this.#process.connected) this.#process.disconnect();
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(timer);
  }
}
