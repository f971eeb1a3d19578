import type { Command } from "commander";
import { addSettings } from "../options.ts";
import type { RevokeFlags } from "../revoking.ts";
import { adminSettings } from "../settings.ts";

const help = `
What is revoked is refused by every node, and connections that are open end within a second. It is remembered until all
tokens that it concerns would have expired; a token that is issued later is let in.

The token that is given needs the right "admin" on holdfast.control:revocations; with --changed, on
holdfast.control:permissions.

Examples:
  holdfast revoke --user ada                 all that was issued to her so far
  holdfast revoke --token-id 01J9            one token, by its claim "jti"
  holdfast revoke --session k3v9x2ab-1f      a session (claim "sid"), or one connection, as logs and "welcome" name it
  holdfast revoke --user ada --for 3600      forgotten after an hour, where tokens live no longer
  holdfast revoke --user ada --changed       takes nothing back, but has all nodes ask anew what she may do
  holdfast revoke --list                     what is revoked now`;

/** Declares `holdfast revoke`. */
export function define(command: Command): void {
  command
    .description("Refuses a user, a token or a session on every node, and ends their connections.")
    .option("--user <id>", "all that was issued to this user")
    .option("--token-id <id>", 'the token with this id (claim "jti")')
    .option("--session <id>", 'the session (claim "sid"), or the connection, with this id')
    .option("--for <seconds>", "how long it is remembered, if not for as long as any token could need it")
    .option("--changed", "with --user: have nodes ask anew what the user may do, and revoke nothing")
    .option("--list", "print what is revoked")
    .option("--json", "print the server's answer");
  addSettings(command, adminSettings);
  command
    .option(
      "--config <file>",
      "config file (default: holdfast.config.ts if there is one) (env: HOLDFAST_CONFIG)",
    )
    .addHelpText("after", help)
    .action(async (flags: RevokeFlags) => {
      const { revoke } = await import("../revoking.ts");
      await revoke(flags);
    });
}
