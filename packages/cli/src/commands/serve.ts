import type { Command } from "commander";
import { addSettings, collect } from "../options.ts";
import type { ServeFlags } from "../serve-plan.ts";
import { serveSettings } from "../settings.ts";

const help = `
Every other setting of the server is set by its path in the config file:
  --set limits.eventBytesMax=65536              limits of the node
  --set namespaces.chat.retention.eventsMax=500 what the channels "chat:…" keep
  --set 'namespaces.*.mode=latest'              channels without a ":", and all namespaces after them
  --set close.noticeMs=5000                     how long readiness is red before clients are let go
  --set auth.tokens.audience=live               whom tokens must be for
  --set namespaces.news.access=public           who may read the channels "news:…"
HOLDFAST_SET takes several of them, separated by spaces.

With HOLDFAST_TOKEN_SECRET (at least 32 bytes) it takes tokens that are signed with it, as "holdfast token" does, and
nobody without; "auth" in the config file takes those of others, API keys, and says what anybody may do.

Examples:
  holdfast serve
  holdfast serve --port 0 --log silent
  holdfast serve --host 0.0.0.0 --open
  holdfast serve --workers auto
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
      const { serve } = await import("../serving.ts");
      await serve(flags, process.env, process.cwd());
    });
}
