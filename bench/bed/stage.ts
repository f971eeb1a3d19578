import type { LoadOperations } from "../load/main.ts";
import type { Setting } from "../peer.ts";
import type { ServeOperations } from "../serve/main.ts";
import { Child } from "./child.ts";
import { startCpuClock } from "./cpu.ts";

export interface StageSpec extends Setting {
  readonly peer: string;
  readonly loads: number;
  /** For Node in the process of the server, as in `--cpu-prof`. */
  readonly execArgv?: readonly string[] | undefined;
}

/** Processor time in seconds; undefined where the system does not tell. */
export interface CpuTime {
  readonly serverCpuSeconds: number | undefined;
  readonly loadCpuSeconds: number | undefined;
  readonly loadProcesses: number;
}

const serveFile = new URL("../serve/main.ts", import.meta.url);
const loadFile = new URL("../load/main.ts", import.meta.url);

/** The processes of one run: a peer's server, and load generators. */
export class Stage {
  readonly serve: Child<ServeOperations>;
  readonly loads: readonly Child<LoadOperations>[];
  readonly port: number;
  /** The server's process, which is not always that of `serve`. */
  readonly pid: number;

  private constructor(
    serve: Child<ServeOperations>,
    loads: readonly Child<LoadOperations>[],
    address: { readonly port: number; readonly pid: number },
  ) {
    this.serve = serve;
    this.loads = loads;
    this.port = address.port;
    this.pid = address.pid;
  }

  /** Starts the server and the load generators, gives them to `use`, and ends them. */
  static async with<T>(
    { loads: count, execArgv = [], ...setting }: StageSpec,
    use: (stage: Stage) => Promise<T>,
  ): Promise<T> {
    const serve = new Child<ServeOperations>(serveFile, { execArgv });
    const loads = Array.from({ length: count }, () => new Child<LoadOperations>(loadFile));
    try {
      const address = await serve.call("serve", setting);
      return await use(new Stage(serve, loads, address));
    } finally {
      await Promise.all([serve, ...loads].map((child) => child.end()));
    }
  }

  /** Does something with every load generator at once. */
  async everyLoad<T>(what: (load: Child<LoadOperations>, index: number) => Promise<T>): Promise<T[]> {
    return await Promise.all(this.loads.map(what));
  }

  /** Begins to count processor time; returns what tells it. */
  startCpuClock(): () => CpuTime {
    const server = startCpuClock([this.pid]);
    const load = startCpuClock(this.loads.map(({ pid }) => pid));
    return () => ({ serverCpuSeconds: server(), loadCpuSeconds: load(), loadProcesses: this.loads.length });
  }
}
