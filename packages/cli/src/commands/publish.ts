import type { Command } from "commander";
import { addSettings } from "../options.ts";
import type { PublishFlags } from "../publishing.ts";
import { clientSettings } from "../settings.ts";

const help = `
DATA is JSON; --text takes it as text instead. With - every line of stdin is one event: JSON, text with --text, or with
--events a whole event such as {"data":{"total":42},"type":"order.paid","key":"order-7"}. What is there is published at
once and in order, and the next lines are read when that is in the log.

For each event its cursor is printed: the position just after it. With an id a retry is safe: an id that the channel
knows (the last 1,000 of the last 2 minutes, unless configured otherwise) appends nothing and is answered as the first
time. With - the ids of the lines are ID:1, ID:2, and so on; without --id they are drawn at random.

Examples:
  holdfast publish orders '{"total":42}'
  holdfast publish orders '{"total":42}' --type order.paid --key order-7 --id 01J9
  holdfast publish notes --text 'no quotes needed'
  holdfast publish temperature -- -5
  holdfast publish images --file photo.jpg --bytes
  seq 1 10000 | holdfast publish numbers - --quiet
  holdfast subscribe orders --last 10 --count 10 --json | holdfast publish copy - --events
  holdfast publish counter 8 --if-match "$(holdfast publish counter 7)"`;

/** Declares `holdfast publish`. */
export function define(command: Command): void {
  command
    .description("Puts events into a channel, and says where they are.")
    .argument("<channel>", "its name: 1 to 128 of A-Z a-z 0-9 _ . : @ -")
    .argument("[data]", "the event's data in JSON, or - for one event a line on stdin")
    .option("--text", "the data is text, not JSON")
    .option("--bytes", "the data is bytes; needs --file")
    .option("--events", "with -: each line is an event with its labels, not its data alone")
    .option("--file <file>", "the data is all that is in a file; - is stdin")
    .option("--type <type>", "the event's type: 1 to 64 of A-Z a-z 0-9 _ . : -")
    .option("--key <key>", "what the event is about: of each key the newest is the channel's state")
    .option("--id <id>", "the event's id, which makes publishing it again safe")
    .option("--if-match <cursor>", "publish only if nothing came after this cursor, else end with 6")
    .option("--timeout <seconds>", "how long to try, for each event or batch (default: 30)")
    .option("--json", "print the server's answer, not the cursor alone")
    .option("-q, --quiet", "print nothing");
  addSettings(command, clientSettings);
  command
    .option(
      "--config <file>",
      "config file (default: holdfast.config.ts if there is one) (env: HOLDFAST_CONFIG)",
    )
    .addHelpText("after", help)
    .action(async (channel: string, data: string | undefined, flags: PublishFlags) => {
      const { publish } = await import("../publishing.ts");
      await publish(channel, data, flags);
    });
}
