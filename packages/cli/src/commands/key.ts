import type { Command } from "commander";
import type { KeyFlags } from "../key-making.ts";
import { collect } from "../options.ts";

const help = `
The first line is the key, which only its owner keeps: the server's config has its hash. The second line belongs into
the config file, under auth.keys. What a grant is, "holdfast help token" says.

Examples:
  holdfast key --id shop --grant 'publish orders:*'
  holdfast key --id shop --user shop --grant 'read,publish orders:*' --grant 'admin orders:**'
  HOLDFAST_TOKEN=hfk_shop_… holdfast publish orders:1 '{"total":42}'`;

/** Declares `holdfast key`. */
export function define(command: Command): void {
  command
    .description("Makes an API key for a server of yours, and prints it with its line of the config file.")
    .requiredOption("--id <id>", "names the key: 1 to 40 of A-Z a-z 0-9 . -")
    .option("--user <id>", "the user in whose name it publishes")
    .option("--grant <grant>", "what it allows, as in 'publish orders:*'; may be repeated", collect)
    .addHelpText("after", help)
    .action(async (flags: KeyFlags) => {
      const { printKey } = await import("../key-making.ts");
      await printKey(flags);
    });
}
