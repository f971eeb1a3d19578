import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const debianPath = "/usr/bin/chromium";

/** Where the browser tests find Chromium. */
export function chromiumPath(): string {
  return process.env.HOLDFAST_CHROMIUM || debianPath;
}

/** Installs Chromium where that takes no decision of a person's; else the sentence says what to do. */
export function needChromium(): string | undefined {
  const path = chromiumPath();
  if (existsSync(path)) return undefined;
  if (process.env.HOLDFAST_CHROMIUM) return `HOLDFAST_CHROMIUM is ${path}, where there is no file.`;
  if (process.getuid?.() === 0 && existsSync("/etc/debian_version")) {
    console.log(`${path} is missing: installing it.`);
    const failed = aptGet("update") || aptGet("install", "-y", "--no-install-recommends", "chromium");
    if (!failed && existsSync(path)) return undefined;
    return `apt-get could not install chromium. Install it, or set HOLDFAST_CHROMIUM to a Chromium or Chrome.`;
  }
  return (
    `The browser tests need Chromium: set HOLDFAST_CHROMIUM to a Chromium or Chrome, ` +
    `or on Debian run "sudo apt-get install --no-install-recommends chromium".`
  );
}

function aptGet(...args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync("apt-get", args, { env, stdio: ["ignore", "inherit", "inherit"] }).status !== 0;
}

if (import.meta.main) {
  const problem = needChromium();
  if (problem) {
    console.error(problem);
    process.exitCode = 1;
  } else {
    console.log(chromiumPath());
  }
}
