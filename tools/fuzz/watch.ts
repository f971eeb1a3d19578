import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { FuzzReport } from "./engine.ts";

export interface WatchOptions {
  /** Where `targets` is exported. */
  readonly module: string;
  readonly name: string;
  readonly seed: number;
  readonly milliseconds: number;
  readonly executionsMax: number;
  /** How long one execution may take before it counts as a hang. */
  readonly hangMs: number;
}

export interface WorkerOrder extends Omit<WatchOptions, "hangMs"> {
  readonly memory: SharedArrayBuffer;
}

const inputBytesMax = 64 * 1024;

/** What a worker is at, in memory that can be read when the worker answers no more. */
export class Trace {
  readonly memory: SharedArrayBuffer;
  readonly #numbers: Int32Array;
  readonly #text: Uint8Array;

  constructor(memory = new SharedArrayBuffer(12 + inputBytesMax)) {
    this.memory = memory;
    this.#numbers = new Int32Array(memory, 0, 3);
    this.#text = new Uint8Array(memory, 12);
  }

  write(seed: number, input: string): void {
    const { written } = new TextEncoder().encodeInto(input, this.#text);
    this.#numbers[1] = seed;
    this.#numbers[2] = written;
    Atomics.add(this.#numbers, 0, 1);
  }

  get executions(): number {
    return Atomics.load(this.#numbers, 0);
  }

  read(): { seed: number; input: string } {
    const [, seed = 0, length = 0] = this.#numbers;
    // A decoder of text takes no shared memory.
    return { seed, input: new TextDecoder().decode(this.#text.slice(0, length)) };
  }
}

/** Runs a target in a thread of its own, which is ended when one execution hangs: that is a failure as well. */
export async function watch({ hangMs, ...order }: WatchOptions): Promise<FuzzReport> {
  const trace = new Trace();
  const worker = new Worker(new URL("./worker.ts", import.meta.url), {
    workerData: { ...order, memory: trace.memory } satisfies WorkerOrder,
  });
  const hang = Promise.withResolvers<FuzzReport>();
  let seen = 0;
  const watchdog = setInterval(() => {
    const { executions } = trace;
    // Before the first execution the worker is still loading.
    if (executions > 0 && executions === seen) {
      const error = `An execution took more than ${hangMs} ms.`;
      hang.resolve({ executions, failure: { ...trace.read(), error } });
    }
    seen = executions;
  }, hangMs);
  try {
    const answered = once(worker, "message").then(([report]) => report as FuzzReport);
    return await Promise.race([answered, hang.promise]);
  } finally {
    clearInterval(watchdog);
    await worker.terminate();
  }
}
