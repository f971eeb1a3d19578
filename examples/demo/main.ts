import { parseArgs } from "node:util";
import { startDemo } from "./demo.ts";

const usage = `The demo of Holdfast: a page to look at, on this machine only.

  npm start                    on http://127.0.0.1:7070/
  npm start -- --port 8080     on another port; 0 takes any free one
  PORT=8080 npm start          the same

Visitors are signed in with tokens of 60 seconds; DEMO_TOKEN_SECONDS=10 makes them shorter.`;

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

function readPort(): number {
  try {
    const { values } = parseArgs({
      options: { port: { type: "string" }, help: { type: "boolean", short: "h" } },
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    const text = values.port ?? process.env.PORT ?? "7070";
    const port = Number(text);
    if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
    return fail(`The port is a whole number from 0 to 65535, not "${text}".`);
  } catch (error) {
    return fail(`${(error as Error).message}\n\n${usage}`);
  }
}

function explain(error: NodeJS.ErrnoException, port: number): string {
  if (error.code === "EADDRINUSE") {
    return `Port ${port} is taken by another program. Stop that, or choose another port: npm start -- --port ${port + 1}`;
  }
  if (error.code === "EACCES") return `You may not listen on port ${port}. Choose one from 1024 up.`;
  return `The demo could not start: ${error.stack ?? error.message}`;
}

/** Short tokens show soon how they are renewed; the tests want them shorter still. */
function readTokenSeconds(): number {
  const text = process.env.DEMO_TOKEN_SECONDS ?? "60";
  if (/^\d{1,4}$/.test(text) && Number(text) >= 4) return Number(text);
  return fail(`DEMO_TOKEN_SECONDS is a whole number from 4 to 9999, not "${text}".`);
}

const port = readPort();
const demo = await startDemo({ port, tokenSeconds: readTokenSeconds() }).catch(
  (error: NodeJS.ErrnoException) => fail(explain(error, port)),
);
console.log(`Holdfast's demo is at ${demo.url} (Ctrl+C ends it)`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    // The handler is gone now, so a second signal ends the process at once.
    demo.stop().then(
      () => process.exit(0),
      (error: unknown) => fail(`The demo did not end well: ${String(error)}`),
    );
  });
}
