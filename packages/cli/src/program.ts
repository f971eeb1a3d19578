import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { exitCodes } from "./exit-codes.ts";

/** A command's options and what it does, loaded only when it is named: most of what one needs the others do not. */
interface CommandModule {
  define(command: Command): void;
}

const commands: readonly { name: string; summary: string; load(): Promise<CommandModule> }[] = [
  { name: "serve", summary: "run a server", load: () => import("./commands/serve.ts") },
  { name: "publish", summary: "put events into a channel", load: () => import("./commands/publish.ts") },
  { name: "subscribe", summary: "follow channels", load: () => import("./commands/subscribe.ts") },
  { name: "token", summary: "sign a token, for development", load: () => import("./commands/token.ts") },
  { name: "key", summary: "make an API key", load: () => import("./commands/key.ts") },
  {
    name: "revoke",
    summary: "refuse a user, token or session everywhere",
    load: () => import("./commands/revoke.ts"),
  },
];

const help = `
Try it:
  holdfast serve                                  in one terminal
  holdfast subscribe orders --last 10             in another: what is published appears here
  holdfast publish orders '{"total":42}'          in a third

Settings come from flags, from HOLDFAST_* variables, and from holdfast.config.ts in the
working directory; the first that says something wins.

Exit codes:
  0  done                                5  the server refused what was asked
  1  a fault of this program             6  --if-match did not hold
  2  a mistake in what was given         7  events were lost, with --strict
  3  the server cannot be reached now    8  serve cannot listen there
  4  not authenticated, or forbidden     129, 130, 143  hung up, interrupted, terminated`;

/** The command line, with the commands that `args` may mean. */
async function defineProgram(args: readonly string[]): Promise<Command> {
  const program = new Command("holdfast")
    .description("Ordered events to everyone who watches a channel, none lost silently.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "explain a command, with examples")
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .addHelpText("after", help)
    .showHelpAfterError("(see holdfast --help)")
    .exitOverride();
  for (const { name, summary, load } of commands) {
    const command = program.command(name).summary(summary).helpOption("-h, --help", "print this help");
    command.exitOverride().showHelpAfterError(`(see holdfast help ${name})`);
    if (args.includes(name)) (await load()).define(command);
  }
  return program;
}

function version(): string {
  const manifest = readFileSync(manifestUrl(), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

/** Beside this file once built, one folder up from the source. */
function manifestUrl(): URL {
  return new URL(import.meta.url.endsWith(".ts") ? "../package.json" : "./package.json", import.meta.url);
}

/** Does what the arguments say. Resolves with the exit code; rejects with a `Failure`, or with what is our own fault. */
export async function run(args: readonly string[]): Promise<number> {
  const program = await defineProgram(args);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // It has already said what is wrong.
    return error.exitCode === 0 ? exitCodes.done : exitCodes.mistake;
  }
  return exitCodes.done;
}
