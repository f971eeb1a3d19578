import type { Command } from "commander";
import { exitCodes, Failure } from "../exit-codes.ts";
import { addSettings, collect } from "../options.ts";
import { stdout } from "../output.ts";
import type { ServeFlags, ServePlan } from "../serve-plan.ts";
import { serveSettings } from "../settings.ts";
import { systemCode, systemReason } from "../system-errors.ts";

const help = `
Every other setting of the server is set by its path in the config file:
  --set limits.eventBytesMax=65536              limits of the node
  --set namespaces.chat.retention.eventsMax=500 what the channels "chat:…" keep
  --set 'namespaces.*.mode=latest'              channels without a ":", and all namespaces after them
  --set close.noticeMs=5000                     how long readiness is red before clients are let go
HOLDFAST_SET takes several of them, separated by spaces.

Examples:
  holdfast serve
  holdfast serve --port 0 --log silent
  holdfast serve --host 0.0.0.0 --open
  holdfast serve --tls-cert cert.pem --tls-key key.pem
  HOLDFAST_PORT=8080 HOLDFAST_SET="limits.heartbeatMs=5000" holdfast serve

A config file, found in the working directory:
  // holdfast.config.ts
  export default {
    port: 7070,
    authenticate: (token) => (token === process.env.SECRET ? { user: "ada" } : null),
    authorize: (principal, action, channel) => action === "read" || channel.startsWith("chat:"),
    namespaces: { chat: { retention: { ageMsMax: 3_600_000 } } },
  };

The first SIGINT or SIGTERM lets every client go in peace, the second leaves at once.`;

/** Declares `holdfast serve`. */
export function define(command: Command): void {
  command.description(
    "Runs a server. Its channels live in this process and end with it, unless the config file gives a broker.",
  );
  addSettings(command, serveSettings);
  command
    .option(
      "--config <file>",
      "config file (default: holdfast.config.ts if there is one) (env: HOLDFAST_CONFIG)",
    )
    .option("--set <path=value>", "any other setting; may be repeated (env: HOLDFAST_SET)", collect)
    .addHelpText("after", help)
    .action(async (flags: ServeFlags) => {
      const { planServer } = await import("../serve-plan.ts");
      const plan = await planServer(flags, process.env, process.cwd());
      await serve(plan);
    });
}

async function serve(plan: ServePlan): Promise<void> {
  const asked = firstSignal();
  const { holdfast, listen, logger, admits } = plan;
  const url = await holdfast.listen(listen).then(
    (listening) => listening.url,
    async (error: unknown) => {
      await holdfast.close();
      throw cannotListen(error, listen);
    },
  );
  await stdout.write(`Holdfast listens on ${url} (${admits})\n`);
  const signal = await asked;
  logger({ level: "info", message: "Closing; the same signal again leaves at once.", signal });
  await holdfast.close(plan.close);
}

/** Resolves at the first signal to leave; the second one leaves. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    const leave = (code: number) => (signal: NodeJS.Signals) => {
      if (asked) process.exit(code);
      asked = true;
      resolve(signal);
    };
    process.on("SIGINT", leave(exitCodes.interrupted));
    process.on("SIGTERM", leave(exitCodes.terminated));
  });
}

function cannotListen(error: unknown, { host, port }: ServePlan["listen"]): unknown {
  const fail = (sentence: string) => new Failure(exitCodes.cannotListen, sentence, error);
  switch (systemCode(error)) {
    case "EADDRINUSE":
      return fail(
        `Port ${port} of ${host} is in use, perhaps by another server of this kind. Choose another with --port, or any free one with --port 0.`,
      );
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
