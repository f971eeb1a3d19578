import type { Command } from "commander";
import { addSettings } from "../options.ts";
import { readerSettings } from "../settings.ts";
import type { SubscribeFlags } from "../subscribing.ts";

const help = `
Of each event its data is printed, one event a line: JSON as JSON, text as it is, bytes in base64. Where several
channels are named a line begins with its channel and a tab. With --json a line is the whole event.

Without --after and --last it starts with what comes next. The connection is kept up whatever happens, and goes on where
it stopped: no event is missed or printed twice. Events that can no longer be had are told: on stderr, or with --json
as a line {"gap":{"channel","from","to","reason"}}. A closed channel ends it with 0, as a closed pipe does; with --json
its last line is {"end":{"channel","cursor"}}. An interrupted one says on stderr how to go on.

Examples:
  holdfast subscribe orders
  holdfast subscribe orders --last 10 --json | jq .data.total
  holdfast subscribe orders chat:lobby --after oldest
  holdfast subscribe orders --after k3v9x2a-17 --strict
  holdfast subscribe images --last 1 --count 1 --raw > photo.jpg
  HOLDFAST_TOKEN=… holdfast subscribe orders --via long-poll --url https://example.com`;

/** Declares `holdfast subscribe`. */
export function define(command: Command): void {
  command
    .description("Follows channels, and prints their events.")
    .argument("<channel...>", "their names")
    .option(
      "--after <cursor>",
      "start after a cursor, at oldest, or at latest; or each at its own, as in a=CURSOR,b=CURSOR",
    )
    .option("--last <number>", "start this many events before the newest of each channel")
    .option("-n, --count <number>", "end after this many events")
    .option("--json", "print whole events, and gaps, in JSON")
    .option("--raw", "print data as it is: no line breaks added, bytes not in base64; for one channel")
    .option("--strict", "end with 7 when events were lost");
  addSettings(command, readerSettings);
  command
    .option(
      "--config <file>",
      "config file (default: holdfast.config.ts if there is one) (env: HOLDFAST_CONFIG)",
    )
    .addHelpText("after", help)
    .action(async (channels: readonly string[], flags: SubscribeFlags) => {
      const { subscribe } = await import("../subscribing.ts");
      await subscribe(channels, flags);
    });
}
