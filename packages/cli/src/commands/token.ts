import type { Command } from "commander";
import { collect } from "../options.ts";
import type { TokenFlags } from "../signing.ts";

const help = `
The secret is HOLDFAST_TOKEN_SECRET, else the first one under auth.tokens.keys of the config file; issuer and audience
come from there as well, unless they are given here. Applications sign the tokens of their users themselves, with any
library for JWTs, or with signToken of @holdfast/server: docs/auth.md shows how.

A grant is actions and patterns of channels, each joined by commas, with a space between. Actions are read, publish,
presence, signal and admin. In a pattern * is any run of characters but ":", ** any run at all, {user} the user's id.

Examples:
  holdfast token --user ada --grant 'read,publish chat:*'
  holdfast token --user ada --grant 'read user:{user}' --grant 'read news' --for 8h
  HOLDFAST_TOKEN=$(holdfast token --grant 'read **') holdfast subscribe orders`;

/** Declares `holdfast token`. */
export function define(command: Command): void {
  command
    .description("Signs a token with HS256, for development, and prints it.")
    .option("--user <id>", "the user whose token it is; without it the token is nobody's")
    .option("--grant <grant>", "what it allows, as in 'read,publish chat:*'; may be repeated", collect)
    .option("--for <duration>", "how long it is valid: 30s, 15m, 8h or 1d (default: 1h)")
    .option("--session <id>", "the application's session with the user, by which it can be revoked")
    .option("--issuer <issuer>", "who it says has issued it")
    .option("--audience <audience>", "whom it says it is for")
    .option(
      "--config <file>",
      "config file (default: holdfast.config.ts if there is one) (env: HOLDFAST_CONFIG)",
    )
    .addHelpText("after", help)
    .action(async (flags: TokenFlags) => {
      const { printToken } = await import("../signing.ts");
      await printToken(flags, process.env, process.cwd());
    });
}
