#!/usr/bin/env -S node --max-semi-space-size=4
import { enableCompileCache } from "node:module";

// Before anything else is imported, so that it is compiled once and not at every start.
enableCompileCache();

const { runToExit } = await import("./exit.ts");
await runToExit(process.argv.slice(2));
