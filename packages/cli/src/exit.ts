import { HoldfastError } from "@holdfast/protocol";
import { exitCodeOf, exitCodes, Failure } from "./exit-codes.ts";
import { note, stdout } from "./output.ts";
import { run } from "./program.ts";

/** Does what the arguments say, and ends the process. */
export async function runToExit(args: readonly string[]): Promise<never> {
  process.on("uncaughtException", (error) => process.exit(report(error)));
  let code: number;
  try {
    code = await run(args);
  } catch (error) {
    code = report(error);
  }
  await stdout.end();
  // What a config file has opened must not keep a command alive that is done.
  process.exit(code);
}

/** Says what went wrong, and answers the exit code. */
function report(thrown: unknown): number {
  if (thrown instanceof Failure) {
    for (const sentence of thrown.sentences) note(sentence);
    return thrown.exitCode;
  }
  if (thrown instanceof HoldfastError) {
    note(thrown.message);
    return exitCodeOf(thrown);
  }
  const details = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  note(`this should not have happened; please report it.\n${details}`);
  return exitCodes.fault;
}
