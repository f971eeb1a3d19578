import { createHoldfast, type Holdfast, type Logger } from "@holdfast/server";
import {
  createPrimary,
  Place,
  type Primary,
  type PrimaryOptions,
  WorkersError,
  workerNumber,
} from "@holdfast/server/workers";
import { exitCodes, Failure } from "./exit-codes.ts";
import { stdout } from "./output.ts";
import { type Create, planServer, type ServeFlags, type ServePlan } from "./serve-plan.ts";
import { notifyServiceManager } from "./service-manager.ts";
import type { Sources } from "./settings.ts";
import { Signals } from "./signals.ts";
import { systemCode, systemReason } from "./system-errors.ts";

/** Runs a server until it is asked to leave: alone, as the primary of workers, or as one of these. */
export async function serve(flags: ServeFlags, env: Sources["env"], cwd: string): Promise<void> {
  if (workerNumber() !== undefined) {
    const place = await Place.take();
    const { server, close } = await planServer(flags, env, cwd, (options) => place.create(options));
    await place.serve(server, { close });
    return;
  }
  const signals = new Signals();
  const create: Create<Holdfast | Primary> = (options, workers) =>
    workers === undefined ? createHoldfast(options) : createPrimary(options, sameProgram(workers));
  await serveUntilAsked(await planServer(flags, env, cwd, create), signals, env);
}

/** Workers do what this process was called to do, and find out that they are some. */
function sameProgram(workers: number): PrimaryOptions {
  const [, script = "", ...args] = process.argv;
  return { workers, script, args };
}

async function serveUntilAsked(
  plan: ServePlan<Holdfast | Primary>,
  signals: Signals,
  env: Sources["env"],
): Promise<void> {
  const { server, listen, logger, admits, close } = plan;
  const url = await server.listen(listen).then(
    (listening) => listening.url,
    async (error: unknown) => {
      await server.close();
      throw cannotListen(error, listen);
    },
  );
  signals.serving(() => reload(plan));
  process.on("SIGUSR2", () => void logStats(server, logger));
  await stdout.write(`Holdfast listens on ${url} (${admits})\n`);
  await notifyServiceManager("ready", env, logger);
  const { asked } = signals;
  const signal = await Promise.race("failed" in server ? [asked, server.failed] : [asked]).catch(
    async (error: unknown) => {
      await server.close();
      throw error instanceof WorkersError ? cannotServe(error) : error;
    },
  );
  logger({ level: "info", message: "Closing; the same signal again leaves at once.", signal });
  void notifyServiceManager("stopping", env, logger);
  await server.close(close);
}

/** Tells what each process holds and does, one line for each. */
async function logStats(server: Holdfast | Primary, logger: Logger): Promise<void> {
  const stats = await server.stats();
  const lines = "workers" in stats ? stats.workers : [stats];
  for (const line of lines) logger({ level: "info", message: "What is held right now.", ...line });
  if (!("workers" in stats)) return;
  const { workers: _, ...log } = stats;
  logger({ level: "info", message: "What the primary holds right now.", ...log });
}

/** Reads certificate and key anew; connections that are made from now on get to see them. */
function reload({ server, logger, readTls }: ServePlan<Holdfast | Primary>): void {
  const mistakes: string[] = [];
  const { cert, key } = readTls(mistakes);
  if (mistakes.length > 0) {
    for (const message of mistakes) logger({ level: "error", message });
  } else if (cert === undefined || key === undefined) {
    logger({ level: "info", message: "There is nothing to read anew: no certificate is configured." });
  } else {
    server.renewCertificate({ cert, key });
    logger({ level: "info", message: "New connections get the certificate as it is now." });
  }
}

function cannotServe(error: WorkersError): Failure {
  return new Failure(exitCodes.unavailable, error.message, error);
}

function cannotListen(error: unknown, { host, port }: ServePlan<unknown>["listen"]): unknown {
  const fail = (sentence: string) => new Failure(exitCodes.cannotListen, sentence, error);
  if (error instanceof WorkersError) return cannotServe(error);
  switch (systemCode(error)) {
    case "EADDRINUSE": {
      const { port: taken = port } = error as { port?: number };
      if (taken !== port)
        return fail(
          `Port ${taken} is in use, which is to be that for operations. Choose another with --set operations.port=….`,
        );
      return fail(
        `Port ${port} of ${host} is in use, perhaps by another server of this kind. Choose another with --port, or any free one with --port 0.`,
      );
    }
    case "EACCES":
      return fail(
        `Port ${port} of ${host} may not be used by this user: ports below 1024 are often reserved. Choose another with --port.`,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return fail(`Cannot listen on ${host}: ${systemReason(error)}. Choose another with --host.`);
    default:
      return error;
  }
}
